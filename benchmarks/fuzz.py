"""Feed the package hostile inputs: a million of them, every kind that a sensor, a bag or a file can bring.

python benchmarks/fuzz.py [--count 1000000] [--seed 0] [--jobs 1]
python benchmarks/fuzz.py --seed 0 --replay 123456

Each input is made from the seed and its number alone. It must be read, or refused with an error of `core/errors`, in
less than a second, and while the process grows by less than 200 MB. What is not is printed with its number; `--replay`
does that input again, in this process and with its traceback.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import cv2
from fuzz_targets import Inputs, Target
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ssc_ros.core import SscError
from ssc_ros.kernels.memory import peak_memory

SLOWEST = 1.0
"""Longest time that an input may take [s]."""
LARGEST = 200_000_000
"""Most that the process may grow by [bytes]."""
HANGS = 60.0
"""When an input that does not end is given up [s]."""
WARM_UP = 200
"""Inputs of a process whose time and memory are not judged: they import and compile."""
CHUNK = 500
SHOWN = 20

MakeTargets = Callable[[Path], Sequence[Target]]


@dataclass(frozen=True)
class Failure:
    """An input that was neither read nor refused as it should be.

    Attributes:
        number: of the input; with the seed it makes the input again.
        target: kind of the input.
        what: went wrong.
    """

    number: int
    target: str
    what: str


@dataclass
class Results:
    """What came of some inputs, by kind."""

    read: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    growth: int = 0
    """Of the process's memory, at most [bytes]."""

    def add(self, other: Results) -> None:
        """Take what came of other inputs."""
        self.read += other.read
        self.refused += other.refused
        self.seconds += other.seconds
        self.slowest |= {name: max(time, self.slowest.get(name, 0)) for name, time in other.slowest.items()}
        self.failures += other.failures
        self.growth = max(self.growth, other.growth)


class Campaign:
    """Makes inputs of a seed and tries them."""

    def __init__(self, targets: Sequence[Target], seed: int) -> None:
        self._targets = targets
        self._shares = [target.share for target in targets]
        self._seed = seed
        self._tried = 0
        self._most = self._begun_with = peak_memory()

    def input(self, number: int) -> tuple[str, Callable[[], bool]]:
        """Return the kind of an input, and what reads it."""
        random = Random(f"{self._seed}:{number}")
        (target,) = random.choices(self._targets, self._shares)
        return target.name, target.make(random)

    def run(self, numbers: Sequence[int], before: Callable[[int], None] = lambda number: None) -> Results:
        """Try inputs; `before` is told the number of each."""
        results = Results()
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # numbers that overflow have not been looked at
            for number in numbers:
                before(number)
                name, attempt = self.input(number)
                self._try(number, name, attempt, results)
        results.growth = max(results.growth, self._most - self._begun_with)
        return results

    def _try(self, number: int, name: str, attempt: Callable[[], bool], results: Results) -> None:
        begin = time.process_time()  # other programs may have the processor for seconds
        try:
            counted = results.read if attempt() else results.refused
            counted[name] += 1
        except SscError:
            results.refused[name] += 1
        except Exception as error:
            results.failures.append(Failure(number, name, _signature(error)))
        elapsed = time.process_time() - begin
        results.seconds[name] += elapsed
        self._tried += 1
        if self._tried <= WARM_UP:
            self._most = self._begun_with = peak_memory()
            return
        results.slowest[name] = max(elapsed, results.slowest.get(name, 0))
        if elapsed > SLOWEST:
            results.failures.append(Failure(number, name, f"takes more than {SLOWEST:g} s"))
        peak = peak_memory()
        if peak - self._begun_with > LARGEST and peak > self._most:
            grown = f"grows to {LARGEST / 1e6:g} MB above its beginning"
            results.failures.append(Failure(number, name, grown))
        self._most = max(self._most, peak)


def make_targets(folder: Path) -> Sequence[Target]:
    """Return all kinds of inputs, which may write into a folder."""
    return Inputs(folder).targets()


def _signature(error: Exception) -> str:
    """What an error is and where it comes from, such that errors of one kind look alike."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "ssc_ros" in Path(frame.filename).parts] or list(frames)
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
    return f"{type(error).__name__} at {where}: {' '.join(str(error).split())[:90]}"


def _work(make: MakeTargets, seed: int, first: int, last: int, progress: Any, results: Any) -> None:
    """Try inputs in a process of their own, which they may crash."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # decoders complain there
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(make(Path(folder)), seed)

        def note(number: int) -> None:
            progress.value = number

        for begin in range(first, last, CHUNK):
            results.send(campaign.run(range(begin, min(begin + CHUNK, last)), note))


def run_processes(make: MakeTargets, seed: int, first: int, last: int, told: Callable[[int], None]) -> Results:
    """Try inputs in a process that is started again behind each input that ends or stalls it.

    Args:
        make: makes the targets, in that process.
        seed: of the campaign.
        first, last: numbers of the inputs, without the last.
        told: how many more are done, now and then.
    """
    total, context = Results(), multiprocessing.get_context("spawn")
    while first < last:
        progress = context.Value("q", -1, lock=False)
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(make, seed, first, last, progress, sender))
        process.start()
        sender.close()
        begin, stalled = first, False
        last_number, since = -1, time.monotonic()
        with suppress(EOFError):
            while first < last and not stalled:
                if receiver.poll(0.5):
                    total.add(receiver.recv())
                    told(min(CHUNK, last - first))
                    first = min(first + CHUNK, last)
                if progress.value != last_number:
                    last_number, since = progress.value, time.monotonic()
                stalled = last_number >= 0 and time.monotonic() - since > HANGS
        if stalled:
            process.kill()
        process.join()
        if first < last:
            if progress.value < 0 and first == begin:
                raise SystemExit(f"the process ended with status {process.exitcode} before its first input")
            how = f"takes more than {HANGS:g} s" if stalled else f"ends the process with status {process.exitcode}"
            total.failures.append(Failure(progress.value, "?", how))
            told(progress.value + 1 - first)
            first = progress.value + 1
    return total


def table(results: Results) -> Table:
    """Return what came of each kind of input."""
    shown = Table(title="hostile inputs")
    for column in ("kind", "inputs", "read", "refused", "mean [ms]", "slowest [ms]", "failures"):
        shown.add_column(column, justify="left" if column == "kind" else "right")
    failed = Counter(failure.target for failure in results.failures)
    for name in sorted(results.seconds, key=lambda name: -(results.read[name] + results.refused[name])):
        count = results.read[name] + results.refused[name] + failed[name]
        mean, slowest = 1e3 * results.seconds[name] / max(count, 1), 1e3 * results.slowest.get(name, 0)
        numbers = (count, results.read[name], results.refused[name], f"{mean:.2f}", f"{slowest:.0f}", failed[name])
        shown.add_row(name, *map(str, numbers))
    return shown


def main(make: MakeTargets = make_targets) -> int:
    """Run the campaign, or one input of it; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="number of inputs (default: 1000000)")
    parser.add_argument("--seed", type=int, default=0, help="of the campaign (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (default: 0)")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="try this input alone")
    args = parser.parse_args()
    if args.replay is not None:
        with tempfile.TemporaryDirectory() as folder:
            name, attempt = Campaign(make(Path(folder)), args.seed).input(args.replay)
            print(f"input {args.replay} of seed {args.seed}: {name}")
            print("read" if attempt() else "left out of its frame")
        return 0
    console, begin = Console(), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("hostile inputs", total=args.count)
        last = args.first + args.count
        results = run_processes(make, args.seed, args.first, last, lambda done: bar.advance(task, done))
    console.print(table(results))
    console.print(
        f"seed {args.seed}, inputs {args.first} to {last - 1}: {len(results.failures)} failures, "
        f"grown by {results.growth / 1e6:.0f} MB, {time.monotonic() - begin:.0f} s"
    )
    kinds: dict[tuple[str, str], list[int]] = {}
    for failure in results.failures:
        kinds.setdefault((failure.target, failure.what), []).append(failure.number)
    for (target, what), numbers in list(kinds.items())[:SHOWN]:
        console.print(f"{target}: {what}; {len(numbers)} times, such as --seed {args.seed} --replay {numbers[0]}")
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
