"""Which backends a name stands for, on which machine."""

from __future__ import annotations

import pytest
import torch

from ssc_ros.assembly.settings import BACKENDS
from ssc_ros.core import SscError
from ssc_ros.inference.backends import backend as backends
from ssc_ros.inference.backends.backend import AUTO, NAMES, Backend, candidates

from .tiny_backend import CPU


def test_auto_is_openvino_on_a_cpu_and_torch_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ranges = {"image.encoder.0": (0.0, 1.0)}
    monkeypatch.setattr(backends, "calculates_in_bfloat16", lambda: True)
    monkeypatch.setattr(backends, "multiplies_bytes", lambda: True)
    assert candidates(AUTO, CPU) == [Backend("openvino", "bf16"), Backend("openvino"), Backend()]
    assert candidates(AUTO, CPU, ranges) == [Backend("openvino", "int8"), *candidates(AUTO, CPU)]
    assert candidates(AUTO, torch.device("cuda"), ranges) == [Backend()]
    monkeypatch.setattr(backends, "multiplies_bytes", lambda: False)
    assert candidates(AUTO, CPU, ranges) == candidates(AUTO, CPU)
    monkeypatch.setattr(backends, "calculates_in_bfloat16", lambda: False)
    assert candidates(AUTO, CPU) == [Backend("openvino"), Backend()]
    monkeypatch.setattr(backends, "find_spec", lambda module: None)
    assert candidates(AUTO, CPU) == [Backend()]
    with pytest.raises(SscError, match="openvino is not installed: pip install openvino"):
        candidates("openvino-bf16", CPU)
    with pytest.raises(SscError, match="backend 'abacus' does not exist; choose from auto, torch"):
        candidates("abacus", CPU)


def test_the_node_knows_every_backend() -> None:
    assert (AUTO, *NAMES) == BACKENDS
