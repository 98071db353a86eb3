"""A text embedding that reads things by what they look like.

Some token ids are entries of a sketch: a few codes of a thing's own picture, in a size that it is
drawn in. Their embedding is made of the vectors of those codes by a matrix that all sketches share,
so a decoder that has learned to draw what a sketch says draws things that it has never seen: a new
thing needs codes, not training. A thing has a sketch in every look: on each ground that it may
stand on, in each tint and style. How sketches are made is in `training.sketches`.

Ids: those below `num_words` have rows of their own. Above them come, for each of `NUM_PLACES`, L
entries for each of V looks of each of D designs.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from torch import Tensor, nn

NUM_PLACES = 4
"""Sketches that a text can have: of the first and of the second thing, each as it looks above and
as it looks below the horizon."""
CONTENT_SCALE = 0.25
"""Of what the shared matrix reads. A step of Adam moves each of its entries as far as one of a row;
with vectors of unit size the sum over hundreds of them would move much farther than a row."""
NAME_SCALE = 4.0
"""Size of what says which entry of which thing one is, beside its content."""
MAX_CODES = 4096
"""Codes are kept in twelve bits."""
_FREE, _FILLED, _EDGE = 0, 1, 2


class SketchEmbedding(nn.Module):
    """Token ids to vectors of width C.

    Most codes of a look follow from those on white, so the sketches are kept packed. Buffers:
    `white` (D, L, M), the M codes of every entry on white; `plain` (V,), the code of a cell that a
    thing leaves free in each look; `parts` (D, L, M), whether a thing leaves a cell free, fills it
    or has its edge there; `others`, the codes that do not follow, twelve bits each; `vectors`
    (K, E), those of the codebook at zero mean and unit deviation.
    """

    white: Tensor
    plain: Tensor
    parts: Tensor
    others: Tensor
    vectors: Tensor

    def __init__(
        self,
        vocab_size: int,
        num_sketches: int,
        looks: tuple[int, int],
        num_bytes: int,
        length: int,
        codes: int,
        book: tuple[int, int],
        width: int,
    ) -> None:
        """Make an embedding without content.

        Args:
            vocab_size: ids of words and of sketches.
            num_sketches: D.
            looks: V, and how many of them are grounds that a thing stands on by itself.
            num_bytes: of `others`.
            length: L.
            codes: M.
            book: K and E of the codebook.
            width: C.

        Raises:
            ValueError: the codebook is too large.
        """
        super().__init__()
        if book[0] > MAX_CODES:
            raise ValueError(f"Sketches are of {MAX_CODES} codes at most, not of {book[0]}.")
        self.num_looks, self.num_grounds = looks
        self.num_words = vocab_size - NUM_PLACES * num_sketches * self.num_looks * length
        self.length = length
        self.weight = nn.Parameter(torch.zeros(self.num_words, width))
        self.projection = nn.Parameter(torch.zeros(codes * book[1] + NUM_PLACES * length, width))
        shape = (num_sketches, length, codes)
        self.register_buffer("white", torch.zeros(shape, dtype=torch.int16))
        self.register_buffer("plain", torch.zeros(self.num_looks, dtype=torch.int16))
        self.register_buffer("parts", torch.zeros(shape, dtype=torch.uint8))
        self.register_buffer("others", torch.zeros(num_bytes, dtype=torch.uint8))
        self.register_buffer("vectors", torch.zeros(book))
        self._codes: Tensor | None = None

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (B, T) to vectors (B, T, C)."""
        rows = F.embedding(ids.clamp(max=self.num_words - 1), self.weight)
        every = self.codes().flatten(0, 2)  # (D · V · L, M)
        entries = (ids - self.num_words).clamp(min=0)
        place = entries // len(every)
        content = self.vectors[every[entries % len(every)].long()].flatten(-2)  # (B, T, M · E)
        name = F.one_hot(place * self.length + entries % self.length, NUM_PLACES * self.length)
        features = torch.cat([content, name.to(content.dtype) * NAME_SCALE], -1) * CONTENT_SCALE
        drawn = features.to(self.projection.dtype) @ self.projection
        return torch.where((ids >= self.num_words)[..., None], drawn.to(rows.dtype), rows)

    def codes(self) -> Tensor:
        """Return the sketches (D, V, L, M), unpacked when they are first asked for.

        Raises:
            ValueError: what was packed is damaged.
        """
        if self._codes is None or self._codes.device != self.white.device:
            self._codes = self._unpack()
        return self._codes

    @torch.no_grad()
    def keep(self, codes: Tensor, plain: Tensor) -> None:
        """Keep sketches in the place of those that there are.

        Args:
            codes: (D, V, L, M).
            plain: (V,), the code of a cell that a thing leaves free in each look.
        """
        codes, plain = codes.to(torch.int16), plain.to(torch.int16)
        white, grounds = codes[:, :1], codes[:, : self.num_grounds]
        is_free = (codes == plain[:, None, None]).all(1)
        is_filled = (grounds == white).all(1) & ~is_free
        self.white, self.plain = codes[:, 0].clone(), plain.clone()
        self.parts = torch.where(is_free, _FREE, torch.where(is_filled, _FILLED, _EDGE)).to(
            torch.uint8
        )
        kept = [codes[:, look][self._is_kept(look)] for look in range(1, self.num_looks)]
        self.others = _pack(torch.cat(kept)) if kept else self.others[:0]
        self._codes = codes.clone()

    def _unpack(self) -> Tensor:
        counts = [int(self._is_kept(look).sum()) for look in range(1, self.num_looks)]
        if len(self.others) != _num_bytes(sum(counts)):
            raise ValueError(f"{len(self.others):,} bytes are not {sum(counts):,} codes")
        others = torch.split(_unpack(self.others)[: sum(counts)], counts) if counts else ()
        looks = [self.white]
        for look, values in enumerate(others, 1):
            codes = torch.where(self.parts == _FREE, self.plain[look], self.white)
            codes[self._is_kept(look)] = values
            looks.append(codes)
        codes = torch.stack(looks, 1)
        if codes.numel() and not 0 <= int(codes.min()) <= int(codes.max()) < len(self.vectors):
            raise ValueError(f"its codes are not of {len(self.vectors):,}")
        return codes

    def _is_kept(self, look: int) -> Tensor:
        """Say of which cells (D, L, M) the code in a look does not follow from that on white."""
        return self.parts == _EDGE if look < self.num_grounds else self.parts != _FREE


def packed_size(codes: Tensor, plain: Tensor, num_grounds: int) -> int:
    """Return the bytes of `others` for sketches as `SketchEmbedding.keep` takes them."""
    shape = (len(codes), codes.shape[2], codes.shape[3])
    num_looks = codes.shape[1]
    ids = NUM_PLACES * num_looks * shape[0] * shape[1]
    looks = (num_looks, num_grounds)
    trial = SketchEmbedding(ids, shape[0], looks, 0, shape[1], shape[2], (MAX_CODES, 1), 1)
    trial.keep(codes, plain)
    return len(trial.others)


def _num_bytes(count: int) -> int:
    return (count + 1) // 2 * 3


def _pack(values: Tensor) -> Tensor:
    """Return values (N,) below 4,096 as bytes, three for two."""
    padded = F.pad(values.int(), (0, len(values) % 2))
    first, second = padded[::2], padded[1::2]
    parts = (first >> 4, (first & 15) << 4 | second >> 8, second & 255)
    return torch.stack(parts, 1).flatten().to(torch.uint8)


def _unpack(data: Tensor) -> Tensor:
    high, middle, low = data.view(-1, 3).int().unbind(1)
    return torch.stack((high << 4 | middle >> 4, (middle & 15) << 8 | low), 1).flatten().short()
