"""Compiled parts are kept by what they depend on."""

from __future__ import annotations

import pytest

from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.inference.backends.selection import observe
from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs

from .tiny_backend import SPEC, network

pytestmark = pytest.mark.usefixtures("own_cache")


def test_artefacts_depend_on_weights_shapes_backend_and_part() -> None:
    _, examples = observe(network(), synthetic_inputs(SPEC))
    paths = [
        Artefacts.of(network(seed)).path(backend, example, ".xml")
        for seed in (0, 1)
        for backend in (Backend(), Backend("compile"))
        for example in examples
    ]
    assert len(set(paths)) == 12
    assert paths[0] == Artefacts.of(network()).path(Backend(), examples[0], ".xml")
    assert Artefacts.of(network()) != Artefacts.of(network(), {"image.encoder.0": (0.0, 1.0)})
