"""Checkpoints as their authors published them, made to fit the systems here: other names, another layout of kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ssc_ros.core import SscError
from ssc_ros.systems.spec import SceneNetwork

_Modules = dict[str, str]
"""Published module -> the module here."""


def _polarnet() -> _Modules:
    """PolarNet as its distillation has it, github.com/fengjiang5/Knowledge-Distillation-from-Cylinder3D-to-PolarNet."""
    unet = "BEV_model.network"
    modules = {
        "PPmodel": "encoder.layers",
        "fea_compression": "encoder.compress",
        f"{unet}.inc.conv.0": "unet.norm",
        f"{unet}.outc.conv": "head",
    }
    pairs = {f"{unet}.inc.conv.1": ("unet.entry", 0)}  # the first of two convolutions, and its place
    for level in range(4):
        pairs[f"{unet}.down{level + 1}.mpconv.1"] = f"unet.downs.{level}", 1
        pairs[f"{unet}.up{4 - level}.conv"] = f"unet.ups.{level}", 0
    for theirs, (ours, first) in pairs.items():
        for i in range(2):
            modules[f"{theirs}.conv{i + 1}.0"] = f"{ours}.{first + i}.conv"
            modules[f"{theirs}.conv{i + 1}.1"] = f"{ours}.{first + i}.norm"
    return modules


def _cylinder3d() -> _Modules:
    """Cylinder3D as its authors (github.com/xinge008/Cylinder3D) and the distillation above publish it."""
    points, unet = "cylinder_3d_generator", "cylinder_3d_spconv_seg"
    modules = {
        f"{points}.PPmodel": "encoder.layers",
        f"{points}.fea_compression": "encoder.compress",
        f"{unet}.logits": "head",
    }
    # their first block begins with the path that their other blocks end with
    blocks = {f"{unet}.downCntx": ("unet.context", (0, 1))}
    for level in range(4):
        blocks[f"{unet}.resBlock{level + 2}"] = f"unet.blocks.{level}", (1, 0)
        modules[f"{unet}.resBlock{level + 2}.pool"] = f"unet.downs.{level}"
        up, ours = f"{unet}.upBlock{3 - level}", f"unet.ups.{level}"
        modules |= {f"{up}.up_subm": f"{ours}.grow"}
        modules |= {f"{up}.trans_dilao": f"{ours}.entry.conv", f"{up}.trans_bn": f"{ours}.entry.after.1"}
        for i in range(3):
            modules |= {f"{up}.conv{i + 1}": f"{ours}.exit.{i}.conv", f"{up}.bn{i + 1}": f"{ours}.exit.{i}.after.1"}
    for theirs, (ours, (one, other)) in blocks.items():
        units = f"{ours}.paths.{one}.0", f"{ours}.paths.{one}.1", f"{ours}.paths.{other}.0", f"{ours}.paths.{other}.1"
        layers = ("conv1", "bn0"), ("conv1_2", "bn0_2"), ("conv2", "bn1"), ("conv3", "bn2")
        for unit, (conv, norm) in zip(units, layers, strict=True):
            modules |= {f"{theirs}.{conv}": f"{unit}.conv", f"{theirs}.{norm}": f"{unit}.after.1"}
    for i, axis in enumerate(("", "_2", "_3")):
        modules[f"{unet}.ReconNet.conv1{axis}"] = f"unet.gate.convs.{i}"
        modules[f"{unet}.ReconNet.bn0{axis}"] = f"unet.gate.norms.{i}"
    return modules


PUBLISHED_MODULES: Mapping[str, Callable[[], _Modules]] = {"polarnet": _polarnet, "cylinder3d": _cylinder3d}
"""System -> its modules by their published names; all belong to the preset `full`."""

WRAPPERS = "model", "state_dict", "model_state_dict"
"""Keys under which a file may hold its state dict beside other things."""


def import_published(network: SceneNetwork, system: str, weights: Any) -> None:
    """Fill a network with the weights of a published checkpoint.

    Kernels of sparse convolutions may have spconv 1's layout, [x, y, z, in, out], or spconv 2's, [out, x, y, z, in].

    Args:
        network: the preset `full` of the system.
        system: one of `PUBLISHED_MODULES`.
        weights: the published state dict, from `DataParallel` or not, or what holds it as `model` or `state_dict`.

    Raises:
        SscError: tensors are missing, unknown, or of another size.
    """
    if not isinstance(weights, Mapping):
        raise SscError(f"a state dict, names and tensors, was expected, not a {type(weights).__name__}")
    for key in WRAPPERS:
        weights = weights.get(key, weights)
    modules, expected = PUBLISHED_MODULES[system](), network.state_dict()
    tensors = {}
    for published, tensor in weights.items():
        name = _renamed(published.removeprefix("module."), modules)
        if name not in expected:
            raise SscError(
                f"'{published}' is not a tensor of the published {system}; is it a checkpoint of another one?"
            )
        tensors[name] = _arranged(tensor, expected[name].shape)
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise SscError(f"the checkpoint is not the published {system}'s ({reason})") from error


def _renamed(published: str, modules: _Modules) -> str:
    """The name of a published tensor here; unchanged where its module is not known."""
    module, rest = published, ""
    while module:
        module, _, last = module.rpartition(".")
        rest = f"{last}.{rest}" if rest else last
        if module in modules:
            return f"{modules[module]}.{rest}"
    return published


def _arranged(tensor: Tensor, shape: torch.Size) -> Tensor:
    """Kernels of spconv 1 in the layout of spconv 2, and 1 x 1 kernels as matrices, where that gives the shape."""
    if tensor.ndim == 5 and tensor.shape != shape:
        return tensor.permute(4, 0, 1, 2, 3).contiguous()
    return tensor.flatten(1) if tensor.ndim == 4 and len(shape) == 2 else tensor
