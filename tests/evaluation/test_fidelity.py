"""PSNR, SSIM and the Fréchet distance on cases that can be worked out by hand."""

import numpy as np
import pytest

from ninefold.evaluation.fidelity import frechet_distance, psnr, ssim


def plain(value: int, size: int = 16) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def noise(seed: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_equal_pictures_have_infinite_psnr_and_ssim_one() -> None:
    assert psnr(noise(0), noise(0)) == float("inf")
    assert ssim(noise(0), noise(0)) == pytest.approx(1.0)


def test_psnr_of_a_constant_error() -> None:
    assert psnr(plain(100), plain(110)) == pytest.approx(10 * np.log10(255**2 / 100))
    assert psnr(plain(0), plain(255)) == pytest.approx(0.0)


def test_ssim_of_plain_pictures_is_their_closeness_in_brightness() -> None:
    # Without variance only the term of the means is left: (2·100·150 + C1) / (100² + 150² + C1).
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(plain(100), plain(150)) == pytest.approx(expected, rel=1e-6)


def test_ssim_of_unrelated_noise_is_near_zero_and_of_a_negative_below() -> None:
    assert abs(ssim(noise(0, 128), noise(1, 128))) < 0.05
    assert ssim(noise(0), 255 - noise(0)) < -0.5


def test_ssim_sees_one_window_of_a_picture_of_its_size() -> None:
    # One window: the weighted means, variances and covariance can be taken directly.
    first, second = noise(3, 11), noise(4, 11)
    weights = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(weights, weights)
    window /= window.sum()
    x, y = (picture @ np.array([0.299, 0.587, 0.114]) for picture in (first, second))
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
    covariance = (window * (x - mean_x) * (y - mean_y)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    assert ssim(first, second) == pytest.approx(expected, rel=1e-9)


def test_ssim_refuses_pictures_that_do_not_compare() -> None:
    with pytest.raises(ValueError, match="one size"):
        ssim(plain(0, 16), plain(0, 32))
    with pytest.raises(ValueError, match="11 pixels or more"):
        ssim(plain(0, 8), plain(0, 8))


def crowd(seed: int, mean: float = 0.0, scale: float = 1.0, count: int = 4000) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.asarray(draw.normal(mean, scale, (count, 6)), np.float32)


def test_equal_crowds_are_at_distance_zero() -> None:
    assert frechet_distance(crowd(0), crowd(0)) == pytest.approx(0.0, abs=1e-6)


def test_crowds_of_one_distribution_are_nearly_at_zero() -> None:
    assert frechet_distance(crowd(0), crowd(1)) < 0.02


def test_a_shift_counts_its_square() -> None:
    # Moving every coordinate of six by 2 changes no covariance: 6 · 2².
    assert frechet_distance(crowd(0), crowd(0) + 2) == pytest.approx(24.0, rel=1e-4)


def test_a_change_of_scale_counts_the_squared_difference_of_deviations() -> None:
    # For Gaussians of covariance I and 9·I: trace(I + 9·I − 2·3·I) = 4 a dimension.
    features = crowd(0)
    centred = features - features.mean(0)
    variances = np.trace(np.cov(centred, rowvar=False))
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * variances, rel=1e-4)


def test_a_crowd_smaller_than_its_features_still_has_a_distance() -> None:
    few = crowd(2, count=3)
    assert frechet_distance(few, few) == pytest.approx(0.0, abs=1e-5)
    with pytest.raises(ValueError, match="two or more"):
        frechet_distance(few[:1], few)
