"""Splatting puts every pixel's features where the camera model and the depth say, and loses none inside of the box."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ssc_ros.core import DepthBins, SceneGrid, StereoRig, poses
from ssc_ros.networks.lift.frustum import frustum_points
from ssc_ros.networks.lift.splat import FrustumSplat, SplatLift

GRID = SceneGrid((0.1, -1.6, -0.8), 0.4, (10, 8, 4))
BINS = DepthBins(1.0, 0.3, 14)
OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.05, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[30.0, 0, 30.2], [0, 31.0, 10.3], [0, 0, 1]]), 0.5, (20, 60), OPTICAL)
SIZE = (5, 12)
PROJECTION = torch.from_numpy(RIG.camera_matrix @ RIG.T_camera_grid[:3]).float()
LIFT = SplatLift(GRID, BINS, RIG.image_size)


def projections(batch: int, seed: int = 0) -> torch.Tensor:
    """The rig's, each moved sideways as the cameras of a rectified rig are: by its fourth column."""
    shift = torch.zeros(batch, 3, 4)
    shift[:, 0, 3] = 20 * torch.rand(batch, generator=torch.Generator().manual_seed(seed)) - 10
    return PROJECTION + shift


def image(batch: int, channels: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, channels, *SIZE, generator=random),
        (3 * torch.randn(batch, BINS.count, *SIZE, generator=random)).softmax(dim=1),
    )


def cell_center(row: int, column: int) -> np.ndarray:
    """The pixel in the middle of a cell of 4 x 5 pixels, as u, v."""
    return np.array([column * 5 + 2.0, row * 4 + 1.5])


def naive(context: torch.Tensor, density: torch.Tensor, projection: torch.Tensor) -> torch.Tensor:
    """One point at a time: solve for the point, then ask the grid."""
    volume = torch.zeros(context.shape[0], *GRID.shape)
    matrix = projection.double().numpy()
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            for k, depth in enumerate(BINS.centers):
                pixel = depth * np.append(cell_center(row, column), 1.0)
                point = np.linalg.solve(matrix[:, :3], pixel - matrix[:, 3])
                index = GRID.indices(point[None])
                if GRID.contains(index)[0]:
                    x, y, z = index[0]
                    probability = density[k, row, column]
                    volume[:, x, y, z] += probability * context[:, row, column]
    return volume


def test_frustum_points_project_to_the_centres_of_cells_at_the_depth_of_their_bin() -> None:
    points = frustum_points(PROJECTION[None], SIZE, RIG.image_size, BINS)[0].numpy()
    pixels, depth = RIG.project(points)
    for row, column in ((0, 0), (2, 7), (4, 11)):
        np.testing.assert_allclose(pixels[:, row, column], np.tile(cell_center(row, column), (14, 1)), atol=1e-3)
    np.testing.assert_allclose(depth, np.broadcast_to(BINS.centers[:, None, None], depth.shape), atol=1e-5)


def test_equals_a_loop_over_pixels_and_bins() -> None:
    context, density = image(2)
    projection = projections(2)
    lifted = LIFT(context, density, projection)
    for b in range(2):
        torch.testing.assert_close(lifted[b], naive(context[b], density[b], projection[b]))
    assert (lifted != 0).any(dim=1).float().mean() > 0.1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_what_falls_into_the_box_is_conserved(seed: int, batch: int) -> None:
    context, density = image(batch, seed=seed)
    projection = projections(batch, seed)
    points = frustum_points(projection, SIZE, RIG.image_size, BINS).numpy()
    inside = torch.from_numpy(GRID.contains(GRID.indices(points.reshape(-1, 3))).reshape(points.shape[:-1]))
    share = (density * inside).sum(dim=1)
    expected = (context * share[:, None]).sum(dim=(2, 3))
    torch.testing.assert_close(LIFT(context, density, projection).sum(dim=(2, 3, 4)), expected, atol=1e-4, rtol=1e-4)


def test_a_certain_depth_puts_a_pixel_into_one_voxel() -> None:
    context, density = torch.zeros(1, 1, *SIZE), torch.zeros(1, BINS.count, *SIZE)
    context[0, 0, 2, 5] = 7.0
    density[0, 6] = 1
    volume = LIFT(context, density, PROJECTION[None])[0, 0]
    x, y, z = GRID.indices(RIG.unproject(cell_center(2, 5)[None], BINS.centers[6:7]))[0]
    assert volume[x, y, z] == 7.0
    assert (volume != 0).sum() == 1


def test_a_splat_of_products_is_the_splat_of_context_and_depth() -> None:
    context, density = image(2)
    frustum = context[:, :, None] * density[:, None]
    splatted = FrustumSplat(GRID, BINS, RIG.image_size)(frustum, projections(2))
    torch.testing.assert_close(splatted, LIFT(context, density, projections(2)))


def test_nothing_leaks_into_the_first_layers_from_outside() -> None:
    """Rounding toward zero would move what lies up to a voxel below the box into its first layers."""
    for shift in (0.05, 0.2, 0.39):
        grid = SceneGrid((0.1, -1.6, -0.8 + shift), 0.4, (10, 8, 4))
        context, density = image(1)
        points = frustum_points(PROJECTION[None], SIZE, RIG.image_size, BINS).numpy().reshape(-1, 3)
        index = grid.indices(points)
        assert (GRID.contains(index + np.array([0, 0, 1])) & (index[:, 2] == -1)).any()
        first = torch.from_numpy(GRID.contains(index) & (index[:, 2] == 0)).view(1, BINS.count, *SIZE)
        lifted = SplatLift(grid, BINS, RIG.image_size)(context, density, PROJECTION[None])
        expected = (context * (density * first).sum(dim=1, keepdim=True)).sum(dim=(2, 3))
        torch.testing.assert_close(lifted[..., 0].sum(dim=(2, 3)), expected, atol=1e-5, rtol=1e-4)


def test_half_precision_features_are_summed_in_single_precision() -> None:
    context, density = image(1, channels=2)
    context = context.bfloat16()
    reference = LIFT(context.float(), density, PROJECTION[None])
    with torch.autocast("cpu", torch.bfloat16):
        lifted = LIFT(context, density, PROJECTION[None])
    torch.testing.assert_close(lifted, reference)


def test_derivatives_are_those_of_finite_differences() -> None:
    context, density = (t.double().requires_grad_() for t in image(2, 2))
    assert torch.autograd.gradcheck(lambda *a: LIFT(*a, projections(2).double()), (context, density), fast_mode=True)


def test_no_product_of_all_bins_and_channels_is_kept_for_the_backward_pass() -> None:
    context, density = image(1, channels=64)
    storages = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        volume = LIFT(context.requires_grad_(), density.requires_grad_(), PROJECTION[None])
    product = 4 * 64 * BINS.count * SIZE[0] * SIZE[1]
    assert 0 < sum(storages.values()) < product / 5
    volume.sum().backward()
    assert context.grad.abs().sum() > 0
