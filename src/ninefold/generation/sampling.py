"""From logits to a code: guidance, the filters, and the draw.

Every step is spelled out in the order of DALL·E Mini's `generate`: guidance, temperature, top-k,
top-p, draw. It knows nothing of models; V is the size of the logits, K the codes that are kept.

The draw is ours: one number of a counter-based stream per code, turned into a code by inverse
CDF in float64 (docs/decisions/0001-one-stream-per-picture.md).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class CodeDistribution:
    """What remains of the codes after the filters, one row a picture."""

    codes: Tensor
    """(B, K) int64 in ascending order along each row."""
    probabilities: Tensor
    """(B, K) float64; each row sums to 1. Zero for what top-p dropped."""


def guide_logits(
    conditional: Tensor, unconditional: Tensor | None, condition_scale: float, num_codes: int
) -> Tensor:
    """Return `unconditional + condition_scale · (conditional − unconditional)` for real codes.

    The rows beyond the codebook (start token, padding of the published embeddings) are cut first,
    so that they cannot be drawn; min-dalle cuts them too, DALL·E Mini does not.

    Args:
        conditional: (B, V) logits with the prompt, float32.
        unconditional: (B, V) logits with the empty or negative prompt; None where the scale is 1.
        condition_scale: strength of the guidance.
        num_codes: size of the codebook; V or less.

    Returns:
        (B, num_codes), float32.
    """
    conditional = conditional[:, :num_codes]
    if unconditional is None:
        return conditional
    unconditional = unconditional[:, :num_codes]
    return unconditional + condition_scale * (conditional - unconditional)


def filter_logits(
    logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> CodeDistribution:
    """Return the distribution that a code is drawn from.

    Top-k keeps exactly k codes, of equal ones those of lowest index, as JAX does (min-dalle keeps
    all that tie for the last place). It is taken before the temperature, which changes no order.
    Top-p then keeps the likeliest codes up to and with the one that reaches `top_p`.

    Args:
        logits: (B, V) guided logits, finite.
        temperature: above 0.
        top_k: codes to keep; 0, or V and more, keeps all.
        top_p: probability to keep, above 0; 1 keeps all.
    """
    codes = top_codes(logits, top_k)
    return weigh_codes(codes, logits.gather(1, codes), temperature, top_p)


def weigh_codes(
    codes: Tensor, logits: Tensor, temperature: float = 1.0, top_p: float = 1.0
) -> CodeDistribution:
    """Return the distribution of codes that were kept, (B, K), from their logits (B, K)."""
    kept = logits.double()
    # The largest is taken off before the division, so that a small temperature cannot overflow.
    probabilities = ((kept - kept.amax(dim=1, keepdim=True)) / temperature).softmax(dim=1)
    if top_p < 1.0:
        probabilities = _keep_nucleus(probabilities, top_p)
    return CodeDistribution(codes, probabilities)


def draw_codes(distribution: CodeDistribution, uniforms: Tensor) -> Tensor:
    """Return one code a row by inverse CDF: the first whose cumulative sum exceeds u · total.

    The codes are summed in ascending order, not by probability: a change in the last bit of the
    logits then moves every boundary a little instead of exchanging two codes' places.
    A code of probability 0 is never drawn: since u < 1, u · total rounds to less than the total.

    Args:
        distribution: of B pictures.
        uniforms: (B,) float64 in [0, 1).

    Returns:
        (B,) int64.
    """
    cumulative = distribution.probabilities.cumsum(dim=1)
    exceeds = cumulative > uniforms[:, None] * cumulative[:, -1:]
    first = exceeds.to(torch.uint8).argmax(dim=1, keepdim=True)
    return distribution.codes.gather(1, first).squeeze(1)


def build_uniforms(seed: int, image_index: int, length: int, start: int = 0) -> NDArray[np.float64]:
    """Return the numbers that decide a picture's codes `start` to `start + length - 1`.

    Word `t` of Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011)
    under the key (seed, image_index), as NumPy counts it, and of that the 53 upper bits. Any part
    of the stream can be had without the part before it.

    Args:
        seed: 0 to 2**64-1.
        image_index: 0 to 2**64-1.
        length: how many.
        start: index of the first one.

    Returns:
        (length,) float64 in [0, 1), multiples of 2**-53.
    """
    key = np.array([seed, image_index], dtype=np.uint64)
    block, word = divmod(start, 4)
    stream = np.random.Philox(key=key).advance(block)
    bits = stream.random_raw(word + length)[word:]
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def top_codes(logits: Tensor, top_k: int) -> Tensor:
    """Return the `top_k` likeliest (B, K) of each row, ascending; ties go to the lowest."""
    rows, size = logits.shape
    if top_k == 0 or top_k >= size:
        return torch.arange(size, device=logits.device).expand(rows, size)
    threshold = logits.topk(top_k, dim=1).values[:, -1:]
    keep = logits >= threshold
    if int(keep.sum()) > rows * top_k:  # some codes tie for the last place
        tied = logits == threshold
        places = top_k - (logits > threshold).sum(dim=1, keepdim=True)
        keep &= ~tied | (tied.cumsum(dim=1) <= places)
    return keep.nonzero()[:, 1].view(rows, top_k)


def _keep_nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Set to 0 what lies beyond the likeliest codes that reach `top_p`, and normalise again."""
    ordered, order = probabilities.sort(dim=1, descending=True, stable=True)
    likelier = F.pad(ordered.cumsum(dim=1)[:, :-1], (1, 0))  # probability of all likelier codes
    kept = ordered.where(likelier < top_p, 0.0)
    nucleus = torch.zeros_like(probabilities).scatter(1, order, kept)
    return nucleus / nucleus.sum(dim=1, keepdim=True)
