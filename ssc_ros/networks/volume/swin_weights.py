"""Published weights of a Swin transformer, renamed to those of `SwinStages`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

NAMES = {
    r"^encoder\.layers\.(\d+)\.blocks\.": r"stages.\1.",
    r"^encoder\.layers\.(\d+)\.downsample\.norm\.": r"merging.\1.norm.",
    r"^encoder\.layers\.(\d+)\.downsample\.reduction\.": r"merging.\1.reduce.",
    r"\.layernorm_before\.": ".attention.0.",
    r"\.attention\.self\.relative_position_bias_table$": ".attention.1.bias",
    r"\.attention\.self\.query\.": ".attention.1.query_key_value.",
    r"\.attention\.output\.dense\.": ".attention.1.project.",
    r"\.layernorm_after\.": ".perceptron.0.",
    r"\.intermediate\.dense\.": ".perceptron.1.",
    r"\.output\.dense\.": ".perceptron.3.",
}
"""Pattern of a name in transformers' files -> ours, applied in this order."""


def translate(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of the stages alone, under our names; query, key and value become one matrix."""
    ours = {}
    for name, tensor in weights.items():
        # embeddings and the classifier's norm belong to other inputs and outputs; the index is no weight
        if not name.startswith("encoder.") or name.endswith("relative_position_index"):
            continue
        if re.search(r"\.self\.(key|value)\.", name):
            continue
        if ".self.query." in name:
            tensor = torch.cat([weights[name.replace("query", part)] for part in ("query", "key", "value")])
        for theirs, replacement in NAMES.items():
            name = re.sub(theirs, replacement, name)
        ours[name] = tensor
    return ours
