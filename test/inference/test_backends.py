"""Backends run the dense parts of a network, are compared with torch, and are refused where they say something else."""

from __future__ import annotations

import re
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from ssc_ros.assembly.settings import BACKENDS
from ssc_ros.core import SscError
from ssc_ros.inference.backends import backend as backends
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import AUTO, NAMES, Backend, candidates
from ssc_ros.inference.backends.parity import REQUIRED
from ssc_ros.inference.backends.sample import made_inputs
from ssc_ros.inference.backends.selection import deploy, observe
from ssc_ros.networks.dense import dense, dense_parts, flatten, rebuild, record
from ssc_ros.networks.heads.subvoxel import SubvoxelLogits
from ssc_ros.systems import SYSTEMS, build
from ssc_ros.systems.dry_run import empty_inputs

from .tiny_backend import CPU, SPEC, network

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_result_is_taken_apart_and_put_together_without_its_taps():
    scene = SubvoxelLogits(torch.ones(1, 3, 2, 2, 2), torch.zeros(1, 8, 2, 2, 2))
    value = (scene, {"tap": torch.ones(1)}, (torch.full((2,), 5.0), None))
    tensors = flatten(value)
    assert [tuple(x.shape) for x in tensors] == [(1, 3, 2, 2, 2), (1, 8, 2, 2, 2), (2,)]
    (other, taps, (five, nothing)) = rebuild(value, (2 * x for x in tensors))
    assert (other.semantic == 2).all()
    assert (other.empty_offset == 0).all()
    assert five.tolist() == [10, 10]
    assert (taps, nothing) == ({}, None)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.compiled = {}

    @dense
    def double(self, x: Tensor) -> Tensor:
        return 2 * x


def test_a_dense_method_is_recorded_and_replaced():
    outer = nn.Sequential(Twice())
    (part,) = dense_parts(outer)
    assert part.path == "0.double"
    (example,) = record(outer, lambda: [outer[0].double(torch.full((1,), n)) for n in (1.0, 3.0)])
    assert (example.inputs[0].item(), example.output.item(), example.runs) == (3, 6, 2)
    part.replace(lambda x: x + 100)
    assert outer[0].double(torch.ones(1)).item() == 101
    assert part.call(torch.ones(1)).item() == 2
    part.replace(None)
    assert outer[0].double(torch.ones(1)).item() == 2


@pytest.mark.parametrize(("system", "preset"), [("l2cocc", "edge_fused"), ("sgn", "edge_t"), ("vlscene", "edge")])
def test_the_made_street_has_every_input(system, preset):
    spec = SYSTEMS[system][preset]().spec
    made, expected = made_inputs(spec), empty_inputs(spec)
    assert made.keys() == expected.keys()
    for key, value in made.items():
        assert value.dtype == expected[key].dtype
        if key not in ("stereo_points", "points"):  # as many as there are
            assert value.shape == expected[key].shape
    for key in made.keys() & {"stereo_depth", "stereo_voxels", "lidar_voxels"}:
        assert 0.001 < (made[key] > 0).float().mean() < 1


def fake(monkeypatch, compile_part, precision="f32"):
    """A backend that nobody has."""
    name = f"{backends.__package__}.fake_parts"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(compile_part=compile_part))
    monkeypatch.setitem(backends._LIBRARIES, "fake", backends._Library("fake_parts"))
    return Backend("fake", precision)


def test_parts_are_compiled_for_frames_of_a_stream(monkeypatch):
    batches = {}

    def compile_part(example, backend, artefacts):
        batches[example.part.path] = len(example.inputs[0])
        return example.part.call

    deploy(build("htcl", "edge").eval(), [fake(monkeypatch, compile_part)], CPU)
    # two past frames, which have left their memory behind; nobody encodes them again
    assert batches.pop("encode") == 1
    assert set(batches.values()) == {1}


def test_a_backend_that_agrees_runs_the_parts(monkeypatch):
    calls = []

    def compile_part(example, backend, artefacts):
        def run(*tensors):
            calls.append(example.part.path)
            return example.part.call(*tensors)

        return run

    made = network()
    deployment = deploy(made, [fake(monkeypatch, compile_part)], CPU)
    assert deployment.parts == ("image.see", "fuse_and_fill", "complete")
    assert deployment.agreement == 1.0
    calls.clear()
    made(made_inputs(SPEC))
    assert calls == ["image.see", "fuse_and_fill", "complete"]


def test_a_backend_that_says_something_else_is_refused(monkeypatch, caplog):
    def compile_part(example, backend, artefacts):
        def run(*tensors):
            output = example.part.call(*tensors)
            return rebuild(output, (-x for x in flatten(output)))

        return run

    made, wrong = network(), fake(monkeypatch, compile_part)
    expected = made(made_inputs(SPEC)).scene.labels()
    assert len(expected.unique()) > 3
    with pytest.raises(SscError, match="'fake' is refused: "):
        deploy(made, [wrong], CPU)
    assert deploy(made, [wrong, Backend()], CPU).backend == Backend("torch")
    assert "trying torch" in caplog.text
    assert torch.equal(made(made_inputs(SPEC)).scene.labels(), expected)


def test_who_asks_for_bfloat16_by_name_accepts_what_torch_loses_by_it(monkeypatch, caplog):
    made, same = network(), fake(monkeypatch, lambda example, backend, artefacts: example.part.call, "bf16")
    with torch.no_grad():
        made.head.logits.weight.mul_(1000)  # every label is sure, and some depend on rounding
    deployment = deploy(made, [same], CPU)
    assert deployment.parts == ("image.see", "fuse_and_fill", "complete")
    assert deployment.agreement < REQUIRED["bf16"]
    changed = re.search(r"bfloat16 alone changes (.*)% of the labels", caplog.text)
    assert float(changed[1]) == pytest.approx(100 * (1 - deployment.agreement), abs=0.01)
    # "auto" goes on with what loses less
    assert deploy(made, [same, Backend()], CPU).backend == Backend("torch")


def test_a_backend_that_loses_more_than_torch_in_bfloat16_is_refused(monkeypatch):
    def compile_part(example, backend, artefacts):
        return lambda *tensors: rebuild(example.output, (-x for x in flatten(example.part.call(*tensors))))

    with pytest.raises(SscError, match="'fake-bf16' is refused: "):
        deploy(network(), [fake(monkeypatch, compile_part, "bf16")], CPU)


def test_a_part_that_cannot_be_compiled_stays_with_torch(monkeypatch):
    def compile_part(example, backend, artefacts):
        if example.part.path == "complete":
            raise RuntimeError("no such operation\nand a long explanation")
        return example.part.call

    deployment = deploy(network(), [fake(monkeypatch, compile_part)], CPU)
    assert deployment.parts == ("image.see", "fuse_and_fill")
    assert deployment.left == (("complete", "no such operation"),)


def test_artefacts_depend_on_weights_shapes_backend_and_part():
    _, examples = observe(network(), made_inputs(SPEC))
    paths = [
        Artefacts.of(network(seed)).path(backend, example, ".xml")
        for seed in (0, 1)
        for backend in (Backend(), Backend("compile"))
        for example in examples
    ]
    assert len(set(paths)) == 12
    assert paths[0] == Artefacts.of(network()).path(Backend(), examples[0], ".xml")
    assert Artefacts.of(network()) != Artefacts.of(network(), {"image.encoder.0": (0.0, 1.0)})


def test_auto_is_openvino_on_a_cpu_and_torch_where_it_cannot_run(monkeypatch):
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


def test_the_node_knows_every_backend():
    assert (AUTO, *NAMES) == BACKENDS
