"""`ssc-ros train` with the preset `tiny`, as a script, so that a test can start it in processes of its own."""

import sys

import tiny_street

from ssc_ros.systems import SYSTEMS
from ssc_ros.training.command import train

for system, preset in tiny_street.PRESETS.items():
    SYSTEMS[system]["tiny"] = preset

if __name__ == "__main__":
    sys.exit(train(sys.argv[1:]))
