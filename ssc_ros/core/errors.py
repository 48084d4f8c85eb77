"""The one error family that a user is meant to read."""

from __future__ import annotations


class SscError(Exception):
    """Something at the border (file, message, parameter, checkpoint) cannot be used.

    The text names what was found, where, what was expected and the remedy; command lines print it as one
    line and exit non-zero.
    """
