"""Frames of noise, the inputs made of them, and networks that have seen nothing else."""

import numpy as np
import torch

from ssc_ros.core import Frame, StereoRig, poses
from ssc_ros.inference.history import Past, join
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.systems import SceneInputs, SceneNetwork, build


def frame(seed: int) -> Frame:
    """A pair of noise with a disparity of six pixels, and a sweep of noise; both sensors see something."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (96, 320, 3), np.uint8)
    optical = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0, 0, -1, 0, -0.1]))
    rig = StereoRig(np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]), 0.5, (96, 320), optical)
    points = random.uniform((0, -30, -3, 0), (60, 30, 3, 1), (3000 + 500 * seed, 4)).astype(np.float32)
    labels = random.integers(0, 20, len(points)).astype(np.uint8)
    return Frame(123 + seed, image, np.roll(image, -6, axis=1), rig, points, point_labels=labels)


def prepared(model: SceneNetwork, seed: int) -> SceneInputs:
    """Inputs of a frame; its past, where the network reads one, is of other frames, each a metre behind the next."""
    prepare = InputPreparer(model.spec)
    past = []
    for k in range(1, model.spec.history.count + 1):
        T_past_now = np.eye(4)
        T_past_now[0, 3] = k
        past.append(Past(prepare(frame(seed + 10 * k)), T_past_now))
    return join(prepare(frame(seed)), past, model.spec)


def network(name: str) -> SceneNetwork:
    """Untrained, but for its norms: with statistics of its own, what it sees reaches its output."""
    torch.manual_seed(0)
    model = build(*name.split()).train()
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)):
            module.momentum = None  # the mean over all batches, of which there is one
    with torch.no_grad():
        model({key: value[None] for key, value in prepared(model, 2).items()})
    return model
