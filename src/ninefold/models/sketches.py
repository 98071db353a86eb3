"""A text embedding that reads things by what they look like.

Some token ids are entries of a sketch: a few codes of a thing's own picture, in a size that it is
drawn in. Their embedding is made of the vectors of those codes by a matrix that all sketches share,
so a decoder that has learned to draw what a sketch says draws things that it has never seen: a new
thing needs codes, not training. How sketches are made is in `training.sketches`.

Ids: those below `num_words` have rows of their own. Above them come, for the first and again for
the second thing of a text, L entries for each of S sketches.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

NUM_PLACES = 2
"""Things that a text can have."""
CONTENT_SCALE = 0.25
"""Of what the shared matrix reads. A step of Adam moves each of its entries as far as one of a row;
with vectors of unit size the sum over hundreds of them would move much farther than a row."""
NAME_SCALE = 4.0
"""Size of what says which entry of which thing one is, beside its content."""


class SketchEmbedding(nn.Module):
    """Token ids to vectors of width C.

    Buffers: `codes` (S, L, M), the M codes of every entry, and `vectors` (K, E), those of the
    codebook at zero mean and unit deviation.
    """

    codes: Tensor
    vectors: Tensor

    def __init__(
        self,
        vocab_size: int,
        num_sketches: int,
        length: int,
        codes: int,
        book: tuple[int, int],
        width: int,
    ) -> None:
        """Make an embedding without content.

        Args:
            vocab_size: ids of words and of sketches.
            num_sketches: S.
            length: L.
            codes: M.
            book: K and E of the codebook.
            width: C.
        """
        super().__init__()
        self.num_words = vocab_size - NUM_PLACES * num_sketches * length
        self.length = length
        self.weight = nn.Parameter(torch.zeros(self.num_words, width))
        self.projection = nn.Parameter(torch.zeros(codes * book[1] + NUM_PLACES * length, width))
        self.register_buffer("codes", torch.zeros(num_sketches, length, codes, dtype=torch.int16))
        self.register_buffer("vectors", torch.zeros(book))

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (B, T) to vectors (B, T, C)."""
        rows = F.embedding(ids.clamp(max=self.num_words - 1), self.weight)
        entries = (ids - self.num_words).clamp(min=0)
        place = entries // (len(self.codes) * self.length)
        codes = self.codes.flatten(0, 1)[entries % (len(self.codes) * self.length)].long()
        content = self.vectors[codes].flatten(-2)  # (B, T, M · E)
        name = F.one_hot(place * self.length + entries % self.length, NUM_PLACES * self.length)
        features = torch.cat([content, name.to(content.dtype) * NAME_SCALE], -1) * CONTENT_SCALE
        drawn = features.to(self.projection.dtype) @ self.projection
        return torch.where((ids >= self.num_words)[..., None], drawn.to(rows.dtype), rows)
