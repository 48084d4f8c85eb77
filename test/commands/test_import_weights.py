"""`ssc-ros import-weights`: published names and layouts in, a checkpoint that predicts the same out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ssc_ros import cli
from ssc_ros.inference import published_checkpoint
from ssc_ros.inference.checkpoint import load_checkpoint
from ssc_ros.systems import SceneNetwork, build
from ssc_ros.systems.published.weights import PUBLISHED_MODULES

SPCONV_1 = {
    "cylinder3d": {
        "cylinder_3d_generator.PPmodel.10.weight": (256, 256),
        "cylinder_3d_generator.fea_compression.0.bias": (16,),
        "cylinder_3d_spconv_seg.downCntx.conv1.weight": (1, 3, 3, 16, 32),
        "cylinder_3d_spconv_seg.downCntx.conv3.weight": (1, 3, 3, 32, 32),
        "cylinder_3d_spconv_seg.downCntx.bn0_2.running_var": (32,),
        "cylinder_3d_spconv_seg.resBlock2.conv1.weight": (3, 1, 3, 32, 64),
        "cylinder_3d_spconv_seg.resBlock5.conv2.weight": (1, 3, 3, 256, 512),
        "cylinder_3d_spconv_seg.resBlock5.bn2.weight": (512,),
        "cylinder_3d_spconv_seg.resBlock4.pool.weight": (3, 3, 3, 256, 256),
        "cylinder_3d_spconv_seg.upBlock0.trans_dilao.weight": (3, 3, 3, 512, 512),
        "cylinder_3d_spconv_seg.upBlock3.trans_dilao.weight": (3, 3, 3, 128, 64),
        "cylinder_3d_spconv_seg.upBlock1.conv1.weight": (1, 3, 3, 256, 256),
        "cylinder_3d_spconv_seg.upBlock1.conv2.weight": (3, 1, 3, 256, 256),
        "cylinder_3d_spconv_seg.upBlock1.bn3.num_batches_tracked": (),
        "cylinder_3d_spconv_seg.upBlock2.up_subm.weight": (3, 3, 3, 128, 128),
        "cylinder_3d_spconv_seg.ReconNet.conv1_3.weight": (1, 1, 3, 64, 64),
        "cylinder_3d_spconv_seg.ReconNet.bn0_2.bias": (64,),
        "cylinder_3d_spconv_seg.logits.weight": (3, 3, 3, 128, 20),
        "cylinder_3d_spconv_seg.logits.bias": (20,),
    },
    "polarnet": {
        "PPmodel.0.running_mean": (9,),
        "fea_compression.0.weight": (32, 512),
        "BEV_model.network.inc.conv.0.weight": (32,),
        "BEV_model.network.inc.conv.1.conv1.0.weight": (64, 32, 3, 3),
        "BEV_model.network.down1.mpconv.1.conv1.0.weight": (128, 64, 3, 3),
        "BEV_model.network.down4.mpconv.1.conv2.1.bias": (512,),
        "BEV_model.network.up1.conv.conv1.0.weight": (256, 1024, 3, 3),
        "BEV_model.network.up4.conv.conv2.0.bias": (64,),
        "BEV_model.network.outc.conv.weight": (640, 64, 1, 1),
    },
}
"""Tensors of the published `full` networks, as their code makes them with spconv 1."""


def published(network: SceneNetwork, system: str) -> dict[str, torch.Tensor]:
    """Its state as the authors' code would save it, with kernels of spconv 1."""
    theirs = {ours: name for name, ours in PUBLISHED_MODULES[system]().items()}
    state = {}
    for key, tensor in network.state_dict().items():
        module = max((ours for ours in theirs if key.startswith(f"{ours}.")), key=len)
        kernel = tensor.permute(1, 2, 3, 4, 0) if tensor.ndim == 5 else tensor
        if key == "head.weight" and tensor.ndim == 2:
            kernel = tensor[:, :, None, None]
        state[f"{theirs[module]}{key.removeprefix(module)}"] = kernel.contiguous()
    return state


@pytest.mark.parametrize("system", PUBLISHED_MODULES)
def test_tensors_have_the_published_names_and_shapes(system: str) -> None:
    with torch.device("meta"):
        state = published(build(system, "full"), system)
    assert {name: tuple(state[name].shape) for name in SPCONV_1[system]} == SPCONV_1[system]


@pytest.mark.parametrize("spconv_2", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("system", PUBLISHED_MODULES)
def test_an_imported_checkpoint_holds_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, wrapped: bool, spconv_2: bool
) -> None:
    monkeypatch.setattr(published_checkpoint, "PRESET", "edge")
    network = build(system, "edge")
    state = published(network, system)
    if spconv_2:
        state = {name: t.permute(4, 0, 1, 2, 3) if t.ndim == 5 else t for name, t in state.items()}
    if wrapped:
        state = {"epoch": 3, "model": {f"module.{name}": tensor for name, tensor in state.items()}}
    torch.save(state, tmp_path / "theirs.pt")
    command = [
        "import-weights",
        system,
        str(tmp_path / "theirs.pt"),
        "--deploy",
        str(tmp_path / "out" / "kitti.safetensors"),
    ]
    assert cli.main([*command, "--licence", "CC-BY-NC-4.0"]) == 0
    imported, metadata = load_checkpoint(tmp_path / "out" / "kitti.safetensors")
    assert all(torch.equal(imported.state_dict()[key], tensor) for key, tensor in network.state_dict().items())
    assert (metadata.model_id, metadata.licence, metadata.system) == ("kitti", "CC-BY-NC-4.0", system)
    assert metadata.provenance["imported"] == "theirs.pt"


def import_of(state: object, tmp_path: Path, system: str = "polarnet") -> int:
    torch.save(state, tmp_path / "theirs.pt")
    return cli.main(
        ["import-weights", system, str(tmp_path / "theirs.pt"), "--deploy", str(tmp_path / "x.safetensors")]
    )


def test_other_checkpoints_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(published_checkpoint, "PRESET", "edge")
    state = published(build("polarnet", "edge"), "polarnet")
    for broken, said in (
        (
            {**state, "BEV_model.network.extra.weight": torch.ones(1)},
            "'BEV_model.network.extra.weight' is not a tensor",
        ),
        ({key: state[key] for key in list(state)[1:]}, "Missing key"),
        ({**state, "PPmodel.1.bias": torch.ones(3)}, "size mismatch"),
        ([torch.ones(3)], "not a list"),
    ):
        assert import_of(broken, tmp_path) == 1
        assert said in capsys.readouterr().err
    assert import_of(state, tmp_path, "sgn") == 1
    assert "only of polarnet, cylinder3d" in capsys.readouterr().err
    (tmp_path / "theirs.pt").write_bytes(b"not a checkpoint")
    assert (
        cli.main(
            ["import-weights", "polarnet", str(tmp_path / "theirs.pt"), "--deploy", str(tmp_path / "x.safetensors")]
        )
        == 1
    )
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "x.safetensors").exists()
