# ssc_ros in a workspace with ROS 2 Jazzy from apt: the steps of docs/installation.md, "With colcon". From the root:
#   docker build -f docker/jazzy.Dockerfile -t ssc_ros:jazzy .
#   docker run --rm -it --net=host --ipc=host ssc_ros:jazzy ros2 run ssc_ros node
FROM ros:jazzy
SHELL ["/bin/bash", "-c"]
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
# torch without CUDA libraries; for a GPU: --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=$TORCH_INDEX PIP_NO_CACHE_DIR=1
WORKDIR /root/ssc_ws
COPY . src/ssc_ros
RUN apt-get update && rosdep update \
 && source /opt/ros/jazzy/setup.bash \
 && rosdep install --from-paths src src/ssc_ros/ssc_ros_msgs --ignore-src -y \
 && rm -rf /var/lib/apt/lists/*
RUN source /opt/ros/jazzy/setup.bash \
 && python3 -m venv --system-site-packages venv && source venv/bin/activate \
 && pip install 'numpy<2' -r src/ssc_ros/requirements/runtime.txt \
 && colcon build --base-paths src src/ssc_ros/ssc_ros_msgs
RUN printf '%s\n' '#!/bin/bash' 'source /root/ssc_ws/venv/bin/activate' 'source /root/ssc_ws/install/setup.bash' 'exec "$@"' > /ssc_entrypoint.sh \
 && chmod +x /ssc_entrypoint.sh
ENTRYPOINT ["/ssc_entrypoint.sh"]
CMD ["ros2", "run", "ssc_ros", "node"]
