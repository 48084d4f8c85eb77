"""Changes of an image's look: they stay images, repeat with the seed, and do what they say."""

import cv2
import numpy as np
import pytest

from ssc_ros.training.photometry import Photometry


@pytest.fixture
def image() -> np.ndarray:
    random = np.random.default_rng(0)
    smooth = cv2.resize(random.integers(20, 230, (6, 10, 3), np.uint8), (160, 96), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.uint8)


@pytest.mark.parametrize("seed", range(20))
def test_the_result_is_an_image_and_repeats(image: np.ndarray, seed: int) -> None:
    before = image.copy()
    first, again = (Photometry()(image, np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.array_equal(image, before)


def test_strength_zero_leaves_an_image_alone(image: np.ndarray) -> None:
    changed = Photometry(strength=0.0)(image, np.random.default_rng(0))
    assert np.abs(changed.astype(int) - image).max() <= 1


def test_images_get_darker_lighter_flatter_and_steeper(image: np.ndarray) -> None:
    results = [Photometry()(image, np.random.default_rng(seed)).astype(float) for seed in range(60)]
    means, deviations = [r.mean() for r in results], [r.std() for r in results]
    assert min(means) < 0.7 * image.mean() < 1.2 * image.mean() < max(means)
    assert min(deviations) < 0.7 * image.std() < 1.3 * image.std() < max(deviations)


def test_green_stays_green() -> None:
    """No change turns hues, so that grass can be told from asphalt; a few images lose all colour."""
    grass = np.full((64, 96, 3), (70, 120, 50), np.uint8)
    greener = 0
    for seed in range(200):
        r, g, b = Photometry()(grass, np.random.default_rng(seed)).reshape(-1, 3).mean(axis=0)
        greener += g > max(r, b)
    assert greener > 180
