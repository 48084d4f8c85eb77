"""What an evaluation of point segmentation found, as a table on the terminal, a page and a file of numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from ssc_ros.core import LabelSet, markdown
from ssc_ros.core.files import write_atomically
from ssc_ros.evaluation.confusion import OCCURRING
from ssc_ros.evaluation.points import PointScores

_ABSENT = "-"
_NOTE = f"{_ABSENT}: not in the ground truth, counted 0 in mIoU; unlabelled points are not counted"


@dataclass(frozen=True)
class PointReport:
    """Scores of one run and where they come from.

    Attributes:
        title: what was evaluated, "polarnet_edge on 08".
        label_set: what the classes mean.
        scores: over all points of all sweeps.
        sweeps: how many were scored.
        median_ms: median time of a sweep [ms].
        config: what the user asked for, as JSON values.
        provenance: what made the result.
    """

    title: str
    label_set: LabelSet
    scores: PointScores
    sweeps: int
    median_ms: float
    config: Mapping[str, object]
    provenance: Mapping[str, str | None]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Names and percentages: the summary, then the classes."""
        yield "mIoU", _percent(self.scores.miou)
        yield OCCURRING, _percent(self.scores.miou_occurring)
        yield "accuracy", _percent(self.scores.accuracy)
        scored = zip(self.label_set.names, self.scores.per_class, self.scores.truth, strict=True)
        for name, iou, truth in list(scored)[1:]:
            yield name, _percent(iou) if truth else _ABSENT

    def table(self) -> Table:
        """The table for a terminal."""
        table = Table(
            "", title=self.title, caption=f"percent, over {self.sweeps} sweeps; {_NOTE}", caption_justify="left"
        )
        table.add_column("IoU", justify="right")
        for i, (name, value) in enumerate(self.rows()):
            table.add_row(name, value, end_section=i == 2)
        return table

    def write(self, folder: Path) -> None:
        """Write report.md and metrics.json."""
        lines = [
            f"# {self.title}",
            "",
            f"{self.sweeps} sweeps, {self.median_ms:.0f} ms each (median). Percent; {_NOTE}.",
            "",
            *markdown.table(("", "%"), self.rows(), (markdown.LEFT, markdown.RIGHT)),
            "",
            "## Where this comes from",
            "",
            *(f"- {key}: `{value}`" for key, value in (*self.provenance.items(), *self.config.items())),
        ]
        names = self.label_set.names
        by_class = {key: dict(zip(names, getattr(self.scores, key), strict=True)) for key in ("per_class", "truth")}
        numbers = {
            "title": self.title,
            **asdict(self.scores),
            "miou_occurring": self.scores.miou_occurring,
            **by_class,
            "sweeps": self.sweeps,
            "median_ms": self.median_ms,
            "label_set": self.label_set.name,
            "config": dict(self.config),
            "provenance": dict(self.provenance),
        }
        write_atomically(folder / "report.md", ("\n".join(lines) + "\n").encode())
        write_atomically(folder / "metrics.json", (json.dumps(numbers, indent=2) + "\n").encode())


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"
