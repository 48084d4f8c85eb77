"""What a student learns from a teacher that senses more than it does; training only, nothing here is deployed."""

from ssc_ros.distillation.l2cocc import L2CoccDistillation
from ssc_ros.distillation.teacher import FrozenTeacher

__all__ = ["FrozenTeacher", "L2CoccDistillation"]
