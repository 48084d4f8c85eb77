"""The prompts of the classes."""

from __future__ import annotations

import pytest

from ssc_ros.core import LABEL_SETS
from ssc_ros.networks.language.prompts import prompts_of
from ssc_ros.networks.language.text import HashedWords


@pytest.mark.parametrize("name", LABEL_SETS)
def test_every_class_of_every_label_set_has_a_prompt_of_its_own(name: str) -> None:
    prompts = prompts_of(LABEL_SETS[name].names)
    assert len(set(prompts)) == len(LABEL_SETS[name])
    text = HashedWords(64)(prompts)
    cosines = text @ text.T
    assert cosines.fill_diagonal_(-1).max() < 0.8  # no class is another one with an accent
