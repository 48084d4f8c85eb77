"""Train every variant of an ablation with every seed, as often as it takes, and write the table of docs/results.md.

  python benchmarks/ablation.py l2cocc --data data/synth_kitti
  python benchmarks/ablation.py l2cocc --data data/synth_kitti --seeds 1 2 3 --steps 500 --jobs 2
  python benchmarks/ablation.py l2cocc --data data/synth_kitti --steps 600 --rows c pad --table-name "l2cocc longer"
  python benchmarks/ablation.py l2cocc --table                  # what there is so far, without training

Each run is `ssc-ros train` with one of the files in config/train, and a few flags; all have the same budget and are
scored once, at its end, on all validation scenes. Runs that are finished are not repeated, and one that was
interrupted goes on from its last checkpoint, so the same command again resumes the whole.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from pages import rows, write_part

from ssc_ros.inference.checkpoint import read_metadata

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "docs" / "results.md"
SCORES = {"accuracy": "accuracy", "iou": "IoU", "miou": "mIoU"}
"""Metric of a checkpoint -> what the table calls it; of scenes there is no accuracy, of points no IoU."""
MEMORY = {
    "OMP_WAIT_POLICY": "passive",
    "GLIBC_TUNABLES": ":".join(
        f"glibc.malloc.{name}={value}"
        for name, value in {"hugetlb": 1, "mmap_threshold": 1 << 32, "trim_threshold": 1 << 34}.items()
    ),
}
"""No spinning at barriers, large pages for large tensors, and what is freed is kept for the next step instead of being
returned and zeroed again: together a quarter of the time of a step on a CPU."""

FIRST_SEED = 1
"""Of what is trained before a row, for all seeds of the row."""


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: what the table calls it.
        key: folder name.
        config: file in config/train.
        flags: what differs from it.
        before: what is trained first; this starts from the branch of images that it has made.
        times: how often the steps that are asked for.
    """

    name: str
    key: str
    config: str
    flags: tuple[str, ...] = ()
    before: Variant | None = None
    times: int = 1


def _without(*terms: str) -> tuple[str, ...]:
    return tuple(f"--model.distillation.{term}=0" for term in terms)


FSD = ("--model.distillation.fsd_numeric=4", "--model.distillation.fsd_relation=5")
TPVD = ("--model.distillation.tpvd=2.5",)
"""L2COcc's terms that the recipe leaves out, with the paper's weights."""
FINE = ("--model.preset=edge_fine",)
"""L2COcc's camera model with the volumes of its teacher, which the terms that compare them need."""


FEATURES = "--model.guidance.feature=1"
"""VLScene's term that the recipe leaves out, with the paper's weight."""


def _vlscene(name: str, key: str, *guidance: str) -> Variant:
    """Both stages of VLScene with the same guidance."""
    image = Variant(f"image: {name}", f"image_{key}", "vlscene_image_edge", guidance, times=3)
    return Variant(name, key, "vlscene_edge", guidance, image)


VLSCENE = _vlscene("logits guidance alone, the recipe", "logits")

ABLATIONS = {
    "htcl": (
        Variant("single frame", "single", "htcl_edge", ("--model.preset=edge_single",)),
        Variant("history averaged, SGN's way", "mean", "htcl_edge", ("--model.preset=edge_mean",)),
        Variant("HTCL, true poses", "true", "htcl_edge"),
        Variant("HTCL, true poses, past images alone", "images", "htcl_edge", ("--model.preset=edge_images",)),
        Variant(
            "HTCL, poses that drift by 0.05 m and 0.2° per frame",
            "noisy",
            "htcl_edge",
            ("--data.pose_noise.translation=0.05", "--data.pose_noise.rotation=0.2"),
        ),
        Variant("HTCL, identity poses", "identity", "htcl_edge", ("--data.pose_noise.identity=true",)),
    ),
    "l2cocc": (
        Variant("C: no teacher", "c", "l2cocc_c_edge", FINE),
        Variant("D: FSD alone", "fsd", "l2cocc_d_edge", (*FINE, *FSD, *_without("pad"))),
        Variant("D: TPVD alone", "tpvd", "l2cocc_d_edge", (*FINE, *TPVD, *_without("pad"))),
        Variant("D: PAD alone, the recipe", "pad", "l2cocc_d_edge", FINE),
        Variant("D: all three", "d", "l2cocc_d_edge", (*FINE, *FSD, *TPVD)),
        Variant("L: LiDAR", "l", "l2cocc_l_edge"),
    ),
    "fusion": (
        Variant("stereo alone", "stereo", "l2cocc_c_edge"),
        Variant("stereo + raw points", "raw", "l2cocc_fused_edge", ("--model.preset=edge_fused_raw",)),
        Variant("stereo + labelled points", "labelled", "l2cocc_fused_edge"),
    ),
    "sgn": (
        Variant("dense only", "dense", "sgn_s_edge", ("--model.preset=edge_dense",)),
        Variant("with geometry guidance", "geometry", "sgn_s_edge", ("--model.preset=edge_geometry",)),
        Variant("with semantic guidance", "semantics", "sgn_s_edge", ("--model.preset=edge_semantics",)),
        Variant("S: with both", "s", "sgn_s_edge"),
        Variant("T: with both, and two past frames", "t", "sgn_t_edge"),
    ),
    "vlscene": (  # after ssc-ros precompute-teacher --config config/train/vlscene_edge.yaml
        _vlscene("without guidance", "plain", "--model.guidance=null"),
        _vlscene("feature guidance alone", "feature", FEATURES, "--model.guidance.logits=0"),
        VLSCENE,
        _vlscene("both", "both", FEATURES),
        _vlscene("both, without stop-gradient", "published", FEATURES, "--model.guidance.stop_gradient=false"),
        replace(VLSCENE, name="logits, without NGP", key="no_ngp", flags=("--model.preset=edge_without_ngp",)),
        replace(VLSCENE, name="logits, without SSI", key="no_ssi", flags=("--model.preset=edge_without_ssi",)),
        replace(VLSCENE, name="logits, SSI on all voxels", key="all_voxels", flags=("--model.preset=edge_all_voxels",)),
    ),
    "polarnet": (  # after ssc-ros train --config config/train/cylinder_edge.yaml
        Variant("Cylinder3D, the teacher", "teacher", "cylinder_edge"),
        Variant("PolarNet: no teacher", "plain", "polar_edge"),
        Variant("PolarNet: VPD alone", "vpd", "polar_kd_edge", _without("label_weight", "logits")),
        Variant("PolarNet: LWD alone", "lwd", "polar_kd_edge", _without("voxel_to_pillar", "logits")),
        Variant("PolarNet: logits alone", "logits", "polar_kd_edge", _without("voxel_to_pillar", "label_weight")),
        Variant("PolarNet: all three", "all", "polar_kd_edge"),
        Variant(
            "PolarNet: all three, a quarter of the features",
            "weak",
            "polar_kd_edge",
            ("--model.distillation.voxel_to_pillar=0.05", "--model.distillation.label_weight=0.005"),
        ),
    ),
}


@dataclass(frozen=True)
class Run:
    """A variant with a seed, in a folder for runs of so many steps."""

    variant: Variant
    seed: int
    runs: Path
    asked: int

    @property
    def folder(self) -> Path:
        """All of it."""
        return self.runs / f"{self.asked}" / f"{self.variant.key}-{self.seed}"

    @property
    def result(self) -> Path:
        """The deployed checkpoint; it is written last."""
        return self.folder / "model.safetensors"

    @property
    def before(self) -> Run | None:
        """What comes first: once for all seeds, as a pretrained branch is."""
        return replace(self, variant=self.variant.before, seed=FIRST_SEED) if self.variant.before else None

    def command(self, flags: Sequence[str]) -> list[str]:
        """What trains it, or goes on training it."""
        steps = self.asked * self.variant.times
        return [
            *(sys.executable, "-m", "ssc_ros.cli", "train", "--config", f"config/train/{self.variant.config}.yaml"),
            *(f"--seed_everything={self.seed}", f"--run={self.folder}", f"--deploy={self.result}"),
            *(f"--trainer.max_steps={steps}", f"--trainer.val_check_interval={steps}"),
            *([f"--model.pretrained={{image: {self.before.result}}}"] if self.before else []),
            *("--trainer.enable_progress_bar=false", *self.variant.flags, *flags),
        ]


def runs_of(ablation: str, folder: Path, steps: int, seeds: Sequence[int], rows: Sequence[str] = ()) -> list[Run]:
    """Every run of the rows with these keys (all, if none is named).

    Seed by seed, so that an early table compares like with like.
    """
    variants = [variant for variant in ABLATIONS[ablation] if not rows or variant.key in rows]
    return [Run(variant, seed, folder / ablation, steps) for seed in seeds for variant in variants]


def execute(run: Run, flags: Sequence[str], threads: int) -> None:
    """Train one run, unless it is finished; its output goes to train.log in its folder."""
    if run.result.exists():
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), **MEMORY}
    with (run.folder / "train.log").open("a") as log:
        status = subprocess.run(
            run.command(flags),
            cwd=REPOSITORY,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if status:
        sys.exit(f"{run.folder.name} ended with status {status}; see {log.name}")
    scores = read_metadata(run.result).metrics
    print(f"{run.folder.name}: {' '.join(f'{SCORES[k]} {100 * scores[k]:.2f}' for k in shown(scores))}", flush=True)


def table(runs: Sequence[Run]) -> Iterator[str]:
    """Mean and standard deviation over the seeds that are finished, as Markdown."""
    finished = [(run.variant, read_metadata(run.result).metrics) for run in runs if run.result.exists()]
    yield from score_table(finished)


def score_table(scored: Sequence[tuple[Variant, Mapping[str, float]]]) -> Iterator[str]:
    """Mean and standard deviation of the scores of each variant, as Markdown."""
    keys = shown(scored[0][1]) if scored else []
    content = []
    for variant in dict.fromkeys(variant for variant, _ in scored):
        scores = [s for v, s in scored if v == variant]
        each = " ".join(f"{100 * s['miou']:.2f}" for s in scores)
        spreads = [spread([100 * s[key] for s in scores]) for key in keys]
        content.append([variant.name, str(len(scores)), *spreads, each])
    yield from rows(["", "seeds", *(f"{SCORES[key]} [%]" for key in keys), "mIoU of each seed"], content)


def shown(scores: Mapping[str, float]) -> list[str]:
    """Which of `SCORES` there are."""
    return [key for key in SCORES if key in scores]


def spread(values: Sequence[float]) -> str:
    """Mean and sample standard deviation."""
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{deviation}"


def write_table(name: str, lines: Sequence[str]) -> None:
    """Replace the table of the ablation in docs/results.md."""
    write_part(RESULTS, f"ablation {name}", lines)


def main() -> None:
    """Parse the command line and work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ablation", choices=sorted(ABLATIONS))
    parser.add_argument("--data", type=Path, metavar="DIR", help="data set; without it only the table is written")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"), help="folder of all runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", nargs="+", default=[], metavar="KEY", help="keys of the rows (default: all)")
    parser.add_argument(
        "--table-name", metavar="NAME", help="of the table in docs/results.md (default: the ablation's)"
    )
    parser.add_argument("--steps", type=int, default=500, help="optimiser steps of each run (default: 500)")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default: 2)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each (default: 1)")
    parser.add_argument(
        "--flags", nargs=argparse.REMAINDER, default=[], help="more flags for every run; give them last"
    )
    parser.add_argument("--table", action="store_true", help="write what there is so far, without training")
    args = parser.parse_args()
    if unknown := set(args.rows) - {variant.key for variant in ABLATIONS[args.ablation]}:
        parser.error(f"{args.ablation} has no row {', '.join(sorted(unknown))}")
    runs = runs_of(args.ablation, args.runs.resolve(), args.steps, args.seeds, args.rows)
    if not args.table:
        if args.data is None:
            parser.error("--data is needed to train")
        flags = [f"--data.root={args.data.resolve()}", *args.flags]
        first = dict.fromkeys(run.before for run in runs if run.before)  # several rows may start from one of them
        with ThreadPoolExecutor(args.jobs) as pool:
            for stage in (first, runs):
                for _ in pool.map(lambda run: execute(run, flags, args.threads), stage):
                    pass
    lines = list(table(runs))
    write_table(args.table_name or args.ablation, lines)
    print("\n".join(lines))
    (args.runs / f"{args.ablation}.json").write_text(
        json.dumps({r.folder.name: read_metadata(r.result).metrics for r in runs if r.result.exists()}, indent=1)
    )


if __name__ == "__main__":
    main()
