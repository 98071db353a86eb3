"""Ranking: how well each picture fits its text, and the best first.

The score is CLIP's, as in DALL·E Mini's own re-ranking (github.com/borisdayma/dalle-mini,
`tools/inference`). Models come in as arguments; what a text's ids are is not known here.
"""

import torch
from torch import Tensor

from ninefold.models.clip import CLIP

_PICTURES_AT_ONCE = 32  # bounds memory when many candidates are ranked


def score_pictures(
    clip: CLIP, pixels: Tensor, text_ids: Tensor, text_mask: Tensor | None = None
) -> Tensor:
    """Score pictures against a text.

    Args:
        clip: the judge.
        pixels: (B, 3, H, W) floats in [0, 1], of any size.
        text_ids: (T,) or (1, T) for one text, or (B, T) for a text a picture; int64.
        text_mask: of the same shape, False for padding; not needed with right padding.

    Returns:
        (B,) float32, cosine × exp(logit_scale): `logits_per_image` of the published model.
    """
    ids = text_ids.reshape(-1, text_ids.shape[-1])
    mask = None if text_mask is None else text_mask.reshape(ids.shape)
    with torch.inference_mode():
        texts = clip.encode_text(ids, mask)
        starts = range(0, len(pixels), _PICTURES_AT_ONCE)
        parts = [pixels[start : start + _PICTURES_AT_ONCE] for start in starts]
        images = torch.cat([clip.encode_image(clip.normalize(part)) for part in parts])
        return clip.logit_scale.float().exp() * (images * texts).sum(dim=1)


def rank(scores: Tensor) -> Tensor:
    """Order pictures by score (B,), best first; of equals, the earlier one. (B,) int64."""
    return scores.argsort(descending=True, stable=True)


def pick_best(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` best of more candidates (B,), best first. (count,) int64.

    Raises:
        ValueError: there are fewer candidates than `count`.
    """
    if not 0 < count <= len(scores):
        raise ValueError(f"count={count} must be 1 to the {len(scores)} candidates.")
    return rank(scores)[:count]
