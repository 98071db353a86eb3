"""Captions and pictures as token ids, in an order that depends on the seed and the step alone.

A run that resumes at step n asks for step n; there is no position to save. Knows nothing of how the
tokens were made.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class TokenBatch:
    """B samples: texts of T tokens, the longest of the batch, and pictures of N codes."""

    text_tokens: Tensor
    """(B, T) int64"""
    text_mask: Tensor
    """(B, T) bool, False at padding"""
    codes: Tensor
    """(B, N) int64"""
    pictures: NDArray[np.int64]
    """(B,), which picture each sample shows"""


@dataclass(frozen=True)
class TokenDataset:
    """Pictures P, each with K encoded variants of N codes and M captions of T tokens."""

    text_tokens: NDArray[np.int32]
    """(P, M, T), padded with `pad_id`"""
    codes: NDArray[np.int32]
    """(P, K, N)"""
    unconditional: NDArray[np.int32]
    """(T,), what stands for no caption"""
    pad_id: int = 1

    def __len__(self) -> int:
        return len(self.codes)

    def batch(self, step: int, batch_size: int, seed: int, blank: float = 0.0) -> TokenBatch:
        """Return the samples of a step.

        Every epoch is a permutation of the pictures; variant, caption and whether the caption is
        blanked are drawn anew for each sample.

        Args:
            step: which step.
            batch_size: samples of every step; B.
            seed: of the order and the draws.
            blank: share of the captions that are replaced by the unconditional text, which
                guidance needs (Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022).
        """
        pictures = self._pictures(step * batch_size, batch_size, seed)
        draw = np.random.Generator(np.random.Philox(key=[seed, step + (1 << 32)]))
        variants = draw.integers(self.codes.shape[1], size=batch_size)
        captions = draw.integers(self.text_tokens.shape[1], size=batch_size)
        tokens = self.text_tokens[pictures, captions]
        is_blank = draw.random(batch_size) < blank
        tokens = np.where(is_blank[:, None], self.unconditional, tokens)
        length = int((tokens != self.pad_id).sum(1).max())
        text = torch.from_numpy(tokens[:, :length].astype(np.int64))
        codes = torch.from_numpy(self.codes[pictures, variants].astype(np.int64))
        return TokenBatch(text, text != self.pad_id, codes, pictures)

    def _pictures(self, first: int, count: int, seed: int) -> NDArray[np.int64]:
        positions = np.arange(first, first + count)
        epochs = positions // len(self)
        pictures = np.empty(count, np.int64)
        for epoch in np.unique(epochs):
            draw = np.random.Generator(np.random.Philox(key=[seed, int(epoch)]))
            here = epochs == epoch
            pictures[here] = draw.permutation(len(self))[positions[here] % len(self)]
        return pictures
