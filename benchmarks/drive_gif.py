"""Draw a drive as a GIF: camera, and from above each single grid beside the map.

  python benchmarks/drive_gif.py models/l2cocc_edge.safetensors --data data/synth_kitti --sequence 08 \\
      --out docs/images/map.gif
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ssc_ros.core import EMPTY, SemanticGrid
from ssc_ros.data.sequence import open_sequences
from ssc_ros.inference.fused_evaluation import moments
from ssc_ros.inference.predictors import checkpoint_predictor
from ssc_ros.mapping.semantic_map import SemanticMap

RADIUS = 38.4
"""What is drawn of the map, to all sides of the robot [m]."""
TITLE = 16
"""Height of a title [px]."""


def seen_from_above(whole: SemanticGrid) -> NDArray[np.uint8]:
    """Return the class on top of each column (X, Y, 3) uint8 RGB; x of the world is up, y left, nothing is white."""
    solid = whole.labels != EMPTY
    top = solid.shape[2] - 1 - np.argmax(solid[:, :, ::-1], axis=2)
    labels = np.take_along_axis(whole.labels, top[..., None], axis=2)[..., 0]
    colors = np.asarray(whole.label_set.palette, np.uint8)[labels]
    colors[~solid.any(axis=2)] = 255
    return np.asarray(colors[::-1, ::-1])


def page(left: NDArray[np.uint8], panels: list[tuple[str, NDArray[np.uint8]]]) -> Image.Image:
    """Put titled panels side by side under the left image."""
    width = sum(panel.shape[1] for _, panel in panels) + 4 * (len(panels) - 1)
    height = round(left.shape[0] * width / left.shape[1])
    result = Image.new("RGB", (width, height + TITLE + panels[0][1].shape[0]), "white")
    result.paste(Image.fromarray(left).resize((width, height)))
    x = 0
    for name, panel in panels:
        ImageDraw.Draw(result).text((x + 4, height + 2), name, fill="black")
        result.paste(Image.fromarray(panel), (x, height + TITLE))
        x += panel.shape[1] + 4
    return result.convert("P", palette=Image.Palette.ADAPTIVE, colors=32)


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sequence", default="08")
    parser.add_argument("--every", type=int, default=2, help="draw every so many frames (default: 2)")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    (sequence,) = open_sequences(args.data, [args.sequence])
    predictor = checkpoint_predictor(args.checkpoint, backend="auto")
    world, alone = (SemanticMap(sequence.grid, sequence.label_set, radius=RADIUS) for _ in range(2))
    pages = []
    for number, moment in enumerate(moments(predictor, [sequence], slice(None))):
        grid, pose = predictor.completer.complete(moment.frame), moment.frame.T_world_grid
        assert pose is not None, "a map needs poses"
        world.fuse(grid, pose)
        if number % args.every == 0:
            alone.clear()
            alone.fuse(grid, pose)
            panels = [
                (name, seen_from_above(each.whole("odom", 0))) for name, each in (("one grid", alone), ("map", world))
            ]
            pages.append(page(moment.frame.left, panels))
    pages[0].save(args.out, save_all=True, append_images=pages[1:], duration=100 * args.every, loop=0, optimize=True)


if __name__ == "__main__":
    main()
