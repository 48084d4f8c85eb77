"""`ssc-ros train` with the tiny preset, as a script, so that a test can start it in processes of its own."""

import sys

import tiny_street

from ssc_ros.systems import l2cocc
from ssc_ros.training.command import train

l2cocc.PRESETS["tiny"] = tiny_street.PRESET

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:]))
