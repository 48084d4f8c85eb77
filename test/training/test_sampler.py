"""The sampler: permutations shared out among processes, addressed by seed, epoch and position."""

from __future__ import annotations

import pytest

from ssc_ros.training.sampler import ShuffledSampler

FRAMES = range(23)


def epoch(sampler: ShuffledSampler, number: int) -> list:
    sampler.set_epoch(number)
    return list(sampler)


def test_every_epoch_is_another_permutation_with_other_seeds() -> None:
    sampler = ShuffledSampler(FRAMES, seed=5)
    first, second = epoch(sampler, 0), epoch(sampler, 1)
    assert sorted(d.index for d in first) == list(FRAMES)
    assert sorted(d.index for d in second) == list(FRAMES)
    assert [d.index for d in first] != [d.index for d in second]
    assert len({d.seed for d in first + second}) == 2 * len(FRAMES)
    assert epoch(ShuffledSampler(FRAMES, seed=5), 1) == second
    assert epoch(ShuffledSampler(FRAMES, seed=6), 1) != second


@pytest.mark.parametrize("start", [1, 10, 22])
def test_a_resumed_epoch_goes_on_where_it_stopped(start: int) -> None:
    whole = ShuffledSampler(FRAMES, seed=5)
    resumed = ShuffledSampler(FRAMES, seed=5, epoch=3, start=start)
    assert len(resumed) == len(FRAMES)
    assert list(resumed) == epoch(whole, 3)[start:]
    assert epoch(resumed, 4) == epoch(whole, 4)


def test_a_finished_epoch_is_followed_by_the_next() -> None:
    resumed = ShuffledSampler(FRAMES, seed=5, epoch=3, start=len(FRAMES))
    assert list(resumed) == epoch(ShuffledSampler(FRAMES, seed=5), 4)


def test_processes_share_an_epoch() -> None:
    ranks = [epoch(ShuffledSampler(FRAMES, seed=5, replicas=4, rank=r), 2) for r in range(4)]
    assert {len(r) for r in ranks} == {6}
    assert {d.index for r in ranks for d in r} == set(FRAMES)
    assert len({d.seed for r in ranks for d in r}) == 24
