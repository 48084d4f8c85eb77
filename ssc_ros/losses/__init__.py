"""Losses of scene completion: one function each, on logits and integer targets in which 255 is ignored."""

from ssc_ros.losses.affinity import affinities, geo_scal, sem_scal
from ssc_ros.losses.cross_entropy import weighted_cross_entropy
from ssc_ros.losses.depth import depth_cross_entropy, depth_kl
from ssc_ros.losses.lovasz import lovasz_softmax
from ssc_ros.losses.occupancy import occupancy_cross_entropy

__all__ = [
    "affinities",
    "depth_cross_entropy",
    "depth_kl",
    "geo_scal",
    "lovasz_softmax",
    "occupancy_cross_entropy",
    "sem_scal",
    "weighted_cross_entropy",
]
