"""Score what is shipped on the development set, and write table of docs/results.md and cards.

  python benchmarks/development_set.py --data $SSC_KITTI_ROOT
  python benchmarks/development_set.py --data $SSC_KITTI_ROOT --only l2cocc_edge stereo

The development set is four real sequences of KITTI, 00, 01, 03 and 08. Each row is one `ssc-ros evaluate`; what is not
asked for keeps its row. The rows of the table go between the markers `development set`, the scores of a checkpoint
between the same markers of its card, which are added at the end of a card that has none.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablation import REPOSITORY, RESULTS
from pages import rows, rows_of, write_part

from ssc_ros.cli import main as ssc_ros

SEQUENCES = ("00", "01", "03", "08")
PART = "development set"
POINTS_PART = "development set, points"
MODELS = REPOSITORY / "models"
SEGMENTATION = MODELS / "polarnet_edge.safetensors"
HEADER = ("", "51.2 m", "25.6 m", "12.8 m", "obstacles in view, 12.8 m", "25.6 m", "in all, 12.8 m", "25.6 m")
POINTS_HEADER = ("", "accuracy", "mIoU", "mIoU, classes that occur")

Metrics = Mapping[str, Any]
"""A metrics.json."""


@dataclass(frozen=True)
class Candidate:
    """A row.

    Attributes:
        name: of the checkpoint, or of the baseline.
        flags: of `ssc-ros evaluate`.
        points: points are scored, not voxels.
    """

    name: str
    flags: tuple[str, ...] = ()
    points: bool = False

    @property
    def card(self) -> Path | None:
        """Where the scores go beside the table."""
        return None if "--baseline" in self.flags else MODELS / f"{self.name}.md"

    def evaluate(self, data: Path, results: Path) -> Metrics:
        """Run the evaluation and read what it found."""
        command = ["evaluate", "--data", str(data), "--sequence", *SEQUENCES, "--results", str(results), *self.flags]
        if self.card is not None:
            command += ["--checkpoint", str(MODELS / f"{self.name}.safetensors")]
        if ssc_ros(command):
            raise SystemExit(f"{self.name} could not be scored")
        metrics: Metrics = json.loads((results / "latest" / "metrics.json").read_text())
        return metrics


_POINTS = ("--task", "segmentation")
_VOXELS = ("--pictures", "0")
CANDIDATES = (
    Candidate("l2cocc_edge", _VOXELS),
    Candidate("htcl_edge", _VOXELS),
    Candidate("vlscene_edge", _VOXELS),
    Candidate("sgn_edge", _VOXELS),
    Candidate("l2cocc_fused_edge", (*_VOXELS, "--segmentation", str(SEGMENTATION))),
    Candidate("l2cocc_lidar_edge", _VOXELS),
    Candidate("stereo", (*_VOXELS, "--baseline", "stereo")),
    Candidate("polarnet_edge", _POINTS, points=True),
    Candidate("cylinder3d_edge", _POINTS, points=True),
)


def voxel_row(name: str, metrics: Metrics) -> list[str]:
    """IoU / mIoU (mIoU over the classes that occur) by range, and obstacles found / false [%]."""
    scores = [
        f"{_percent(region['iou'])} / {_percent(region['miou'])} ({_percent(region['miou_occurring'])})"
        for region in (metrics["regions"][key] for key in HEADER[1:4])
    ]
    regions = ("12.8 m in view", "25.6 m in view", "12.8 m", "25.6 m")
    return [f"`{name}`", *scores, *(_obstacles(metrics, region) for region in regions)]


def point_row(name: str, metrics: Metrics) -> list[str]:
    """Accuracy and mIoU [%]."""
    return [f"`{name}`", *(_percent(metrics[key]) for key in ("accuracy", "miou", "miou_occurring"))]


def card_lines(candidate: Candidate, metrics: Metrics) -> Iterator[str]:
    """The section of a card."""
    yield from ("", "## Development set", "")
    count, names = (metrics["sweeps"], "sweeps") if candidate.points else (metrics["frames"], "frames")
    yield f"{count} real {names} of KITTI {', '.join(SEQUENCES)}, which training never saw, in %. IoU is of the whole"
    yield "box or of all points; a class that is not in the truth has no row."
    yield "Written by `python benchmarks/development_set.py --data $SSC_KITTI_ROOT`."
    yield ""
    scores = metrics if candidate.points else metrics["regions"]["51.2 m"]
    yield from rows(("", "%"), _card_rows(candidate, metrics, scores))


def _card_rows(candidate: Candidate, metrics: Metrics, scores: Metrics) -> Iterator[tuple[str, str]]:
    summary = {"accuracy": "accuracy"} if candidate.points else {"IoU": "iou"}
    for title, key in (summary | {"**mIoU**": "miou", "mIoU, classes that occur": "miou_occurring"}).items():
        yield title, _percent(scores[key])
    for region in () if candidate.points else metrics["obstacles"]:
        yield f"obstacles within {region}, found / false", _obstacles(metrics, region)
    for name, truth in list(scores["truth"].items())[1:]:
        if truth:
            yield name, _percent(scores["per_class"][name])


def _obstacles(metrics: Metrics, region: str) -> str:
    scores = metrics["obstacles"][region]
    return f"{_percent(scores['found'])} / {_percent(scores['false'])}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def write_card(card: Path, lines: Sequence[str]) -> None:
    """Put the section into a card, in the place that it has or at the end."""
    text = card.read_text()
    if f"<!-- {PART} -->" not in text:
        card.write_text(f"{text.rstrip()}\n\n<!-- {PART} -->\n<!-- end of {PART} -->\n")
    write_part(card, PART, [*lines, ""])


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [candidate.name for candidate in CANDIDATES]
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="root of KITTI odometry")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="rows to renew (default: all)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of all results")
    args = parser.parse_args()
    tables = {part: rows_of(RESULTS, part) for part in (PART, POINTS_PART)}
    for candidate in CANDIDATES:
        if candidate.name not in args.only:
            continue
        metrics = candidate.evaluate(args.data, args.results)
        if candidate.points:
            tables[POINTS_PART][f"`{candidate.name}`"] = point_row(candidate.name, metrics)
        else:
            tables[PART][f"`{candidate.name}`"] = voxel_row(candidate.name, metrics)
        if candidate.card is not None:
            write_card(candidate.card, list(card_lines(candidate, metrics)))
    for part, header in ((PART, HEADER), (POINTS_PART, POINTS_HEADER)):
        order = [f"`{name}`" for name in names if f"`{name}`" in tables[part]]
        write_part(RESULTS, part, rows(header, (tables[part][name] for name in order)))


if __name__ == "__main__":
    main()
