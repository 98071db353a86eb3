"""A text embedding in which a word that was never read is drawn as what it means.

Each word of the lexicon is one token, and its embedding the sum of a row of its own and of what a
sentence encoder says that it means, by a matrix that all words share. Training leaves the row out
at random, so that the shared part alone must do. A word that no caption has is given the meaning of
the thing that the lexicon says it means, and has only the shared part. A finished model holds the
sums, so drawing needs neither the encoder nor this module. Knows nothing of captions or networks.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from ninefold.corpus.lexicon import Entry
from ninefold.corpus.sentence_encoder import SentenceEncoder
from ninefold.errors import CheckpointError, UserError
from ninefold.text.bpe import SPACE

FILE_NAME = "word-vectors.npy"
"""Beside the tokenizer: what each of its entries means, (V, D) in half precision, about the mean of
the English words; 0 for parts of words."""
OWN_DROPOUT = 0.4
"""Share of the words read that are read without their own row."""
OWN_START = 0.25
"""Size of a word's own row at the start, beside what it means."""
VECTOR_SCALE = 0.25
"""A step of Adam moves every entry of the shared matrix as far as one of a row; with vectors of
length 1 the sum over their 384 entries would move some 15 times as far, with this 4 times."""
RIDGE = 1e-3
"""Weight of the shared matrix's size where it is fitted, a share of the vectors' mean square."""


class MeaningEmbedding(nn.Embedding):
    """Token ids to vectors of width C: a row of each entry's own, and what it means.

    Args:
        vectors: (V, D), of `read_word_vectors`.
        width: C.
    """

    vectors: Tensor
    has_meaning: Tensor

    def __init__(self, vectors: NDArray[np.float16], width: int) -> None:
        super().__init__(len(vectors), width)
        meanings = torch.from_numpy(vectors.astype(np.float32))
        has_meaning = meanings.any(1, keepdim=True)
        # The last column is the same for every word, so that the fit has a constant.
        meanings = torch.cat([meanings, has_meaning.float()], 1)
        self.register_buffer("vectors", meanings * VECTOR_SCALE, persistent=False)
        self.register_buffer("has_meaning", has_meaning, persistent=False)
        self.projection = nn.Parameter(torch.zeros(meanings.shape[1], width))
        self._draw = torch.Generator()

    def start_step(self, step: int) -> None:
        """Make what is left out in a step depend on the step alone."""
        self._draw.manual_seed(step)

    def initialize(self, std: float) -> None:
        """Start words that mean much the same alike, by a random turn of the vectors.

        Args:
            std: of the entries of parts of words, and of what words mean.
        """
        is_word = self.has_meaning[:, 0]
        length = self.vectors[is_word, :-1].norm(dim=1).mean()
        nn.init.normal_(self.weight, std=std)
        nn.init.normal_(self.projection, std=std / float(length))
        with torch.no_grad():
            self.weight[is_word] *= OWN_START
            self.projection[-1].zero_()

    @torch.no_grad()
    def split(self, table: Tensor, is_read: Tensor) -> None:
        """Take over the embedding of a finished model as rows of their own and a shared matrix.

        The shared matrix is fitted, by ridge regression, to the words that were read in training.
        What is left over of them stays in their rows; other words get none.

        Args:
            table: (U, C), of the first U entries; those after it are new.
            is_read: bool (V,), whether a caption of the training has the entry.
        """
        known = torch.zeros(len(self.vectors), dtype=torch.bool)
        known[: len(table)] = True
        is_word = self.has_meaning[:, 0]
        fitted = known & is_word & is_read
        x, y = self.vectors[fitted].double(), table[fitted[: len(table)]].double()
        square = x.T @ x
        square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=torch.double)
        self.projection.copy_(torch.linalg.solve(square, x.T @ y))
        self.weight.zero_()
        self.weight[: len(table)] = table - self.vectors[: len(table)] @ self.projection
        self.weight[is_word & ~fitted] = 0

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (B, T) to vectors (B, T, C)."""
        rows = F.embedding(ids, self.weight)
        if self.training:
            is_left_out = torch.rand(ids.shape, generator=self._draw) < OWN_DROPOUT
            rows = rows * ~(is_left_out[..., None] & self.has_meaning[ids])
        return rows + self.vectors[ids] @ self.projection

    @torch.no_grad()
    def table(self) -> Tensor:
        """Return the sums (V, C), which are what a finished model holds."""
        return self.weight + self.vectors @ self.projection


def save_word_vectors(tokenizer: Tokenizer, lexicon: Sequence[Entry], folder: Path) -> None:
    """Write what the words of a lexicon mean, beside a tokenizer that has entries for them.

    What the English words have in common is taken off, so that the vectors tell them apart.
    """
    entries = list({entry.word: entry for entry in lexicon}.values())
    english = [entry.word for entry in entries if not entry.is_foreign]
    texts = list(dict.fromkeys([*english, *(entry.meaning for entry in entries)]))
    meanings = dict(zip(texts, SentenceEncoder().encode(texts), strict=True))
    centre = np.mean([meanings[word] for word in english], axis=0)
    vocab = tokenizer.get_vocab()
    vectors = np.zeros((tokenizer.get_vocab_size(), len(centre)), np.float16)
    for entry in entries:
        vectors[vocab[SPACE + entry.word]] = meanings[entry.meaning] - centre
    partial = folder / f"partial-{FILE_NAME}"
    np.save(partial, vectors)
    partial.replace(folder / FILE_NAME)


def read_word_vectors(folder: Path) -> NDArray[np.float16]:
    """Read what `save_word_vectors` wrote.

    Raises:
        UserError: there is nothing.
        CheckpointError: it is damaged.
    """
    path = folder / FILE_NAME
    if not path.exists():
        raise UserError(f"{path} is missing; run `ninefold train tokenizer` first.")
    try:
        vectors: NDArray[np.float16] = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged; remove it and run the stage again.") from error
    return vectors


def extend_rows(rows: Tensor, count: int) -> Tensor:
    """Return rows of their own (V, C), and none for entries that the tokenizer got since."""
    return F.pad(rows, (0, 0, 0, count - len(rows)))


def tabulate(
    weights: Mapping[str, Tensor], name: str, vectors: NDArray[np.float16]
) -> dict[str, Tensor]:
    """Return the weights of a network as a finished model holds them.

    Args:
        weights: with the rows and the shared matrix of the embedding `name`; where they have no
            shared matrix, they are of a finished model and stay as they are. Entries that the
            tokenizer got since have what they mean.
        name: such as "encoder.embed_tokens".
        vectors: (V, D), of `read_word_vectors`.
    """
    rest = dict(weights)
    projection = rest.pop(f"{name}.projection", None)
    if projection is not None:
        embedding = MeaningEmbedding(vectors, projection.shape[1])
        rows = extend_rows(rest[f"{name}.weight"], len(vectors))
        embedding.load_state_dict({"weight": rows, "projection": projection})
        rest[f"{name}.weight"] = embedding.table()
    return rest
