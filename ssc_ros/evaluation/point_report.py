"""What an evaluation of the classes of points found, as a table on the terminal, a page and a file of numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ssc_ros.core import LabelSet, markdown
from ssc_ros.core.files import write_atomically
from ssc_ros.evaluation.confusion import OCCURRING
from ssc_ros.evaluation.points import PointScores
from ssc_ros.evaluation.results import new_result_folder, point_latest_at

ABSENT = "-"
"""What a table shows for a class that is not scored."""
COUNTED = f"{ABSENT}: not in the ground truth, counted 0 in mIoU; unlabelled points are not counted"
"""What the scores of sweeps count."""


@dataclass(frozen=True)
class PointReport:
    """Scores of one run and where they come from.

    Attributes:
        title: what was evaluated, "polarnet_edge on 08".
        label_set: what the classes mean.
        scores: over the points of all sweeps, by region; the last region is all of them.
        sweeps: how many were scored.
        median_ms: median time of a sweep [ms].
        config: what the user asked for, as JSON values.
        provenance: what made the result.
        least: classes with fewer points are not shown.
        note: what is counted.
    """

    title: str
    label_set: LabelSet
    scores: Mapping[str, PointScores]
    sweeps: int
    median_ms: float
    config: Mapping[str, object]
    provenance: Mapping[str, str | None]
    least: int = 1
    note: str = COUNTED

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Names and percentages by region: the summary, then the classes."""
        regions = self.scores.values()
        yield "mIoU", *(_percent(scores.miou) for scores in regions)
        yield OCCURRING, *(_percent(scores.miou_occurring) for scores in regions)
        yield "accuracy", *(_percent(scores.accuracy) for scores in regions)
        for train, name in list(enumerate(self.label_set.names))[1:]:
            shown = [scores.truth[train] >= self.least for scores in regions]
            ious = [_percent(scores.per_class[train]) for scores in regions]
            yield name, *(iou if show else ABSENT for iou, show in zip(ious, shown, strict=True))

    def table(self) -> Table:
        """The table for a terminal."""
        table = Table(
            "", title=self.title, caption=f"percent, over {self.sweeps} sweeps; {self.note}", caption_justify="left"
        )
        for region in self.scores:
            table.add_column(region, justify="right")
        for i, row in enumerate(self.rows()):
            table.add_row(*row, end_section=i == 2)
        return table

    def write(self, folder: Path) -> None:
        """Write report.md and metrics.json."""
        lines = [
            f"# {self.title}",
            "",
            f"{self.sweeps} sweeps, {self.median_ms:.0f} ms each (median). Percent; {self.note}.",
            "",
            *markdown.table(("", *self.scores), self.rows(), (markdown.LEFT, *(markdown.RIGHT for _ in self.scores))),
            "",
            "## Where this comes from",
            "",
            *(f"- {key}: `{value}`" for key, value in (*self.provenance.items(), *self.config.items())),
        ]
        regions = {region: self._numbers(scores) for region, scores in self.scores.items()}
        numbers = {
            "title": self.title,
            **list(regions.values())[-1],
            **({"regions": regions} if len(regions) > 1 else {}),
            "sweeps": self.sweeps,
            "median_ms": self.median_ms,
            "label_set": self.label_set.name,
            "config": dict(self.config),
            "provenance": dict(self.provenance),
        }
        write_atomically(folder / "report.md", ("\n".join(lines) + "\n").encode())
        write_atomically(folder / "metrics.json", (json.dumps(numbers, indent=2) + "\n").encode())

    def publish(self, results: Path) -> None:
        """Print the table, and write report.md and metrics.json to a new folder, to which `latest` then points.

        Args:
            results: folder of all results.

        Raises:
            SscError: the result folder cannot be made.
        """
        folder = new_result_folder(results, self.title.replace(" ", "-"))
        self.write(folder)
        point_latest_at(folder)
        console = Console()
        console.print(self.table())
        console.print(f"results in {folder}", soft_wrap=True, highlight=False)

    def _numbers(self, scores: PointScores) -> dict[str, object]:
        names = self.label_set.names
        by_class = {key: dict(zip(names, getattr(scores, key), strict=True)) for key in ("per_class", "truth")}
        return asdict(scores) | {"miou_occurring": scores.miou_occurring} | by_class


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}"
