"""The embedding that reads things by their codes: what an entry is made of, and how it is kept."""

import pytest
import torch
from torch import Tensor

from ninefold.models.sketches import NUM_PLACES, SketchEmbedding, packed_size

WORDS, DESIGNS, LENGTH, CODES, BOOK, WIDTH = 7, 3, 4, 2, (10, 5), 6
LOOKS, GROUNDS = 4, 3
PLAIN = torch.tensor([0, 3, 4, 0])


def draw_codes(designs: int = DESIGNS) -> Tensor:
    """Sketches (D, V, L, M) with free, filled and other cells."""
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(BOOK[0], (designs, LOOKS, LENGTH, CODES), generator=generator)
    codes[:, :, 0] = PLAIN[:, None]
    codes[:, :GROUNDS, 1] = codes[:, :1, 1]
    return codes.short()


def build(codes: Tensor | None = None) -> SketchEmbedding:
    codes = draw_codes() if codes is None else codes
    torch.manual_seed(0)
    num_ids = WORDS + NUM_PLACES * len(codes) * LOOKS * LENGTH
    size = packed_size(codes, PLAIN, GROUNDS)
    looks = (LOOKS, GROUNDS)
    embedding = SketchEmbedding(num_ids, len(codes), looks, size, LENGTH, CODES, BOOK, WIDTH)
    for parameter in embedding.parameters():
        torch.nn.init.normal_(parameter)
    embedding.vectors.normal_()
    embedding.keep(codes, PLAIN)
    return embedding


def id_of(place: int, design: int, look: int, entry: int, designs: int = DESIGNS) -> int:
    return WORDS + ((place * designs + design) * LOOKS + look) * LENGTH + entry


def drawn(embedding: SketchEmbedding, *ids: int) -> Tensor:
    with torch.no_grad():
        found: Tensor = embedding(torch.tensor([ids]))[0]
    return found


def test_words_have_rows_of_their_own() -> None:
    embedding = build()
    assert embedding.num_words == WORDS
    assert torch.equal(drawn(embedding, 0, 6), embedding.weight[[0, 6]])


def test_entries_of_the_same_codes_differ_by_their_name_alone() -> None:
    codes = draw_codes()
    codes[2] = codes[0]
    embedding = build(codes)
    same = [drawn(embedding, id_of(0, design, 1, 2)) for design in (0, 2)]
    assert torch.equal(same[0], same[1])
    places = [drawn(embedding, id_of(place, 0, 1, 2)) for place in range(NUM_PLACES)]
    assert all(not torch.allclose(places[0], other) for other in places[1:])
    embedding.projection.data[CODES * BOOK[1] :] = 0
    nameless = [drawn(embedding, id_of(place, 0, 1, 2)) for place in range(NUM_PLACES)]
    assert all(torch.allclose(nameless[0], other) for other in nameless[1:])


def test_an_entry_follows_its_codes() -> None:
    codes = draw_codes()
    before = drawn(build(codes), id_of(1, 1, 2, 3), id_of(1, 1, 2, 2))
    codes[1, 2, 3] = (codes[1, 2, 3] + 1) % BOOK[0]
    after = drawn(build(codes), id_of(1, 1, 2, 3), id_of(1, 1, 2, 2))
    assert not torch.allclose(before[0], after[0])
    assert torch.equal(before[1], after[1])


def test_sketches_are_kept_in_fewer_bytes_and_come_back_whole() -> None:
    codes = draw_codes(40)
    kept = build(codes)
    again = build(torch.zeros_like(codes))
    again.others = torch.zeros_like(kept.others)
    again.load_state_dict(kept.state_dict())
    again._codes = None
    assert torch.equal(again.codes(), codes)
    packed = (
        sum(getattr(kept, name).numel() for name in ("parts", "others")) + 2 * codes[:, 0].numel()
    )
    assert packed < 0.8 * 2 * codes.numel()
    # A free cell costs nothing in any look, a filled one nothing on other grounds.
    free = torch.zeros_like(codes) + PLAIN.short()[:, None, None]
    assert packed_size(free, PLAIN, GROUNDS) == 0
    filled = torch.full_like(codes, 7)
    assert packed_size(filled, PLAIN, GROUNDS) == codes[:, 0].numel() * 3 // 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("others", lambda others: others[:-3]),
        ("others", lambda others: torch.full_like(others, 255)),
        ("white", lambda white: white - 100),
    ],
)
def test_damaged_sketches_are_refused(name: str, change: object) -> None:
    embedding = build()
    setattr(embedding, name, change(getattr(embedding, name)))  # type: ignore[operator]
    embedding._codes = None
    with pytest.raises(ValueError, match=r"bytes are not|codes are not"):
        embedding.codes()


def test_a_new_sketch_leaves_the_others_as_they_are() -> None:
    """What teaching relies on: more sketches change ids, and nothing else."""
    codes = draw_codes(DESIGNS + 1)
    embedding, more = build(codes[:DESIGNS]), build(codes)
    state = embedding.state_dict()
    for name in ("weight", "projection", "vectors"):
        getattr(more, name).data.copy_(state[name])
    for place in range(NUM_PLACES):
        for design in range(DESIGNS):
            old = [id_of(place, design, 1, entry) for entry in range(LENGTH)]
            new = [id_of(place, design, 1, entry, DESIGNS + 1) for entry in range(LENGTH)]
            assert torch.equal(drawn(embedding, *old), drawn(more, *new))


def test_gradients_reach_the_matrix_that_all_sketches_share() -> None:
    embedding = build()
    embedding(torch.tensor([[id_of(0, 0, 0, 0), 1]])).sum().backward()
    assert embedding.projection.grad is not None
    assert float(embedding.projection.grad.abs().sum()) > 0
