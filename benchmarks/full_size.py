"""Time and memory of one prediction, or of one training step, of any system and preset at batch 1 on a real frame.

  python benchmarks/full_size.py l2cocc full --data ~/kitti
  python benchmarks/full_size.py l2cocc full --data ~/kitti --backward --repeats 3 --json full.json
  python benchmarks/full_size.py l2cocc_lidar full --data ~/kitti --backward --device cuda

A prediction is from prepared inputs to labels at 0.2 m, with the memory of past frames where the network reads some.
A training step is the network in training mode, the default objective, and the backward pass, without the optimiser.
All in single precision with random weights. Memory is the peak of the whole process (its resident size) on a CPU and
what torch has asked a GPU for. The CPU time of all threads says what a busy machine would have taken alone. The
folder is in the SemanticKITTI layout, real or from `ssc-ros simulate`.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from measuring import Measured, report

from ssc_ros.core import LABEL_SETS
from ssc_ros.data.semantic_kitti import SemanticKitti
from ssc_ros.inference.history import Past, join
from ssc_ros.inference.inputs import InputPreparer
from ssc_ros.inference.stages import Span, Stages, clock_of
from ssc_ros.kernels.memory import peak_memory
from ssc_ros.profiling.machine import MEGABYTE, peak_gpu_memory
from ssc_ros.systems import SceneNetwork, build
from ssc_ros.training.scene_objective import SceneObjective
from ssc_ros.training.scene_sample import SceneSample, collate_scenes, prepare_truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system")
    parser.add_argument("preset")
    parser.add_argument("--data", type=Path, default=os.environ.get("SSC_KITTI_ROOT"), help="default: SSC_KITTI_ROOT")
    parser.add_argument("--sequence", default="08")
    parser.add_argument("--frame", default="000000")
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--backward", action="store_true", help="measure a training step instead of a prediction")
    parser.add_argument(
        "--repeats", type=int, default=3, help="after one that does not count, unless this is 0 (default: 3)"
    )
    parser.add_argument("--threads", type=int, help="of torch (default: torch's own choice)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data is missing, and SSC_KITTI_ROOT is not set")
    if args.threads:
        torch.set_num_threads(args.threads)

    torch.manual_seed(0)
    network = build(args.system, args.preset).to(args.device)
    sample = prepare(network, args.data, args.sequence, args.frame, remembered=not args.backward)
    sample = SceneSample(
        {key: value.to(args.device) for key, value in sample.inputs.items()},
        type(sample.truth)(*(value.to(args.device) for value in sample.truth)),
    )
    measure = training_step if args.backward else prediction
    rounds = [measure(network, sample) for _ in range(args.repeats + 1)]
    rounds = rounds[1:] or rounds
    results = {name: Measured.of([each[name] for each in rounds], "s") for name in rounds[0]}
    peak = peak_gpu_memory() or peak_memory() / MEGABYTE
    results["peak memory"] = Measured.of([1e-3 * peak], "GB")
    what = "training step" if args.backward else "prediction"
    report(f"{args.system} {args.preset}, {what} on {device_name(args.device)}", results, args.json)


def prepare(network: SceneNetwork, root: Path, sequence: str, frame_id: str, remembered: bool) -> SceneSample:
    """A batch of one frame, which is its own past where the network has a history.

    A label set with as many classes as the network serves as well as its own. The past is remembered, as in a stream,
    or consists of images, as in training.
    """
    label_set = next(labels for labels in LABEL_SETS.values() if len(labels) == network.class_count)
    drive = replace(SemanticKitti(root, [sequence]).sequences[0], label_set=label_set)
    frame = drive.frame(frame_id)
    truth = prepare_truth(drive, frame_id, frame, network.spec, label_set)
    now = InputPreparer(network.spec)(frame)
    device, memory = next(network.parameters()).device, None
    if remembered and network.spec.history.count:
        with torch.inference_mode():
            memory = network.eval().remember({key: value[None].to(device) for key, value in now.items()})
    left_behind = now if memory is None else now | {"memory": memory[0]}
    past = [Past(left_behind, np.eye(4))] * network.spec.history.count
    joined = join(now, past, network.spec, None if memory is None else memory[0])
    return collate_scenes([SceneSample(joined, truth)])


def prediction(network: SceneNetwork, sample: SceneSample) -> dict[str, float]:
    """Seconds of a prediction, by part."""
    network.eval()
    stages = Stages(clock_of(next(network.parameters()).device))
    with torch.inference_mode():
        with stages("network"):
            output = network(sample.inputs)
        if output.scene is not None:
            with stages("labels"):
                output.scene.labels()
    return seconds(stages)


def training_step(network: SceneNetwork, sample: SceneSample) -> dict[str, float]:
    """Seconds of a training step, by part."""
    network.train().zero_grad(set_to_none=True)
    device = next(network.parameters()).device
    label_set = next(labels for labels in LABEL_SETS.values() if len(labels) == network.class_count)
    weights = torch.from_numpy(label_set.class_weights).to(device)
    stages = Stages(clock_of(device))
    with stages("network"):
        output = network(sample.inputs)
    with stages("objective"):
        terms = SceneObjective()(output, sample.truth, network.spec.bins, weights, torch.Generator())
    loss = torch.stack(list(terms.values())).sum()
    with stages("backward"):
        loss.backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not silent, f"without a gradient, or with an infinite one: {silent}"
    return seconds(stages)


def seconds(stages: Stages) -> dict[str, float]:
    """Of each stage and of all together, and in CPU time."""
    spans = stages.spans
    total = sum(spans.values(), Span())
    return {**{name: span.wall for name, span in spans.items()}, "total": total.wall, "total, CPU time": total.cpu}


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"


if __name__ == "__main__":
    main()
