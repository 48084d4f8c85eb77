"""What the classes are called towards a network that understands text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PROMPTS: Mapping[str, str] = {
    "empty": "sky with clouds",
    "car": "car, a vehicle with four wheels",
    "bicycle": "bicycle, a vehicle with two wheels",
    "motorcycle": "motorcycle, a vehicle with two wheels and a motor",
    "truck": "truck, a large vehicle with many wheels",
    "other-vehicle": "bus or train, a large vehicle",
    "person": "person, a pedestrian",
    "bicyclist": "bicyclist, a person on a bicycle",
    "motorcyclist": "motorcyclist, a person on a motorcycle",
    "road": "road, flat asphalt ground",
    "parking": "parking lot, flat asphalt ground for cars",
    "sidewalk": "sidewalk, flat paved ground for pedestrians",
    "other-ground": "ground, gravel or rail track",
    "building": "building, a large wall with windows",
    "fence": "fence, a thin long wall",
    "vegetation": "tree leaves, green plants",
    "trunk": "tree trunk, a brown wooden pole",
    "terrain": "grass, green natural ground",
    "pole": "pole, a thin tall metal post",
    "traffic-sign": "traffic sign, a metal plate on a post",
    "other-structure": "bridge or tunnel, a large structure",
    "other-object": "small object, such as a bin or a bench",
}
"""Class name of a label set -> its prompt: what it is, and a few attributes that tell what it resembles.

Nothing has the class "empty" in a picture but the sky.
"""


def prompts_of(names: Sequence[str]) -> tuple[str, ...]:
    """The prompts of a label set's classes, in its order."""
    return tuple(PROMPTS[name] for name in names)
