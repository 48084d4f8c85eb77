"""What is predicted behind moving objects, where there is nothing: do past frames leave trails?

  python benchmarks/trails.py runs/single.safetensors models/htcl_edge.safetensors --data data/synth_kitti
  python benchmarks/trails.py A B --data data/synth_kitti --sequence 08 11 --picture trails.png --json trails.json
  python benchmarks/trails.py A --data data/synth_kitti --fuse    # A, and A with its grids fused into a map

Synth-KITTI's streets are drawn anew from the seed in their simulation.json, so the path of each moving thing is known.
Counted are the voxels of the lane that it has just left, up to ten metres behind it and as wide and high as it is,
that are in the camera's view and empty by the ground truth; a mistake is a class of things that can move. (The ground
truth accumulates later sweeps: it has trails too, but in front of things.) The length of a trail is the share of
mistakes, summed over the distance: the length of an object that is as wide and as high and is not there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from ssc_ros.core import EMPTY, Frame, SceneGrid, SemanticGrid, SscError, poses
from ssc_ros.data.semantic_kitti import KittiSequence, SemanticKitti
from ssc_ros.evaluation.render import from_above
from ssc_ros.inference.completer import SceneCompleter
from ssc_ros.inference.stream import stream
from ssc_ros.mapping.guarded_map import GuardedMap
from ssc_ros.simulation import road
from ssc_ros.simulation.sequence import RECORD, SequenceJob
from ssc_ros.simulation.traffic import FRAME_PERIOD, Ego, Mover
from ssc_ros.simulation.world import VERSION, World

REACH, STEP = 10, 0.1
"""How far behind a thing trails are looked for, and the raster of the lane [m]."""
CLEARANCE = 0.4, 0.5
"""Between a thing and what counts as behind it, and between the road and what counts as above it [m]: voxels that the
thing itself, or the road, reach into."""
PARTS = ((0, 2), (2, 5), (5, REACH))
"""Of the lane behind a thing, in the table [m]."""
MOVABLE = ("car", "bicycle", "motorcycle", "truck", "other-vehicle", "person", "bicyclist", "motorcyclist")


@dataclass(frozen=True)
class Lane:
    """What moving things have just left.

    Attributes:
        voxels: (N, 3) indices.
        behind: (N,) metre behind the nearest thing, 0 .. REACH - 1.
    """

    voxels: NDArray[np.int64]
    behind: NDArray[np.int64]


def world_of(sequence: KittiSequence) -> World:
    """The street of a simulated sequence.

    Raises:
        SscError: it was not simulated, or by another version.
    """
    file = sequence.path / RECORD
    if not file.exists():
        raise SscError(f"{sequence.path} was not made by ssc-ros simulate: nobody knows what moved there")
    record = json.loads(file.read_text())
    if not record["simulator"].endswith(f"world {VERSION}"):
        raise SscError(f"{file} is of '{record['simulator']}', and this version draws world {VERSION}")
    settings = {key: record[key] for key in ("seed", "frames", "voxel_step", "images", "scans")}
    return SequenceJob(sequence.path.parents[1], sequence.name, **settings).world


def left_behind(mover: Mover, plan: road.Plan, ego: Ego, t: float) -> NDArray[np.float64]:
    """(N, 4): points in the world [m] that a thing has just left, and how far behind its rear they lie [m]."""
    if mover.at(plan, ego, t) is None:
        return np.zeros((0, 4))
    low, high = (edge(corner, axis=0) for edge, corner in zip((np.min, np.max), mover.shape.bounds(), strict=True))
    s = mover.start + (ego.progress(t) if mover.follows else mover.speed * t)
    ahead = np.sign(mover.speed)
    rows = []
    for behind in np.arange(CLEARANCE[0], REACH, STEP):
        there = s + ahead * (low[0] - behind)
        x, y, heading = road.place(plan, there, mover.d)
        floor = road.height_at(plan, x, y, there, mover.d)
        across, above = np.meshgrid(np.arange(low[1], high[1], STEP), np.arange(CLEARANCE[1], high[2], STEP))
        left = np.array([-np.sin(heading), np.cos(heading)])
        place = np.array([x, y]) + across.reshape(-1, 1) * left
        rows.append(np.c_[place, floor + above.ravel(), np.full(across.size, behind)])
    return np.concatenate(rows)


def lane_of(world: World, frame: int, grid: SceneGrid) -> Lane:
    """What all moving things have just left, in the grid of a frame."""
    t, T_grid_world = frame * FRAME_PERIOD, poses.inverse(world.grid_pose(frame))
    points = np.concatenate([left_behind(mover, world.plan, world.ego, t) for mover in world.movers])
    index = grid.indices(poses.apply(T_grid_world, points[:, :3]))
    inside = grid.contains(index)
    flat = np.ravel_multi_index(tuple(index[inside].T), grid.shape)
    # of several distances of one voxel the smallest
    order = np.lexsort((points[inside, 3], flat))
    voxels, first = np.unique(flat[order], return_index=True)
    behind = points[inside, 3][order][first].astype(np.int64)
    return Lane(np.stack(np.unravel_index(voxels, grid.shape), axis=1), behind)


@dataclass(frozen=True)
class Look:
    """One frame as one network completes it: all labels, what of the lane counts, and what of that is a mistake."""

    frame: Frame
    labels: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    lane: Lane
    wrong: NDArray[np.bool_]


def grids(completer: SceneCompleter, sequence: KittiSequence, fuse: bool) -> Iterator[tuple[str, Frame, SemanticGrid]]:
    """Every labelled frame of a sequence with its grid; fused with those of all frames before, if that is asked for."""
    world = GuardedMap(sequence.grid, sequence.label_set) if fuse else None
    chosen = sequence.frame_ids if fuse else sequence.voxel_ids
    for frame_id, frame in stream(completer, sequence, chosen, with_points=False):
        grid, pose = completer.complete(frame), frame.T_world_grid
        if world is not None:
            assert pose is not None, "simulated sequences have poses"
            world.fuse(grid, pose)
            grid = world.map.cut(pose, frame.stamp)
        if frame_id in sequence.voxel_ids:
            yield frame_id, frame, grid


def looks(completer: SceneCompleter, sequence: KittiSequence, fuse: bool = False) -> Iterator[Look]:
    """Every labelled frame of a sequence, streamed."""
    world = world_of(sequence)
    movable = [sequence.label_set.names.index(name) for name in MOVABLE]
    for frame_id, frame, predicted in grids(completer, sequence, fuse):
        truth = sequence.target(frame_id)
        lane = lane_of(world, int(frame_id), sequence.grid)
        at = tuple(lane.voxels.T)
        counts = (truth[at] == EMPTY) & frame.rig.in_view(sequence.grid.centers())[at]
        lane = Lane(lane.voxels[counts], lane.behind[counts])
        wrong = np.isin(predicted.labels[tuple(lane.voxels.T)], movable)
        yield Look(frame, predicted.labels, truth, lane, wrong)


@dataclass(frozen=True)
class Trail:
    """Mistakes by distance.

    Attributes:
        counted, wrong: (REACH,) voxels in each metre behind things, and mistakes among them.
    """

    counted: NDArray[np.int64]
    wrong: NDArray[np.int64]

    @staticmethod
    def of(seen: Sequence[Look]) -> Trail:
        """Over some frames."""
        behind = np.concatenate([look.lane.behind for look in seen])
        wrong = np.concatenate([look.wrong for look in seen])
        return Trail(np.bincount(behind, minlength=REACH), np.bincount(behind[wrong], minlength=REACH))

    @property
    def rates(self) -> NDArray[np.float64]:
        """(REACH,) share of mistakes."""
        return np.asarray(self.wrong / np.maximum(self.counted, 1))

    @property
    def length(self) -> float:
        """Of the trail [m]."""
        return float(self.rates.sum())


def draw(path: Path, names: Sequence[str], seen: Sequence[Look], palette: NDArray[np.uint8], scale: int = 2) -> None:
    """Truth and predictions of one frame from above; voxels of the lane with a mistake are red."""
    truth = seen[0].truth
    panels = [np.where(truth == 255, EMPTY, truth), *(look.labels for look in seen)]
    red = [np.zeros(truth.shape, np.bool_) for _ in panels]
    for mask, look in zip(red[1:], seen, strict=True):
        mask[tuple(look.lane.voxels[look.wrong].T)] = True
    images = []
    for labels, mask in zip(panels, red, strict=True):
        colors = palette[labels].copy()
        colors[mask] = (255, 0, 0)
        image = from_above(colors, labels != EMPTY)
        size = scale * image.shape[1], scale * image.shape[0]
        images.append(Image.fromarray(image).resize(size, Image.Resampling.NEAREST))
    width, height, title = images[0].width, images[0].height, 24
    page = Image.new("RGB", ((width + 10) * len(images), height + title), "white")
    for i, (name, image) in enumerate(zip(("ground truth", *names), images, strict=True)):
        page.paste(image, (i * (width + 10), title))
        ImageDraw.Draw(page).text((i * (width + 10) + 4, 6), name, fill="black")
    page.save(path)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="+", type=Path, help="those to compare; the first is the reference")
    parser.add_argument("--data", type=Path, required=True, help="Synth-KITTI, from ssc-ros simulate")
    parser.add_argument("--sequence", nargs="+", default=["08", "11"])
    parser.add_argument("--picture", type=Path, help="a PNG of the frame in which the last differs most from the first")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--fuse", action="store_true", help="beside each, its grids fused into a map")
    args = parser.parse_args()
    sequences = SemanticKitti(args.data, args.sequence).sequences
    seen: dict[str, list[Look]] = {}
    checkpoints = list(dict.fromkeys(args.checkpoint))
    for path in checkpoints:
        completer = SceneCompleter.from_checkpoint(path, threads=args.threads)
        grid, label_set = completer.metadata.grid, completer.metadata.label_set
        if grid != sequences[0].grid or label_set != sequences[0].label_set:
            raise SscError(f"{path} has another grid or other classes than Synth-KITTI")
        for how, fuse in (("", False), *([(" fused", True)] if args.fuse else [])):
            seen[f"{path}{how}"] = [look for sequence in sequences for look in looks(completer, sequence, fuse)]
    trails = {name: Trail.of(frames) for name, frames in seen.items()}
    table = Table("checkpoint", "trail [m]", *(f"{a}..{b} m [%]" for a, b in PARTS), "voxels")
    for name, trail in trails.items():
        parts = [100 * trail.wrong[a:b].sum() / max(1, trail.counted[a:b].sum()) for a, b in PARTS]
        table.add_row(name, f"{trail.length:.3f}", *(f"{part:.2f}" for part in parts), f"{trail.counted.sum():,}")
    Console().print(table)
    if args.json:
        content = {
            name: {"length": t.length, "counted": t.counted.tolist(), "wrong": t.wrong.tolist()}
            for name, t in trails.items()
        }
        args.json.write_text(json.dumps(content, indent=2) + "\n")
    if args.picture:
        first, last = (seen[str(path)] for path in (checkpoints[0], checkpoints[-1]))
        at = int(np.argmax([abs(int(b.wrong.sum()) - int(a.wrong.sum())) for a, b in zip(first, last, strict=True)]))
        palette = np.asarray(sequences[0].label_set.palette, np.uint8)
        names = ["/".join(path.with_suffix("").parts[-2:]) for path in checkpoints]
        draw(args.picture, names, [frames[at] for frames in seen.values()], palette)


if __name__ == "__main__":
    main()
