"""Training of image segmentation: pictures and their augmentation, and a run as a user starts it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_street
import torch

from ssc_ros.core import SEMANTIC_KITTI, SscError
from ssc_ros.inference.checkpoint import load_checkpoint, read_metadata
from ssc_ros.training.checkpoint_writer import read_curves
from ssc_ros.training.command import train
from ssc_ros.training.photometry import Photometry
from ssc_ros.training.pixel_augmentation import PixelAugmentation
from ssc_ros.training.pixel_data import Pictures
from ssc_ros.training.pixel_objective import PixelObjective, middle_pixels
from ssc_ros.training.pixel_training import class_weights
from ssc_ros.training.sampler import Draw

pytestmark = pytest.mark.filterwarnings("ignore")
ROAD, BUILDING = 9, 13
PLAIN = PixelAugmentation((32, 64), (1.0, 1.0), 0.0, 0.0, Photometry(strength=0.0))


@pytest.fixture(scope="session")
def pictures(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny street with class maps: the lower half is road, the noisy rectangle a building, the rest sky."""
    root = tmp_path_factory.mktemp("pictures")
    shutil.copytree(street / "sequences", root / "sequences")
    for file in root.glob("sequences/*/image_2/*.png"):
        image = cv2.imread(str(file)).astype(int)
        classes = np.zeros(image.shape[:2], np.uint8)
        classes[image.shape[0] // 2 :] = ROAD
        sky, asphalt = ((image == color).all(axis=2) for color in ((230, 200, 170), (90, 90, 90)))
        classes[~sky & ~asphalt] = BUILDING
        target = file.parent.parent / "semantic_2" / file.name
        target.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(target), classes)
    return root


def opened(root: Path, augmentation: PixelAugmentation = PLAIN) -> Pictures:
    return Pictures([root / "sequences" / "00"], tiny_street.SPEC, SEMANTIC_KITTI, augmentation)


def arguments(root: Path, run: Path, **flags: object) -> list[str]:
    options = {
        "task": "pixels", "model.system": "segmenter", "model.preset": "tiny", "data.root": root,
        "data.train": ["00"], "data.validation": ["08"], "data.batch_size": 2, "data.workers": 0,
        "data.augmentation.crop": [32, 64], "run": run, "trainer.accelerator": "cpu",
        "trainer.max_epochs": 2, "trainer.enable_progress_bar": False, "trainer.enable_model_summary": False,
        "trainer.num_sanity_val_steps": 0, "trainer.log_every_n_steps": 1,
    }  # fmt: skip
    options |= {key.replace("__", "."): value for key, value in flags.items()}
    return [f"--{key}={value}" for key, value in options.items()]


def test_image_and_classes_are_cut_alike(pictures: Path) -> None:
    """Where a crop shows the sky's colour, its labels say sky; so too for the road."""
    wild = replace(PLAIN, scale=(0.3, 2.0), stretch=0.2, flip=0.5)
    sample_set, crops = opened(pictures, wild), []
    for seed in range(30):
        sample = sample_set[Draw(seed % 6, seed)]
        image, labels = sample.inputs["image"].numpy().transpose(1, 2, 0).astype(int), sample.labels.numpy()
        assert image.shape == (32, 64, 3)
        sky, road = ((image == color).all(axis=2) for color in ((170, 200, 230), (90, 90, 90)))
        assert np.isin(labels[sky], (0, 255)).mean() > 0.97 or sky.sum() < 20
        assert np.isin(labels[road], (ROAD, 255)).mean() > 0.97 or road.sum() < 20
        crops.append(labels)
    assert any((crop == 255).any() for crop in crops), "an image smaller than the crop is filled up with 255"
    assert len({crop.tobytes() for crop in crops}) > 20


def test_a_draw_repeats_and_a_whole_image_has_the_network_s_size(pictures: Path) -> None:
    sample_set = opened(pictures, PixelAugmentation((32, 64)))
    first, again = sample_set[Draw(2, 7)], sample_set[Draw(2, 7)]
    assert torch.equal(first.inputs["image"], again.inputs["image"])
    whole = sample_set[2]
    assert whole.inputs["image"].shape == (3, 64, 128)
    assert whole.labels.shape == (64, 128)


def test_shares_of_classes_are_counted(pictures: Path) -> None:
    shares = opened(pictures).class_shares()
    maps = [cv2.imread(str(f), cv2.IMREAD_UNCHANGED) for f in sorted(pictures.glob("sequences/00/semantic_2/*"))]
    assert shares.sum() == pytest.approx(1)
    assert shares[ROAD] == pytest.approx(np.mean([m == ROAD for m in maps]))


def test_class_weights_have_the_mean_one_over_the_pixels() -> None:
    shares = np.array([0.5, 0.4, 0.1, 0.0])
    weights = class_weights(shares, 0.5).numpy()
    assert (weights * shares).sum() == pytest.approx(1)
    assert weights[2] / weights[0] == pytest.approx(5**0.5)
    assert weights[3] == 0


def test_a_cell_is_judged_by_its_middle_pixel() -> None:
    labels = torch.arange(64).reshape(1, 8, 8).to(torch.uint8)
    assert middle_pixels(labels, (2, 4)).tolist() == [[[17, 19, 21, 23], [49, 51, 53, 55]]]
    logits = torch.full((1, 64, 2, 4), -20.0)
    logits.scatter_(1, middle_pixels(labels, (2, 4))[:, None].long(), 20.0)
    terms = PixelObjective(cross_entropy=1.0, lovasz=1.0)(logits, labels, torch.ones(64))
    assert terms.keys() == {"cross_entropy", "lovasz"}
    assert max(term.item() for term in terms.values()) < 1e-3


def test_a_street_is_learnt_and_the_encoder_stays(pictures: Path, tiny: str, tmp_path: Path) -> None:
    deployed = tmp_path / "t.safetensors"
    flags = {"trainer__max_epochs": 40, "trainer__check_val_every_n_epoch": 40, "model__learning_rate": 0.02}
    assert train(arguments(pictures, tmp_path / "run", deploy=deployed, **flags)) == 0
    loss = read_curves(tmp_path / "run" / "tensorboard")["train/loss"][1]
    assert np.mean(loss[-5:]) < 0.5 * np.mean(loss[:3])
    network, metadata = load_checkpoint(deployed)
    assert metadata.metrics["class/road"] > 0.8
    torch.manual_seed(1)
    untrained = tiny_street.segmenter().state_dict()
    assert not torch.equal(network.state_dict()["classes.weight"], untrained["classes.weight"])
    state = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=False)["state_dict"]
    norms = [name for name in state if "encoder" in name and "running_mean" in name]
    assert norms
    assert all(not state[name].any() for name in norms), "a batch norm has moved"
    assert "classes of image cells" in deployed.with_suffix(".md").read_text()
    assert "6 images of sequences 00" in read_metadata(deployed).provenance["train"]


def test_folders_without_class_maps_are_named(street: Path, tiny: str, tmp_path: Path) -> None:
    with pytest.raises(SscError, match=r"semantic_2 holds no class maps; make some: ssc-ros simulate"):
        train(arguments(street, tmp_path / "run"))


def test_a_system_without_image_classes_is_refused(pictures: Path, tiny: str, tmp_path: Path) -> None:
    with pytest.raises(SscError, match="l2cocc gives no classes to image cells; take segmenter"):
        train(arguments(pictures, tmp_path / "run", model__system="l2cocc"))
