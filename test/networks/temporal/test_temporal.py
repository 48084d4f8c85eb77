"""The past as seen from here: planes, poses and projections against closed forms and slow references."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from ssc_ros.core import DepthBins, SceneGrid, StereoRig, poses
from ssc_ros.networks.lift.flosp import LineOfSightLift
from ssc_ros.networks.lift.frustum import frustum_points
from ssc_ros.networks.lift.frustum_sampling import FrustumSampling
from ssc_ros.networks.lift.splat import FrustumSplat, SplatLift
from ssc_ros.networks.temporal.affinity import (
    CrossFrameAffinity,
    cosine,
    isolate,
    of_planes,
    of_volume,
)
from ssc_ros.networks.temporal.branch import BeyondView, HistoryMean
from ssc_ros.networks.temporal.fusion import LinearAttention3d, TemporalFusion
from ssc_ros.networks.temporal.plane_sweep import homographies, plane_sweep, swept_places
from ssc_ros.networks.temporal.refinement import DeformableConv3d, DynamicRefinement
from ssc_ros.networks.volume.blocks import PlaneConv3d

OPTICAL = poses.from_rows(np.array([0, 0, 1, 0.3, -1, 0, 0, 0.05, 0, -1, 0, -0.1]))
RIG = StereoRig(np.array([[60.0, 0, 31], [0, 55.0, 13], [0, 0, 1]]), 0.5, (24, 64), OPTICAL)
PLANES = DepthBins(4.0, 2.0, 5)
SIZE = (12, 32)
VALID = torch.ones(1, 1, dtype=torch.bool)
MOTIONS = (
    (np.array([0.0, 0, 0, 1]), np.array([1.5, 0, 0])),
    (np.array([0.01, -0.02, 0.05, 0.998]), np.array([0.8, -0.3, 0.1])),
)
"""T_past_now as quaternion and translation [m]: forward, and forward in a bend."""


def projection(T_past_now=np.eye(4)) -> torch.Tensor:  # noqa: B008 (never changed)
    """Of the rig that has moved, from the current grid frame; [3, 4]."""
    return torch.from_numpy(RIG.camera_matrix @ RIG.T_camera_grid[:3] @ T_past_now).float()


def view(texture, matrix: torch.Tensor, depth: float, size: tuple[int, int]) -> torch.Tensor:
    """What a camera sees of a textured plane that stands across the current camera's axis: [size], by ray casting."""
    camera = projection().double()
    m = matrix.double()
    v, u = torch.meshgrid(
        *((torch.arange(n) + 0.5) * pixels / n - 0.5 for n, pixels in zip(size, RIG.image_size, strict=True)),
        indexing="ij",
    )
    inverse = torch.linalg.inv(m[:, :3])
    origin = -inverse @ m[:, 3]
    rays = torch.stack([u, v, torch.ones_like(u)], dim=-1).double() @ inverse.mT
    # the plane is where the current camera's third row says `depth`
    row, offset = camera[2, :3], camera[2, 3]
    along = (depth - offset - row @ origin) / (rays @ row)
    points = origin + along[..., None] * rays
    return texture(points[..., 1], points[..., 2]).float()


def smooth(y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    return torch.sin(0.7 * y) + torch.cos(0.9 * z + 0.3 * y)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("plane", [1, 3])
def test_a_plane_looks_alike_at_its_own_depth_and_at_no_other(motion, plane):
    """Seen by a camera at another place, and swept, it is what the current camera sees; interpolation costs 0.01."""
    T_past_now = poses.from_quaternion(*motion)
    depth = float(PLANES.centers[plane])
    now = view(smooth, projection(), depth, SIZE)
    past = view(smooth, projection(T_past_now), depth, (96, 256))
    places = swept_places(projection()[None], projection(T_past_now)[None, None], VALID, PLANES, SIZE, RIG.image_size)
    swept = plane_sweep(past[None, None, None], places)[0, 0, 0]
    inside = (places[0, 0].abs() < 0.98).all(dim=-1)
    assert inside[plane].float().mean() > 0.5
    errors = [(swept[d] - now)[inside[d]].abs().mean() for d in range(PLANES.count)]
    assert errors[plane] < 0.01
    assert all(error > 5 * errors[plane] for d, error in enumerate(errors) if d != plane)


def test_swept_places_are_those_where_the_past_camera_sees_the_points_of_the_frustum():
    T_past_now = poses.from_quaternion(*MOTIONS[1])
    both = torch.stack([projection(), projection() + torch.tensor([[0, 0, 0, 5.0], [0, 0, 0, 0], [0, 0, 0, 0]])])
    past = torch.stack([projection(T_past_now), projection()])[None].repeat(2, 1, 1, 1)
    places = swept_places(both, past, torch.ones(2, 2, dtype=torch.bool), PLANES, SIZE, RIG.image_size)
    points = frustum_points(both, SIZE, RIG.image_size, PLANES)
    homogeneous = torch.einsum("bpij,bdhwj->bpdhwi", past, functional.pad(points, (0, 1), value=1.0))
    pixels = homogeneous[..., :2] / homogeneous[..., 2:]
    expected = (2 * pixels + 1) / torch.tensor([64.0, 24.0]) - 1
    torch.testing.assert_close(places, expected, atol=1e-4, rtol=1e-4)


def test_nothing_moves_where_nobody_has_moved():
    features = torch.randn(2, 3, 4, *SIZE)
    now = torch.stack([projection(), projection()])
    valid = torch.ones(2, 3, dtype=torch.bool)
    places = swept_places(now, now[:, None].repeat(1, 3, 1, 1), valid, PLANES, SIZE, RIG.image_size)
    swept = plane_sweep(features, places)
    torch.testing.assert_close(swept, features[:, :, :, None].expand_as(swept), atol=1e-4, rtol=1e-4)
    infinite, shift = homographies(now, now[:, None])
    torch.testing.assert_close(infinite[0, 0], torch.eye(3, dtype=torch.float64), atol=1e-9, rtol=0)
    assert shift.abs().max() < 1e-6


def test_what_is_not_there_is_not_seen():
    """No frame (its projection is zero), and what lies behind the past camera."""
    now = projection()[None]
    behind = projection(poses.from_quaternion(np.array([0.0, 0, 1, 0]), np.zeros(3)))
    past = torch.stack([torch.zeros(3, 4), behind, projection()])[None]
    places = swept_places(now, past, torch.tensor([[False, True, True]]), PLANES, SIZE, RIG.image_size)
    swept = plane_sweep(torch.ones(1, 3, 1, *SIZE), places)
    assert places.isfinite().all()
    assert not swept[:, :2].any()
    assert swept[:, 2].all()


def test_sweeping_a_mean_of_channels_is_the_mean_of_swept_channels():
    places = swept_places(
        projection()[None], projection(poses.from_quaternion(*MOTIONS[0]))[None, None], VALID, PLANES, SIZE, (24, 64)
    )
    features = torch.randn(1, 1, 6, *SIZE)
    torch.testing.assert_close(
        plane_sweep(features, places).mean(dim=2), plane_sweep(features.mean(dim=2, keepdim=True), places)[:, :, 0]
    )


def test_isolation_removes_what_all_patterns_share_and_the_cosine_removes_their_scale():
    patterns = torch.randn(2, 3, 4, 5, 6)
    torch.testing.assert_close(isolate(patterns).sum(dim=1), torch.zeros(2, 4, 5, 6), atol=1e-6, rtol=0)
    other = torch.randn(2, 3, 4, 5, 6)
    expected = functional.cosine_similarity(isolate(patterns), isolate(other), dim=1)[:, None]
    torch.testing.assert_close(cosine(isolate(patterns), isolate(other)), expected, atol=1e-5, rtol=1e-5)
    brighter = isolate(3 * patterns + 7)
    torch.testing.assert_close(cosine(brighter, isolate(other)), expected, atol=1e-4, rtol=1e-4)
    assert cosine(torch.zeros(1, 3, 1, 1, 1), torch.zeros(1, 3, 1, 1, 1)).item() == 0


def test_affinity_is_the_cosine_of_what_the_learners_say():
    torch.manual_seed(0)
    affinity = CrossFrameAffinity(5, 2)
    current, past = torch.randn(2, 5, 9, 10), torch.randn(2, 2, 4, 9, 10)
    ours, theirs = affinity.current(current), affinity.past(past)
    got = affinity(current, past)
    assert got.shape == (2, 1, 4, 9, 10)
    for b, d, v, u in ((0, 0, 0, 0), (1, 3, 4, 7)):
        one, two = ours[b, :, v, u], theirs[b, :, d, v, u]
        one, two = one - one.mean(), two - two.mean()
        assert got[b, 0, d, v, u].item() == pytest.approx((one @ two / one.norm() / two.norm()).item(), abs=1e-4)


def test_published_blocks_have_the_published_sizes():
    """Counted in the published code: current_patch, warped_patch and temporal_deformable."""
    affinity = CrossFrameAffinity(64, 3)
    sizes = [sum(p.numel() for p in m.parameters()) for m in (affinity.current, affinity.past, DynamicRefinement(3))]
    assert sizes == [1_731, 252, 33_939]


def test_a_learner_of_planes_sees_one_plane_and_a_learner_of_volumes_its_neighbours():
    torch.manual_seed(0)
    past = torch.randn(1, 2, 5, 7, 8)
    changed = past.clone()
    changed[:, :, 2] += 1
    for make, touched in ((of_planes, [2]), (of_volume, [1, 2, 3])):
        convolution = make(2, 3, 1)[0]
        moved = (convolution(past) - convolution(changed)).abs().amax(dim=(0, 1, 3, 4))
        assert moved.nonzero()[:, 0].tolist() == touched


@pytest.mark.parametrize("dilation", [1, 2])
def test_planes_are_convolved_as_by_the_plain_convolution(dilation):
    torch.manual_seed(0)
    plane, volume = PlaneConv3d(3, 4, dilation), torch.randn(2, 3, 5, 6, 7)
    plain = torch.nn.Conv3d.forward(plane, volume)
    torch.testing.assert_close(plane(volume), plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("planes", [1, 3])
def test_taps_at_rest_make_a_plain_convolution(planes):
    torch.manual_seed(0)
    deformable, volume = DeformableConv3d(3, 4, planes), torch.randn(2, 3, 5, 6, 7)
    torch.nn.init.normal_(deformable.bias)
    plain = functional.conv3d(volume, deformable.weight, deformable.bias, padding=(planes // 2, 1, 1))
    torch.testing.assert_close(deformable(volume), plain, atol=1e-5, rtol=1e-5)


def test_taps_move_within_their_plane():
    """All taps one cell to the right: the plain convolution of an image that lies one cell further left."""
    torch.manual_seed(0)
    deformable, volume = DeformableConv3d(2, 3), torch.randn(1, 2, 4, 6, 9)
    with torch.no_grad():
        deformable.offset.bias[1::2] = 1.0
    shifted = functional.pad(volume, (0, 1))[..., 1:]
    plain = functional.conv3d(shifted, deformable.weight, deformable.bias, padding=1)
    torch.testing.assert_close(deformable(volume)[..., 1:-2], plain[..., 1:-2], atol=1e-5, rtol=1e-5)


def test_displacements_learn():
    deformable, volume = DeformableConv3d(2, 2), torch.randn(1, 2, 3, 5, 6, requires_grad=True)
    deformable(volume).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in deformable.parameters())
    assert volume.grad.abs().sum() > 0


def test_linear_attention_is_the_weighing_of_all_voxels_by_all():
    """In the quadratic order: the matrix of weights between voxels first."""
    torch.manual_seed(0)
    attention, asking, asked = LinearAttention3d(6, heads=2, width=3), *torch.randn(2, 2, 6, 3, 4, 2)
    query = attention.query(asking).reshape(2, 2, 3, 24).softmax(dim=2)
    key, value = attention.key_value(asked).reshape(2, 2, 2, 3, 24).unbind(1)
    weights = torch.einsum("bhcn,bhcm->bhnm", query, key.softmax(dim=-1))
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 24))
    found = torch.einsum("bhnm,bhcm->bhcn", weights, value) / 3**0.5
    expected = attention.project(found.reshape(2, 6, 3, 4, 2))
    torch.testing.assert_close(attention(asking, asked), expected, atol=1e-5, rtol=1e-5)


def test_fusion_begins_as_a_sum_and_leaves_a_scene_without_past_alone():
    torch.manual_seed(0)
    fusion, volume, temporal = TemporalFusion(4), *torch.randn(2, 2, 4, 3, 3, 2)
    known = torch.tensor([True, False])
    fused = fusion(volume, temporal, known)
    torch.testing.assert_close(fused, torch.stack([volume[0] + temporal[0], volume[1]]))
    with torch.no_grad():
        fusion.alpha.fill_(0.5)
    fused = fusion(volume, temporal, known)
    assert torch.equal(fused[1], volume[1])
    assert (fused[0] - volume[0] - temporal[0]).abs().max() > 1e-3
    fused.sum().backward()
    assert fusion.alpha.grad.abs() > 0


GRID = SceneGrid((2.0, -3.2, -1.6), 0.8, (12, 8, 4))


def test_a_splat_of_products_is_the_splat_of_context_and_depth():
    context, density = torch.randn(2, 3, *SIZE), torch.randn(2, PLANES.count, *SIZE).softmax(dim=1)
    both = projection()[None].repeat(2, 1, 1)
    frustum = context[:, :, None] * density[:, None]
    expected = SplatLift(GRID, PLANES, RIG.image_size)(context, density, both)
    torch.testing.assert_close(FrustumSplat(GRID, PLANES, RIG.image_size)(frustum, both), expected)


def test_a_sampled_frustum_says_at_each_voxel_what_it_holds_there():
    """A frustum that holds its own coordinates: column, row and depth, all linear, come back at the voxels."""
    v, u = torch.meshgrid(torch.arange(12) * 2 + 0.5, torch.arange(32) * 2 + 0.5, indexing="ij")
    depth = torch.from_numpy(PLANES.centers)[:, None, None].expand(-1, *SIZE)
    frustum = torch.stack([u.expand_as(depth), v.expand_as(depth), depth])[None].float()
    volume = FrustumSampling(GRID, PLANES, RIG.image_size)(frustum, projection()[None])[0]
    pixels, depths = RIG.project(GRID.centers().reshape(-1, 3))
    deep = (depths > PLANES.centers[0]) & (depths < PLANES.centers[-1])
    inside = ((pixels > 1) & (pixels < (62, 22))).all(axis=1) & deep
    assert inside.sum() > 50
    got = volume.flatten(1).T.numpy()
    np.testing.assert_allclose(got[inside], np.c_[pixels, depths][inside], atol=1e-3)
    assert not got[~RIG.in_view(GRID.centers()).reshape(-1)].any()


@pytest.mark.parametrize("shape", [(PLANES.count, *SIZE), (2, 3, 2)])
def test_the_loop_samples_a_frustum_as_torch_does(shape):
    """Cells at the edges too, of which a coarse frustum has nothing else, and voxels out of view."""
    sampling = FrustumSampling(GRID, PLANES, RIG.image_size)
    frustum = torch.randn(2, 5, *shape)
    both = torch.stack([projection(), projection(poses.from_quaternion(np.array([0, 0, 0.1, 0.995]), np.zeros(3)))])
    expected = sampling(frustum, both)
    with torch.no_grad():
        looped = sampling(frustum, both)
    torch.testing.assert_close(looped, expected, atol=1e-5, rtol=1e-5)
    assert 0 < (expected == 0).all(dim=1).float().mean() < 1


def test_beyond_the_view_the_past_is_read_and_within_it_is_not():
    beyond = BeyondView(LineOfSightLift(GRID, RIG.image_size, 2), 3, 2)
    volume, memory = torch.randn(1, 2, *GRID.shape), torch.randn(1, 1, 3, *SIZE)
    turned = projection(poses.from_quaternion(np.array([0.0, 0, np.sin(0.4), np.cos(0.4)]), np.zeros(3)))[None, None]
    filled = beyond(volume, memory, projection()[None], turned, VALID)
    seen = torch.from_numpy(RIG.in_view(GRID.centers()))
    assert torch.equal(filled[0, :, seen], volume[0, :, seen])
    read = beyond.project(beyond.lift(memory, turned, VALID))
    assert torch.equal(filled[0, :, ~seen], read[0, :, ~seen])
    assert read[0, :, ~seen].any()


def test_the_mean_is_over_all_frames_and_of_one_frame_it_is_that_frame():
    mean = HistoryMean(LineOfSightLift(GRID, RIG.image_size, 2), torch.nn.Identity())
    matched, memory = torch.randn(1, 3, *SIZE), torch.randn(1, 2, 3, *SIZE)
    now = projection()[None]
    past = now[:, None].repeat(1, 2, 1, 1)
    single = mean(matched, memory, now, past, torch.zeros(1, 2, dtype=torch.bool))
    torch.testing.assert_close(single, mean.lift(matched[:, None], now[:, None], VALID))
    all_frames = torch.cat([matched[:, None], memory], dim=1).mean(dim=1)
    expected = mean.lift(all_frames[:, None], now[:, None], VALID)
    got = mean(matched, memory, now, past, torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
