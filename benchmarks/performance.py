"""Measure what docs/performance.md tells, one command after the other; write its tables and docs/performance_tables.md.

  chrt -r 5 python benchmarks/performance.py                # all that is not measured yet, then the page
  python benchmarks/performance.py --only node node-alone   # these alone
  python benchmarks/performance.py --page                   # what there is so far, without measuring

Each measurement leaves one JSON file in the folder of runs and is not repeated while that is there, so the same command
again resumes the whole; delete a file to measure anew. The frame is that of SSC_KITTI_ROOT, or simulated. Of the pages
only what stands between their markers is written, and there what has no file stays as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from goals import GOALS, Found, against_peers
from measurements import ALL, DEFAULT, FULL, NODE, REFERENCE, Measurement, read
from measuring import Report
from pages import as_markdown, folded, rows, rows_of, sections_of, write_part

from ssc_ros.profiling.document import Document
from ssc_ros.profiling.report import Result
from ssc_ros.profiling.ros.result import Result as NodeResult

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "performance.md"
"""Goals, and what each full size takes against its authors' code."""
TABLES = DOCS / "performance_tables.md"
"""The tables of each measurement."""
AGAINST_PEERS = ["seconds", "our model", "theirs", "times faster", "ours in all", "theirs in all", "times faster"]


def write_page(found: Found) -> None:
    """Write the tables of what was found; the rest stays, or is said to be not measured."""
    standing = rows_of(PAGE, "goals")
    goals = [goal.row(found) if goal.key in found else standing.get(goal.what, goal.row(found)) for goal in GOALS]
    standing = rows_of(PAGE, "full sizes")
    peers = [
        row if measurement.key in found else standing.get(row[0], row)
        for measurement, row in zip(FULL, against_peers(found), strict=True)
    ]
    write_part(PAGE, "goals", rows(["", "goal", "measured", ""], goals))
    write_part(PAGE, "full sizes", rows(AGAINST_PEERS, peers))
    parts = {"reference": REFERENCE, "default checkpoint": DEFAULT, "full sizes": FULL, "node": NODE}
    for part, measurements in parts.items():
        write_part(TABLES, part, list(sections(part, measurements, found)))


def sections(part: str, measurements: Iterable[Measurement], found: Found) -> Iterator[str]:
    """Each measurement below its heading: the command, the tables, what made them; or what stands there."""
    standing = sections_of(TABLES, part)
    for measurement in measurements:
        document = found.get(measurement.key)
        if document is None and measurement.purpose in standing:
            yield from standing[measurement.purpose]
            continue
        yield from (f"### {measurement.purpose}", "", "```sh", measurement.command, "```", "")
        yield from ["Not measured.", ""] if document is None else [*tables(document), made_by(document), ""]


def tables(document: Document) -> Iterator[str]:
    """What compares several settings openly, each setting below its title."""
    if isinstance(document, NodeResult | Report):
        yield from as_markdown(document.table())
        return
    assert isinstance(document, Result)
    settings = document.tables()
    if document.ratios:
        yield from as_markdown(settings.pop())
    elif len(settings) > 1:
        yield from as_markdown(document.overview())
    for table in settings:
        yield from folded(table)
    yield from ("; ".join(document.facts()), "")


def made_by(document: Document) -> str:
    """Date and commit; a plus behind it: files were changed since."""
    date, commit = (document.provenance.get(name) or "unknown" for name in ("date", "commit"))
    return f"{date[:10]}, commit {commit[:7]}{'+' * commit.endswith('+')}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    keys = [measurement.key for measurement in ALL]
    parser.add_argument("--only", nargs="+", metavar="KEY", choices=keys, default=keys, help=f"of {', '.join(keys)}")
    parser.add_argument("--page", action="store_true", help="write what there is so far, without measuring")
    parser.add_argument("--runs", type=Path, default=Path("runs/performance"), help="folder of all files")
    args = parser.parse_args(arguments)
    runs = args.runs.resolve()
    wanted = [] if args.page else [measurement for measurement in ALL if measurement.key in args.only]
    failed = [measurement.key for measurement in wanted if not measurement.execute(runs)]
    write_page(read(ALL, runs))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
