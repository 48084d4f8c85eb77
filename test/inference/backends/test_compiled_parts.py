"""What OpenVINO, ONNX Runtime and CUDA make of dense parts calculates what torch does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ssc_ros.core import SscError
from ssc_ros.inference.backends.artefacts import Artefacts
from ssc_ros.inference.backends.backend import Backend
from ssc_ros.inference.backends.parity import REQUIRED
from ssc_ros.inference.backends.selection import choose_backend, observe
from ssc_ros.inference.backends.synthetic_scene import synthetic_inputs
from ssc_ros.networks.dense import dense, record
from ssc_ros.networks.quantization import observed_ranges, quantised
from ssc_ros.networks.volume.blocks import channels_are_last, channels_first, channels_last
from ssc_ros.systems import build

from .tiny_backend import CPU, SPEC, network

pytestmark = pytest.mark.usefixtures("own_cache")


class Widen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Conv3d(3, 5, 1).requires_grad_(False)

    @dense
    def widen(self, volume: Tensor, more: Tensor) -> Tensor:
        return self.convolution(volume) + more


@pytest.mark.parametrize("last", [False, True])
def test_openvino_takes_a_volume_as_it_lies(last: bool) -> None:
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
def test_openvino_moves_no_channels_back_and_forth(precision: str) -> None:
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


@pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
def test_compiled_parts_calculate_what_torch_does(library: str) -> None:
    backend = Backend(library)
    if reason := backend.missing(CPU):
        pytest.skip(reason)
    made = network()
    inputs = synthetic_inputs(SPEC)
    expected, _ = observe(made, inputs)
    for _ in range(2):  # the second time from the cache
        execution = choose_backend(made, [backend], CPU)
        assert (execution.parts, execution.left) == (("image.see", "fuse_and_fill", "complete"), ())
        found = made(inputs).scene
        scale = expected.scene.features.abs().max()
        torch.testing.assert_close(found.features / scale, expected.scene.features / scale, atol=1e-5, rtol=0)
        assert found.classify is expected.scene.classify
    two = {key: torch.cat([value, value]) for key, value in inputs.items()}
    torch.testing.assert_close(made(two).scene.features[1:], expected.scene.features, atol=1e-4 * scale, rtol=0)


def test_tensorrt_is_not_mistaken_for_what_onnx_runtime_has_instead(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_tensorrt_keeps_its_engines_beside_the_model_and_runs_on_the_networks_gpu(tmp_path: Path) -> None:
    parts = pytest.importorskip("ssc_ros.inference.backends.onnx_parts")
    for precision, small in (("f32", False), ("bf16", True)):
        (name, options), (rest, _) = parts.providers(
            Backend("tensorrt", precision), tmp_path / "image.see-0.onnx", torch.device("cuda:1")
        )
        assert (name, rest) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
        assert (options["device_id"], options["trt_bf16_enable"]) == (1, small)
        assert options["trt_engine_cache_path"] == str(tmp_path / "image.see-0")
    assert Backend("tensorrt").missing(CPU) == "it runs on cuda, not on cpu"


def test_weights_of_convolutions_lie_channels_last_and_change_no_number() -> None:
    from ssc_ros.inference.backends.cuda_parts import lay_channels_last

    torch.manual_seed(0)
    volume, image = torch.randn(1, 3, 4, 6, 2), torch.randn(1, 3, 4, 6)
    both = nn.ModuleList([nn.Conv3d(3, 5, 3), nn.Conv2d(3, 5, 3)]).double()
    expected = both[0](torch.nn.functional.pad(volume.double(), (1, 1) * 3)), both[1](image.double())
    lay_channels_last(both)
    assert both[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert both[1].weight.is_contiguous(memory_format=torch.channels_last)
    found = both[0](torch.nn.functional.pad(volume.double(), (1, 1) * 3)), both[1](image.double())
    torch.testing.assert_close(found, expected)


def test_openvino_calculates_in_eight_bits_what_torch_does_with_rounded_values() -> None:
    parts = pytest.importorskip("ssc_ros.inference.backends.openvino_parts")
    backend, made, inputs = Backend("openvino", "int8"), network(), synthetic_inputs(SPEC)
    with pytest.raises(SscError, match="does not say; let it see frames: ssc-ros export FILE --backend openvino-int8"):
        choose_backend(made, [backend], CPU)
    with observed_ranges(made) as ranges:
        _, examples = observe(made, inputs)
    (see,) = (example for example in examples if example.part.path == "image.see")
    with quantised(made, ranges):
        model = parts.load_or_convert(see, backend, Artefacts("none"))
    weights = [operation for operation in model.get_ops() if operation.get_element_type().to_dtype() == "int8"]
    assert len(weights) == len([name for name in ranges if name.startswith(("image.encoder", "image.depth"))])
    for _ in range(2):  # the second time from the cache
        execution = choose_backend(made, [backend], CPU, ranges)
        assert (execution.parts, execution.left) == (("image.see", "fuse_and_fill", "complete"), ())
        assert execution.agreement > REQUIRED["int8"]


@pytest.mark.parametrize(("system", "preset"), [("htcl", "edge"), ("sgn", "edge_t"), ("vlscene", "edge")])
def test_openvino_knows_every_operation_of_dense_parts(system: str, preset: str) -> None:
    backend = Backend("openvino")
    if reason := backend.missing(CPU):
        pytest.skip(reason)
    torch.manual_seed(0)
    execution = choose_backend(build(system, preset).eval(), [backend], CPU)
    assert execution.left == ()
    assert len(execution.parts) > 1


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


def test_signals_are_survived_after_another_thread_has_let_go_of_openvino() -> None:
    pytest.importorskip("openvino")
    result = subprocess.run(
        [sys.executable, "-c", SIGNAL_AFTER_OPENVINO], capture_output=True, text=True, check=False, timeout=120
    )
    assert (result.returncode, result.stdout) == (0, "handled\n")
