# ssc_ros with ROS 2 from PyPI: the steps of docs/installation.md, "With pip". From the repository's root:
#   docker build -f docker/wheels.Dockerfile -t ssc_ros:wheels .
#   docker run --rm -it --net=host --ipc=host ssc_ros:wheels node
FROM python:3.11-slim
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make && rm -rf /var/lib/apt/lists/*
# torch without CUDA libraries; for a GPU: --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=$TORCH_INDEX PIP_NO_CACHE_DIR=1
WORKDIR /src/ssc_ros
COPY . .
RUN pip install -c requirements/constraints.txt ./ssc_ros_msgs '.[ros-jazzy]'
WORKDIR /work
ENTRYPOINT ["ssc-ros"]
CMD ["--help"]
