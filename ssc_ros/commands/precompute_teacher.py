"""`ssc-ros precompute-teacher`."""

from __future__ import annotations

import argparse

HELP = "let a language teacher look at the training images once, before a training that it guides"
DESCRIPTION = """\
Run the vision-language teacher of a training over its images and keep what it says of every pixel (features and
class logits, float16) beside the prepared samples. Takes the configuration and the flags of that training:

  ssc-ros precompute-teacher --config config/train/vlscene_edge.yaml --data.root DIR
  ssc-ros train              --config config/train/vlscene_edge.yaml --data.root DIR

The teacher is model.guidance.teacher:
  models/lang_seg_edge.safetensors   trained here: ssc-ros train --config config/train/lang_seg_edge.yaml
  models/clip                        a folder with CLIP, made by
                                     hf download openai/clip-vit-base-patch16 --local-dir models/clip
  openai/clip-vit-base-patch16       the same from huggingface.co; downloaded only with
                                     --model.guidance.download true

The same command again resumes where it was interrupted. Another teacher, other prompts or another image size have
files of their own; images that have changed are looked at again. Training says so if anything is missing.
"""
FORWARDS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: all arguments are the trainer's, see `ssc-ros train --options`."""


def run(args: argparse.Namespace) -> int:
    """Ask the teacher."""
    from ssc_ros.training.precompute_guidance import precompute_guidance

    return precompute_guidance(args.forwarded)
