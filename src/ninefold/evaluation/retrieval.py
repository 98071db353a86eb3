"""R-precision: is a picture's own caption the nearest among a hundred?

Source: Xu et al., "AttnGAN: Fine-Grained Text to Image Generation with Attentional Generative
Adversarial Networks" (2018), section 4. Works on vectors; whose they are is not known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POOL_SIZE = 100
"""Captions that a picture's own is looked for among, itself included."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Precision:
    """How often the own caption was found, and how sure that is."""

    rate: float
    """0 to 1."""
    standard_error: float
    """Of the mean over prompts: the nine pictures of a prompt are no nine independent answers."""
    num_prompts: int
    num_pictures: int


def build_pools(
    keys: Sequence[frozenset[str]],
    decoys: Sequence[Sequence[int]] = (),
    pool_size: int = POOL_SIZE,
    seed: int = 0,
) -> NDArray[np.int64]:
    """Choose, for each caption, the captions that it is to be told from.

    Captions that mean the same thing would make a right answer wrong, so a pool has no caption
    that shares a key with the first. Where there are too few captions, a pool is smaller.

    Args:
        keys: what each of M captions is about; captions with a common key are never told apart.
        decoys: for each of the first captions, the indices of captions that its pool must have;
            they may lie beyond M.
        pool_size: captions in a pool.
        seed: of the choice.

    Returns:
        (M, P) indices of captions: the own one, the decoys, others at random; P is `pool_size`, or
        less for all.

    Raises:
        ValueError: some caption has no other that it could be told from.
    """
    draw = np.random.Generator(np.random.Philox(key=[seed, len(keys)]))
    others = []
    for number, own in enumerate(keys):
        order = draw.permutation(len(keys))
        different = [int(i) for i in order if i != number and own.isdisjoint(keys[i])]
        needed = list(decoys[number]) if number < len(decoys) else []
        others.append([*needed, *different][: pool_size - 1])
    size = min(len(different) for different in others) if others else 0
    if size == 0:
        raise ValueError("Every caption needs at least one other that means something else.")
    return np.array([[number, *row[:size]] for number, row in enumerate(others)])


def find_captions(
    images: Vectors, owners: NDArray[np.int64], texts: Vectors, pools: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say for each picture whether its own caption is the nearest of that caption's pool.

    Args:
        images: (N, E) unit vectors of pictures.
        owners: (N,), which caption each picture is of.
        texts: (M, E) unit vectors of captions.
        pools: (M, P), from `build_pools`.

    Returns:
        (N,). A tie with another caption is no find.
    """
    scores = np.einsum("ne,npe->np", images, texts[pools[owners]])
    found: NDArray[np.bool_] = (scores[:, :1] > scores[:, 1:]).all(1)
    return found


def precision(found: NDArray[np.bool_], owners: NDArray[np.int64]) -> Precision:
    """Sum up what `find_captions` returned, every prompt counting alike."""
    by_prompt = np.array([found[owners == owner].mean() for owner in np.unique(owners)])
    spread = float(by_prompt.std(ddof=1)) if len(by_prompt) > 1 else 0.0
    return Precision(
        float(by_prompt.mean()), spread / len(by_prompt) ** 0.5, len(by_prompt), len(found)
    )
