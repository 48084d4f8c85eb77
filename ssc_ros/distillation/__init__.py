"""What a student learns from a teacher that senses or knows more than it does; training only, never deployed."""

from ssc_ros.distillation.l2cocc import L2CoccDistillation
from ssc_ros.distillation.language import LanguageTeacher, PixelGuidance
from ssc_ros.distillation.polar import PolarDistillation
from ssc_ros.distillation.teacher import FrozenTeacher
from ssc_ros.distillation.tutor import Guide, Lesson, Recipe, Tutor
from ssc_ros.distillation.vision_language import VisionLanguageDistillation

__all__ = [
    "FrozenTeacher",
    "Guide",
    "L2CoccDistillation",
    "LanguageTeacher",
    "Lesson",
    "PixelGuidance",
    "PolarDistillation",
    "Recipe",
    "Tutor",
    "VisionLanguageDistillation",
]
