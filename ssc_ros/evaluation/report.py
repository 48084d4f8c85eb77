"""What a run found, as a table on the terminal, a page and a file of numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Group
from rich.table import Table

from ssc_ros.core import LabelSet, markdown
from ssc_ros.core.files import write_atomically
from ssc_ros.evaluation.confusion import OCCURRING, Scores
from ssc_ros.evaluation.obstacles import ObstacleScores

_SUMMARY = (
    ("IoU", "iou"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("mIoU", "miou"),
    (OCCURRING, "miou_occurring"),
)
_ABSENT = "-"
_NOTE = f"""{_ABSENT}: the class is not in the ground truth; the official mean over classes counts it as 0.
One confusion matrix over all frames; voxels of unknown truth are not counted. Ranges are squares ahead of the sensor.
The official SemanticKITTI score is that of the whole box; `in view` is the part of it that the left camera sees."""
_OBSTACLES_NOTE = """A column is all voxels of one (x, y). Looked at are those of known truth, and `in view` those
of them that the left camera sees.
Found: percent of the columns with an obstacle in which the prediction has an obstacle.
False: percent of the columns with ground alone in which the prediction has an obstacle."""


@dataclass(frozen=True)
class Report:
    """Scores of one run and where they come from.

    Attributes:
        title: what was evaluated, "l2cocc_edge on 08".
        label_set: what the classes mean.
        scores: by region, nearest range first.
        obstacles: by region, the ranges first, then the ranges in view.
        whole: the region that is the official score.
        frames: how many were scored.
        median_ms: median time of a prediction [ms], or None where predictions came from elsewhere.
        config: what the user asked for, as JSON values.
        provenance: what made the result.
        pictures: file names beside the page.
    """

    title: str
    label_set: LabelSet
    scores: Mapping[str, Scores]
    obstacles: Mapping[str, ObstacleScores]
    whole: str
    frames: int
    median_ms: float | None
    config: Mapping[str, object]
    provenance: Mapping[str, str | None]
    pictures: tuple[str, ...] = ()

    @property
    def official(self) -> Scores:
        """Scores of the whole box."""
        return self.scores[self.whole]

    def rows(self) -> list[tuple[str, ...]]:
        """Table in percent: a header of regions, the summary, then the classes."""
        rows = [("", *self.scores)]
        rows += [(name, *(_percent(getattr(s, field)) for s in self.scores.values())) for name, field in _SUMMARY]
        for train, name in list(enumerate(self.label_set.names))[1:]:
            values = [_percent(s.per_class[train]) if s.truth[train] else _ABSENT for s in self.scores.values()]
            rows.append((name, *values))
        return rows

    def obstacle_rows(self) -> list[tuple[str, ...]]:
        """Table in percent: a header, then a row for each region."""
        rows: list[tuple[str, ...]] = [("obstacles within", "found", "false")]
        for region, s in self.obstacles.items():
            found = _percent(s.found) if s.obstacle_columns else _ABSENT
            rows.append((region, found, _percent(s.false) if s.ground_columns else _ABSENT))
        return rows

    def tables(self) -> Group:
        """Return the tables for a terminal: classes and obstacles."""
        obstacles = Table(caption="percent of columns with an obstacle, of columns with ground alone")
        header, *rows = self.obstacle_rows()
        for i, name in enumerate(header):
            obstacles.add_column(name, justify="right" if i else "left")
        for row in rows:
            obstacles.add_row(*row)
        return Group(self._class_table(), obstacles)

    def _class_table(self) -> Table:
        header, *rows = self.rows()
        note = f"percent, over {self.frames} frames; {_ABSENT}: not in the ground truth, counted 0 in mIoU"
        table = Table(title=self.title, caption=note, caption_justify="left")
        table.add_column("")
        for region in header[1:]:
            table.add_column(region, justify="right", style="bold" if region == self.whole else None)
        for i, (name, *values) in enumerate(rows):
            train = i - len(_SUMMARY) + 1
            swatch = "" if train < 1 else "[rgb({},{},{})]\u2588[/] ".format(*self.label_set.palette[train])
            table.add_row(swatch + name, *values, end_section=i == len(_SUMMARY) - 1)
        return table

    def markdown(self) -> str:
        """The page, report.md."""
        lines = [
            f"# {self.title}",
            "",
            f"IoU **{_percent(self.official.iou)}**, mIoU **{_percent(self.official.miou)}** "
            f"(percent, {self.frames} frames, {self.whole})"
            + ("" if self.median_ms is None else f"; {self.median_ms:.0f} ms a frame (median)"),
            "",
            *_markdown(self.rows()),
            "",
            _NOTE,
            "",
            *_markdown(self.obstacle_rows()),
            "",
            _OBSTACLES_NOTE,
            "",
            *(f"![{name}]({name})" for name in self.pictures),
            "",
            "## Where this comes from",
            "",
            *(f"- {key}: `{value}`" for key, value in (*self.provenance.items(), *self.config.items())),
        ]
        return "\n".join(lines) + "\n"

    def metrics(self) -> dict[str, object]:
        """The numbers, metrics.json: fractions, not percent."""
        names = self.label_set.names

        def region(scores: Scores) -> dict[str, object]:
            by_class = {key: dict(zip(names, getattr(scores, key), strict=True)) for key in ("per_class", "truth")}
            return asdict(scores) | {"miou_occurring": scores.miou_occurring} | by_class

        return {
            "title": self.title,
            "iou": self.official.iou,
            "miou": self.official.miou,
            "frames": self.frames,
            "median_ms": self.median_ms,
            "label_set": self.label_set.name,
            "regions": {name: region(scores) for name, scores in self.scores.items()},
            "obstacles": {name: asdict(scores) for name, scores in self.obstacles.items()},
            "config": dict(self.config),
            "provenance": dict(self.provenance),
        }

    def write(self, folder: Path) -> None:
        """Write report.md and metrics.json."""
        write_atomically(folder / "report.md", self.markdown().encode())
        write_atomically(folder / "metrics.json", (json.dumps(self.metrics(), indent=2) + "\n").encode())


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _markdown(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Lines of a table; all columns but the first are of numbers."""
    header, *content = rows
    return markdown.table(header, content, [markdown.LEFT, *[markdown.RIGHT] * (len(header) - 1)])
