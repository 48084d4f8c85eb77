"""Backends run the dense parts of a network, are compared with torch, and are refused where they say something else."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from ssc_ros.core import SceneGrid, SscError
from ssc_ros.inference.backends import backend as backends
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import AUTO, NAMES, Backend, candidates
from ssc_ros.inference.backends.deploy import deploy, observe
from ssc_ros.inference.backends.parity import REQUIRED, Parity
from ssc_ros.inference.backends.sample import made_inputs
from ssc_ros.networks.dense import dense, dense_parts, flatten, rebuild, record
from ssc_ros.networks.heads.subvoxel import SubvoxelLogits
from ssc_ros.networks.quantization import observed_ranges, quantised
from ssc_ros.networks.volume.blocks import channels_are_last, channels_first, channels_last
from ssc_ros.ros.parameters import BACKENDS
from ssc_ros.systems import SYSTEMS, InputSpec, build
from ssc_ros.systems.summary import empty_inputs

from ..training import tiny_l2cocc  # noqa: TID252 (a package named test is Python's own)

SPEC = InputSpec(image_size=(32, 96), context_size=(8, 24), grid=SceneGrid((0.0, -6.4, -2.0), 0.8, (32, 16, 8)))
CPU = torch.device("cpu")


def network(seed: int = 0):
    """Untrained, but with an opinion."""
    torch.manual_seed(seed)
    made = tiny_l2cocc.camera(SPEC)
    with torch.no_grad():
        made.head.logits.weight.mul_(30)
        made.head.logits.bias.zero_()
    return made.eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


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


class Widen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv3d(3, 5, 1).requires_grad_(False)

    @dense
    def widen(self, volume: Tensor, more: Tensor) -> Tensor:
        return self.convolution(volume) + more


@pytest.mark.parametrize("last", [False, True])
def test_openvino_takes_a_volume_as_it_lies(last):
    """The model's own axes show it; what lies in the other way, later, is the same volume."""
    parts = pytest.importorskip("ssc_ros.inference.backends.openvino_parts")
    module, volume, more = Widen(), torch.randn(1, 3, 4, 6, 2), torch.randn(1, 5, 4, 6, 2)
    beside = volume.movedim(1, -1).contiguous().movedim(-1, 1)
    example = record(module, lambda: module.widen(beside if last else volume, more))[0]
    (x, y) = parts.load_or_convert(example, Backend("openvino"), Artefacts("none")).inputs
    assert [tuple(port.shape) for port in (x, y)] == [(1, 4, 6, 2, 3) if last else (1, 3, 4, 6, 2), (1, 5, 4, 6, 2)]
    compiled = parts.compile_part(example, Backend("openvino"), Artefacts("none"))
    for given in (volume, beside):
        torch.testing.assert_close(compiled(given, more), module.widen(volume, more), atol=1e-5, rtol=1e-5)


class Rows(nn.Module):
    """Rows of voxels beside a convolution, and a map, all of the same volume."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv3d(16, 16, 3, padding=1).requires_grad_(False)
        self.product = nn.Linear(16, 16).requires_grad_(False)

    @dense
    def both(self, volume: Tensor) -> tuple[Tensor, Tensor]:
        rows = channels_last(volume)
        return channels_first(self.product(rows) + channels_last(self.convolution(volume))), rows.mean(dim=3)


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_openvino_moves_no_channels_back_and_forth(precision):
    parts = pytest.importorskip("ssc_ros.inference.backends.openvino_parts")
    module, volume = Rows(), channels_first(torch.randn(1, 4, 6, 2, 16))
    example = record(module, lambda: module.both(volume))[0]
    for _ in range(2):  # the second time from the file
        model = parts.load_or_convert(example, Backend("openvino", precision), Artefacts("none"))
    moved = [operation for operation in model.get_ops() if operation.get_type_name() == "Transpose"]
    assert len(moved) == 2  # into the convolution and out of it; the product of rows reads the input itself
    wide, flat = parts.compile_part(example, Backend("openvino", precision), Artefacts("none"))(volume)
    # results lie as torch's do, and a volume takes half of the memory where it was calculated in half precision
    assert channels_are_last(wide)
    assert (wide.dtype, flat.dtype) == (torch.bfloat16 if precision == "bf16" else torch.float32, torch.float32)
    limit = 0.05 if precision == "bf16" else 1e-4
    if precision == "bf16":  # an argument may be as small
        (again, _) = parts.compile_part(example, Backend("openvino", precision), Artefacts("none"))(volume.bfloat16())
        assert torch.equal(again, wide)
    for found, expected in zip((wide, flat), module.both(volume), strict=True):
        torch.testing.assert_close(found.float(), expected, atol=limit, rtol=limit)


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
    assert deployment.parts == ("image.see", "enter", "complete")
    assert deployment.parity == Parity(1.0, 1.0)
    calls.clear()
    made(made_inputs(SPEC))
    assert calls == ["image.see", "enter", "complete"]


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
    assert deployment.parts == ("image.see", "enter", "complete")
    assert deployment.parity.agreement < REQUIRED["bf16"]
    changed = re.search(r"bfloat16 alone changes (.*)% of the labels", caplog.text)
    assert float(changed[1]) == pytest.approx(100 * (1 - deployment.parity.agreement), abs=0.01)
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
    assert deployment.parts == ("image.see", "enter")
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


@pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
def test_compiled_parts_calculate_what_torch_does(library):
    backend = Backend(library)
    if reason := backend.missing(CPU):
        pytest.skip(reason)
    made = network()
    inputs = made_inputs(SPEC)
    expected, _ = observe(made, inputs)
    for _ in range(2):  # the second time from the cache
        deployment = deploy(made, [backend], CPU)
        assert (deployment.parts, deployment.left) == (("image.see", "enter", "complete"), ())
        found = made(inputs).scene
        scale = expected.scene.features.abs().max()
        torch.testing.assert_close(found.features / scale, expected.scene.features / scale, atol=1e-5, rtol=0)
        assert found.classify is expected.scene.classify
    two = {key: torch.cat([value, value]) for key, value in inputs.items()}
    torch.testing.assert_close(made(two).scene.features[1:], expected.scene.features, atol=1e-4 * scale, rtol=0)


def test_tensorrt_is_not_mistaken_for_what_onnx_runtime_has_instead(monkeypatch):
    """Without TensorRT it would run the model on a CPU and only warn."""
    parts = pytest.importorskip("ssc_ros.inference.backends.onnx_parts")
    if "TensorrtExecutionProvider" in parts.onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has TensorRT")
    monkeypatch.setattr(Backend, "version", lambda self: "of a library that is not installed")
    module = Widen()
    (example,) = record(module, lambda: module.widen(torch.randn(1, 3, 4, 6, 2), torch.randn(1, 5, 4, 6, 2)))
    no_tensorrt = pytest.raises(RuntimeError, match="has no TensorrtExecutionProvider: pip install")
    with no_tensorrt, pytest.warns(UserWarning, match="not in available provider names"):
        parts.compile_part(example, Backend("tensorrt", "bf16"), Artefacts("none"))


def test_tensorrt_keeps_its_engines_beside_the_model_and_runs_on_the_networks_gpu(tmp_path):
    parts = pytest.importorskip("ssc_ros.inference.backends.onnx_parts")
    for precision, small in (("f32", False), ("bf16", True)):
        (name, options), (rest, _) = parts.providers(
            Backend("tensorrt", precision), tmp_path / "image.see-0.onnx", torch.device("cuda:1")
        )
        assert (name, rest) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
        assert (options["device_id"], options["trt_bf16_enable"]) == (1, small)
        assert options["trt_engine_cache_path"] == str(tmp_path / "image.see-0")
    assert Backend("tensorrt").missing(CPU) == "it runs on cuda, not on cpu"


def test_openvino_calculates_in_eight_bits_what_torch_does_with_rounded_values():
    parts = pytest.importorskip("ssc_ros.inference.backends.openvino_parts")
    backend, made, inputs = Backend("openvino", "int8"), network(), made_inputs(SPEC)
    with pytest.raises(SscError, match="does not say; let it see frames: ssc-ros export FILE --backend openvino-int8"):
        deploy(made, [backend], CPU)
    with observed_ranges(made) as ranges:
        _, examples = observe(made, inputs)
    (see,) = (example for example in examples if example.part.path == "image.see")
    with quantised(made, ranges):
        model = parts.load_or_convert(see, backend, Artefacts("none"))
    weights = [operation for operation in model.get_ops() if operation.get_element_type().to_dtype() == "int8"]
    assert len(weights) == len([name for name in ranges if name.startswith(("image.encoder", "image.depth"))])
    for _ in range(2):  # the second time from the cache
        deployment = deploy(made, [backend], CPU, ranges)
        assert (deployment.parts, deployment.left) == (("image.see", "enter", "complete"), ())
        assert deployment.parity.agreement > REQUIRED["int8"]


@pytest.mark.parametrize(("system", "preset"), [("htcl", "edge"), ("sgn", "edge_t"), ("vlscene", "edge")])
def test_openvino_knows_every_operation_of_dense_parts(system, preset):
    backend = Backend("openvino")
    if reason := backend.missing(CPU):
        pytest.skip(reason)
    torch.manual_seed(0)
    deployment = deploy(build(system, preset).eval(), [backend], CPU)
    assert deployment.left == ()
    assert len(deployment.parts) > 1


SIGNAL_AFTER_OPENVINO = """
import faulthandler, gc, os, signal, threading
faulthandler.enable()  # with a stack of its own
from ssc_ros.inference.backends.openvino_parts import core
held = [core()]
held[0].get_property("CPU", "FULL_DEVICE_NAME")  # loads the plugin
def let_go():
    held.clear()
    gc.collect()
thread = threading.Thread(target=let_go)
thread.start()
thread.join()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_signals_are_survived_after_another_thread_has_let_go_of_openvino():
    pytest.importorskip("openvino")
    result = subprocess.run(
        [sys.executable, "-c", SIGNAL_AFTER_OPENVINO], capture_output=True, text=True, check=False, timeout=120
    )
    assert (result.returncode, result.stdout) == (0, "handled\n")
