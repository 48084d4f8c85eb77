"""The backends by name, and which of them can run here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch

from ssc_ros.core import SscError
from ssc_ros.networks.quantization import NO_RANGES, Ranges

AUTO = "auto"
PRECISIONS = ("f32", "bf16", "int8")


@dataclass(frozen=True)
class _Library:
    """What compiles dense parts.

    Attributes:
        compiler: module that has `compile_part`; None: parts run in torch as they are.
        needs: modules that must be installed.
        install: what pip is given to install them.
        precisions: that it can calculate in.
        device: that it runs on; None: any.
    """

    compiler: str | None
    needs: tuple[str, ...] = ()
    install: str = ""
    precisions: tuple[str, ...] = ("f32", "bf16")
    device: str | None = None


_LIBRARIES = {
    "torch": _Library(None),
    "compile": _Library("inductor"),
    "openvino": _Library("openvino_parts", ("openvino",), "openvino", PRECISIONS, "cpu"),
    "onnxruntime": _Library("onnx_parts", ("onnx", "onnxscript", "onnxruntime"), "'ssc_ros[onnx]'", ("f32",), "cpu"),
    "cudagraphs": _Library("cuda_parts", device="cuda"),
    "tensorrt": _Library(
        "onnx_parts", ("onnx", "onnxscript", "onnxruntime", "tensorrt"), "'ssc_ros[tensorrt]'", device="cuda"
    ),
}


@dataclass(frozen=True)
class Backend:
    """A library and the precision that it calculates in.

    Attributes:
        library: of `NAMES`, without the precision.
        precision: of `PRECISIONS`. What torch does beside the library it does in bfloat16 for all but "f32", by
            autocast.
    """

    library: str = "torch"
    precision: str = "f32"

    @property
    def name(self) -> str:
        """Such as "torch" or "openvino-bf16"."""
        return self.library if self.precision == "f32" else f"{self.library}-{self.precision}"

    @staticmethod
    def named(name: str) -> Backend:
        """The backend of a name.

        Raises:
            SscError: there is none.
        """
        for backend in ALL:
            if backend.name == name:
                return backend
        raise SscError(f"backend '{name}' does not exist; choose from {AUTO}, {', '.join(b.name for b in ALL)}")

    @property
    def is_torch(self) -> bool:
        """Whether torch runs everything, so that nothing is compiled and compared."""
        return self._library.compiler is None

    @property
    def compiler(self) -> str:
        """Name of the module with `compile_part`."""
        assert self._library.compiler is not None
        return f"{__package__}.{self._library.compiler}"

    def missing(self, device: torch.device) -> str | None:
        """Why it cannot run on a device of this machine; None where it can."""
        library = self._library
        if library.device not in (None, device.type):
            return f"it runs on {library.device}, not on {device.type}"
        absent = [module for module in library.needs if find_spec(module) is None]
        if absent:
            return f"{', '.join(absent)} is not installed: pip install {library.install}"
        return None

    def version(self) -> str:
        """Of the library, as far as what it makes depends on it."""
        modules = self._library.needs or ("torch",)
        return " ".join(f"{m} {importlib.import_module(m).__version__}" for m in modules)

    @property
    def _library(self) -> _Library:
        return _LIBRARIES[self.library]


ALL = tuple(Backend(name, precision) for name, library in _LIBRARIES.items() for precision in library.precisions)
NAMES = tuple(backend.name for backend in ALL)


def installed(device: torch.device) -> list[Backend]:
    """The backends that can run on a device of this machine, as far as can be told without trying."""
    return [backend for backend in ALL if backend.missing(device) is None]


def candidates(name: str, device: torch.device, ranges: Ranges = NO_RANGES) -> list[Backend]:
    """What a name stands for, in the order of preference.

    "auto" is OpenVINO on a CPU, in eight bits where the CPU multiplies them and it is known how to round, in bfloat16
    where the CPU calculates in it, or else in single precision, and then torch. torch.compile is never chosen: it takes
    minutes to compile.

    Args:
        name: "auto", or of a backend.
        device: of the network.
        ranges: what the network's convolutions read; empty where that is not known.

    Raises:
        SscError: there is no such backend, or it cannot run here.
    """
    if name == AUTO:
        can = {"int8": bool(ranges) and multiplies_bytes(), "bf16": calculates_in_bfloat16(), "f32": True}
        fast = [Backend("openvino", precision) for precision, possible in can.items() if possible]
        return [*(backend for backend in fast if backend.missing(device) is None), Backend()]
    backend = Backend.named(name)
    if reason := backend.missing(device):
        raise SscError(f"backend '{name}' cannot run here: {reason}")
    return [backend]


def calculates_in_bfloat16() -> bool:
    """Whether this CPU has products of bfloat16."""
    return "avx512_bf16" in _instructions()


def multiplies_bytes() -> bool:
    """Whether this CPU has products of bytes, and of bfloat16 for what is not quantised."""
    return {"avx512_vnni", "avx512_bf16"} <= _instructions()


def _instructions() -> set[str]:
    cpu = Path("/proc/cpuinfo")
    return set(cpu.read_text().split()) if cpu.is_file() else set()
