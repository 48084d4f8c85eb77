"""The weighted sum of the losses of a scene, which training minimises."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ssc_ros.core import EMPTY, UNKNOWN, DepthBins
from ssc_ros.losses import (
    affinities,
    depth_cross_entropy,
    depth_kl,
    lovasz_softmax,
    occupancy_cross_entropy,
    weighted_cross_entropy,
)
from ssc_ros.networks.heads.scene_logits import SceneLogits
from ssc_ros.systems import SceneOutput
from ssc_ros.training.half_labels import halve_labels
from ssc_ros.training.scene_sample import SceneTruth


@dataclass(frozen=True)
class SceneObjective:
    """Weights of the loss terms; a term of weight 0 is not computed.

    Attributes:
        cross_entropy, sem_scal, geo_scal: on voxels, L2COcc's weights by default.
        lovasz: Lovasz-softmax on voxels.
        depth: divergence of the depth distribution from LiDAR depth.
        depth_bce: binary cross entropy of each bin of that distribution, HTCL's way.
        image: cross entropy of the image features' own classes against projected point labels.
        unknown: cross entropy towards empty of voxels without a label. Nobody ever measured them, so without this term
            the network is free to fill them with anything, and does: a lid over the street, walls beyond the view.
        occupancy: cross entropy of each guess at what is empty, at half resolution.
        seeds: Lovasz-softmax and cross entropy, both without class weights, of the seeds' classes at half resolution.
        temporal: the voxel terms (and those of points), once more, of what past frames alone predict; on a quarter of
            the voxels.
        points: Lovasz-softmax and cross entropy of the voxels that labelled LiDAR points lie in.
        voxels: how many voxels with a label, drawn anew each step, the voxel terms look at.
    """

    cross_entropy: float = 3.0
    sem_scal: float = 1.0
    geo_scal: float = 1.0
    lovasz: float = 0.0
    depth: float = 0.2
    depth_bce: float = 0.0
    image: float = 0.5
    unknown: float = 0.5
    occupancy: float = 1.0
    seeds: float = 1.0
    temporal: float = 1.0
    points: float = 0.0
    voxels: int = 262_144

    def __call__(
        self,
        output: SceneOutput,
        truth: SceneTruth,
        bins: DepthBins,
        class_weights: Tensor,
        generator: torch.Generator,
        points: tuple[Tensor, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Weighted terms by name; their sum is minimised.

        Args:
            output: of the network in training mode.
            truth: batched.
            bins: of the depth distribution.
            class_weights: (C,) for both cross entropies.
            generator: draws the voxels; a CPU generator.
            points: voxels and classes of labelled points, see `point_voxels`; None if there are none.
        """
        terms: dict[str, Tensor] = {}
        if output.scene is not None:
            terms |= self._scene(output.scene, truth.labels, class_weights, generator, points)
        if self.temporal and output.temporal is not None:
            fewer = replace(self, voxels=self.voxels // 4)  # it guides, and need not be judged as closely
            deep = fewer._scene(output.temporal, truth.labels, class_weights, generator, points)
            terms |= {f"temporal_{name}": self.temporal * term for name, term in deep.items()}
        if self.depth and output.depth is not None:
            terms["depth"] = self.depth * depth_kl(output.depth, truth.depth, bins)
        if self.depth_bce and output.depth is not None:
            terms["depth_bce"] = self.depth_bce * depth_cross_entropy(output.depth, truth.depth, bins)
        if self.image and output.image is not None:
            terms["image"] = self.image * weighted_cross_entropy(output.image, truth.image, class_weights)
        if output.occupancy or output.seeds is not None:
            terms |= self._guidance(output, halve_labels(truth.labels))
        return terms

    def _guidance(self, output: SceneOutput, labels: Tensor) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        if self.occupancy:
            for name, logits in output.occupancy.items():
                terms[f"occupancy_{name}"] = self.occupancy * occupancy_cross_entropy(logits, labels)
        if self.seeds and (seeds := output.seeds) is not None:
            truth = labels.flatten()[seeds.index]
            judged = lovasz_softmax(seeds.logits, truth) + weighted_cross_entropy(seeds.logits, truth)
            terms["seeds"] = self.seeds * judged
        return terms

    def _scene(
        self,
        scene: SceneLogits,
        truth: Tensor,
        class_weights: Tensor,
        generator: torch.Generator,
        points: tuple[Tensor, Tensor] | None,
    ) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        flat = truth.reshape(-1)
        known = flat != UNKNOWN
        measured = draw_voxels(known, self.voxels, generator)
        others = draw_voxels(known.logical_not(), self.voxels // 4 if self.unknown else 0, generator)
        # together, and in single precision once for all terms: a gather's gradient is as large as the scene
        drawn = scene.gather(torch.cat([measured, others])).float()
        voxels, unmeasured = drawn.split([len(measured), len(others)])
        labels = flat.index_select(0, measured)
        if self.cross_entropy:
            terms["cross_entropy"] = self.cross_entropy * weighted_cross_entropy(voxels, labels, class_weights)
        if self.sem_scal or self.geo_scal:
            semantic, geometric = affinities(voxels, labels)
        if self.sem_scal:
            terms["sem_scal"] = self.sem_scal * semantic
        if self.geo_scal:
            terms["geo_scal"] = self.geo_scal * geometric
        if self.lovasz:
            terms["lovasz"] = self.lovasz * lovasz_softmax(voxels, labels)
        if self.unknown:
            terms["unknown"] = self.unknown * emptiness(unmeasured)
        if self.points and points is not None:
            logits = scene.gather(points[0])
            judged = lovasz_softmax(logits, points[1]) + weighted_cross_entropy(logits, points[1], class_weights)
            terms["points"] = self.points * judged
        return terms


RARE = 0.02
"""Below this share of voxels to draw from, they are listed first."""


def draw_voxels(among: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices of voxels drawn uniformly, with replacement.

    A full scene has 2 million voxels of 20 logits; the terms are means and ratios of sums over voxels, which a
    hundred thousand estimate well.

    Args:
        among: [V] bool, the voxels to draw from.
        count: number of draws N.
        generator: CPU generator.

    Returns:
        [N] long; N is 0 if there is no voxel to draw from.
    """
    share = int(among.count_nonzero()) / max(1, len(among))
    if share < RARE:
        candidates = among.nonzero()[:, 0]
        if not len(candidates):
            return candidates
        return candidates[torch.randint(len(candidates), (count,), generator=generator).to(candidates.device)]
    drawn = torch.empty(0, dtype=torch.long, device=among.device)
    while len(drawn) < count:  # to reject is faster than to list millions of voxels, few of which are drawn
        size = int(1.1 * (count - len(drawn)) / share) + 64
        candidates = torch.randint(len(among), (size,), generator=generator).to(among.device)
        # of rows, however short, a selection is three times as fast as of single elements
        drawn = torch.cat([drawn, candidates[among.index_select(0, candidates)]])
    return drawn[:count]


def emptiness(logits: Tensor) -> Tensor:
    """Mean cross entropy of logits (N, C) towards the empty class; 0 for N = 0."""
    return -logits.log_softmax(dim=1)[:, EMPTY].sum() / max(1, len(logits))
