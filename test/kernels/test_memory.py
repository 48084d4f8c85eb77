"""What was freed goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np

from ssc_ros.kernels.memory import resident_memory, trim_heap

# too small to be mapped each by itself, and held by one at the end
blocks = [np.ones(8_000) for _ in range(3_000)]
last = blocks[-1]
full = resident_memory()
del blocks
trim_heap()
print(full - resident_memory())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library returns what it likes")
def test_what_was_freed_goes_back() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert int(said) > 150e6
