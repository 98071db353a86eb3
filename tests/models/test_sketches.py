"""The embedding that reads things by their codes: what an entry is made of, and what it is not."""

import torch

from ninefold.models.sketches import NUM_PLACES, SketchEmbedding

WORDS, SKETCHES, LENGTH, CODES, BOOK, WIDTH = 7, 3, 4, 2, (10, 5), 6
NUM_IDS = WORDS + NUM_PLACES * SKETCHES * LENGTH


def build() -> SketchEmbedding:
    torch.manual_seed(0)
    embedding = SketchEmbedding(NUM_IDS, SKETCHES, LENGTH, CODES, BOOK, WIDTH)
    for parameter in embedding.parameters():
        torch.nn.init.normal_(parameter)
    embedding.codes.copy_(torch.randint(BOOK[0], embedding.codes.shape))
    embedding.vectors.normal_()
    return embedding


def id_of(place: int, sketch: int, entry: int) -> int:
    return WORDS + (place * SKETCHES + sketch) * LENGTH + entry


def drawn(embedding: SketchEmbedding, *ids: int) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = embedding(torch.tensor([ids]))[0]
    return found


def test_words_have_rows_of_their_own() -> None:
    embedding = build()
    assert embedding.num_words == WORDS
    assert torch.equal(drawn(embedding, 0, 6), embedding.weight[[0, 6]])


def test_entries_of_the_same_codes_differ_by_their_name_alone() -> None:
    embedding = build()
    embedding.codes[2] = embedding.codes[0]
    same = [drawn(embedding, id_of(0, sketch, 1)) for sketch in (0, 2)]
    assert torch.equal(same[0], same[1])
    places = [drawn(embedding, id_of(place, 0, 1)) for place in range(NUM_PLACES)]
    assert not torch.allclose(places[0], places[1])
    embedding.projection.data[CODES * BOOK[1] :] = 0
    nameless = [drawn(embedding, id_of(place, 0, 1)) for place in range(NUM_PLACES)]
    assert torch.allclose(nameless[0], nameless[1])


def test_an_entry_follows_its_codes() -> None:
    embedding = build()
    before = drawn(embedding, id_of(1, 1, 3), id_of(1, 1, 2))
    embedding.codes[1, 3] = (embedding.codes[1, 3] + 1) % BOOK[0]
    after = drawn(embedding, id_of(1, 1, 3), id_of(1, 1, 2))
    assert not torch.allclose(before[0], after[0])
    assert torch.equal(before[1], after[1])


def test_a_new_sketch_leaves_the_others_as_they_are() -> None:
    """What teaching relies on: more sketches change ids, and nothing else."""
    embedding = build()
    more = SketchEmbedding(NUM_IDS + NUM_PLACES * LENGTH, SKETCHES + 1, LENGTH, CODES, BOOK, WIDTH)
    state = embedding.state_dict()
    new = torch.randint(BOOK[0], (1, LENGTH, CODES), dtype=torch.int16)
    more.load_state_dict({**state, "codes": torch.cat([state["codes"], new])})
    for place in range(NUM_PLACES):
        for sketch in range(SKETCHES):
            old = drawn(embedding, *(id_of(place, sketch, entry) for entry in range(LENGTH)))
            first = WORDS + (place * (SKETCHES + 1) + sketch) * LENGTH
            assert torch.equal(old, drawn(more, *range(first, first + LENGTH)))


def test_gradients_reach_the_matrix_that_all_sketches_share() -> None:
    embedding = build()
    embedding(torch.tensor([[id_of(0, 0, 0), 1]])).sum().backward()
    assert embedding.projection.grad is not None
    assert float(embedding.projection.grad.abs().sum()) > 0
