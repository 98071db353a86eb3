"""How near pictures are to others: one by one (PSNR, SSIM), and as a crowd (Fréchet distance).

The formulas are short and published, so they are written out here and held by tests of known
values, rather than taken from a package that brings its own networks (docs/decisions/0026).
Pictures are (H, W, 3) of uint8.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

WINDOW = 11
"""Side in pixels of the window of SSIM, whose weights are a Gaussian of `SIGMA`."""
SIGMA = 1.5
LUMA = (0.299, 0.587, 0.114)
"""Rec. 601, in which SSIM was published."""


def psnr(first: Pixels, second: Pixels) -> float:
    """Peak signal-to-noise ratio in decibels; infinite for equal pictures."""
    error = float(np.square(first.astype(np.float64) - second).mean())
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(first: Pixels, second: Pixels) -> float:
    """Structural similarity of the luma, 1 for equal pictures.

    Source: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
    Structural Similarity" (2004): Gaussian window of 11 pixels, K1 = 0.01, K2 = 0.03, windows that
    lie wholly inside the picture.

    Raises:
        ValueError: the pictures differ in size, or are smaller than the window.
    """
    if first.shape != second.shape or min(first.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM takes two pictures of one size, {WINDOW} pixels or more.")
    offsets = np.arange(WINDOW) - WINDOW // 2
    profile = np.exp(-(offsets**2) / (2 * SIGMA**2))
    window = torch.from_numpy(np.outer(profile, profile) / profile.sum() ** 2)[None, None]
    x, y = (
        torch.from_numpy(picture.astype(np.float64) @ np.array(LUMA))[None, None]
        for picture in (first, second)
    )
    mean_x, mean_y, xx, yy, xy = (
        F.conv2d(product, window) for product in (x, y, x * x, y * y, x * y)
    )
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    closeness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * (xy - mean_x * mean_y) + c2) / (xx - mean_x**2 + yy - mean_y**2 + c2)
    return float((closeness * structure).mean())


def frechet_distance(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Fréchet distance of two crowds of features (N, E) and (M, E), each taken for a Gaussian.

    FID (Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
    Equilibrium", 2017) on whatever features are given. With few pictures it comes out too large;
    only numbers of equally many pictures compare.

    Raises:
        ValueError: a crowd has fewer than two members, or their features differ in length.
    """
    if min(len(first), len(second)) < 2 or first.shape[1] != second.shape[1]:
        raise ValueError("The Fréchet distance takes two or more features of one length each.")
    a, b = first.astype(np.float64), second.astype(np.float64)
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    covariance_a, covariance_b = np.atleast_2d(covariance_a), np.atleast_2d(covariance_b)
    # The trace of the root of A·B is that of the root of √A·B·√A, which is symmetric.
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ covariance_b @ root).clip(0)
    between = float(np.square(a.mean(0) - b.mean(0)).sum())
    spread = float(np.trace(covariance_a) + np.trace(covariance_b) - 2 * np.sqrt(shared).sum())
    return max(0.0, between + spread)
