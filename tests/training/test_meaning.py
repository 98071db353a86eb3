"""Words that were never read have what they mean, and only that."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ninefold.corpus.lexicon import Entry
from ninefold.corpus.vocabulary import add_words, train_tokenizer
from ninefold.errors import CheckpointError, UserError
from ninefold.training.meaning import (
    OWN_DROPOUT,
    MeaningEmbedding,
    read_word_vectors,
    save_word_vectors,
    tabulate,
)

NUM_PARTS, NUM_WORDS, DEPTH, WIDTH = 5, 200, 12, 8


@pytest.fixture
def vectors() -> NDArray[np.float16]:
    """Meanings of 200 words, after five parts of words that mean nothing."""
    meanings = np.random.default_rng(0).normal(size=(NUM_WORDS, DEPTH))
    meanings /= np.linalg.norm(meanings, axis=1, keepdims=True)
    return np.concatenate([np.zeros((NUM_PARTS, DEPTH)), meanings]).astype(np.float16)


def test_an_unread_word_is_what_words_of_its_meaning_are(vectors: NDArray[np.float16]) -> None:
    draw = torch.Generator().manual_seed(1)
    truth = torch.randn(DEPTH, WIDTH, generator=draw)
    table = torch.from_numpy(vectors.astype(np.float32)) @ truth + 0.5
    is_read = torch.ones(len(vectors), dtype=torch.bool)
    is_read[-20:] = False
    embedding = MeaningEmbedding(vectors, WIDTH)
    embedding.split(table[:-20], is_read)
    unread = embedding.table()[-20:]
    assert torch.allclose(unread, table[-20:], atol=0.1)
    assert not embedding.weight[-20:].any()


def test_read_words_and_parts_stay_as_they_were(vectors: NDArray[np.float16]) -> None:
    table = torch.randn(len(vectors), WIDTH, generator=torch.Generator().manual_seed(2))
    is_read = torch.ones(len(vectors), dtype=torch.bool)
    is_read[[1, 100]] = False
    embedding = MeaningEmbedding(vectors, WIDTH)
    embedding.split(table, is_read)
    stays = torch.ones(len(vectors), dtype=torch.bool)
    stays[100] = False  # a word that nothing was learned of; entry 1 is a part, and has no meaning
    assert torch.allclose(embedding.table()[stays], table[stays], atol=1e-5)
    assert not torch.allclose(embedding.table()[100], table[100], atol=0.1)


def test_rows_of_words_are_left_out_by_the_step_alone(vectors: NDArray[np.float16]) -> None:
    embedding = MeaningEmbedding(vectors, WIDTH)
    embedding.initialize(0.02)
    ids = torch.arange(len(vectors)).repeat(50, 1)
    embedding.start_step(3)
    first = embedding(ids)
    again = embedding(ids)
    embedding.start_step(3)
    assert torch.equal(first, embedding(ids))
    assert not torch.equal(first, again)
    whole = embedding.eval()(ids)
    is_changed = (first != whole).any(-1)
    assert not is_changed[:, :NUM_PARTS].any()
    assert float(is_changed[:, NUM_PARTS:].float().mean()) == pytest.approx(OWN_DROPOUT, abs=0.02)


def test_the_table_is_what_drawing_reads(vectors: NDArray[np.float16]) -> None:
    embedding = MeaningEmbedding(vectors, WIDTH).eval()
    embedding.initialize(0.02)
    weights = {f"words.{name}": value for name, value in embedding.state_dict().items()}
    made = tabulate({**weights, "other": torch.ones(1)}, "words", vectors)
    assert set(made) == {"words.weight", "other"}
    ids = torch.arange(len(vectors))
    assert torch.allclose(made["words.weight"], embedding(ids))
    assert tabulate(made, "words", vectors).keys() == made.keys()


def test_entries_added_after_training_have_what_they_mean(vectors: NDArray[np.float16]) -> None:
    earlier = vectors[:-20]
    embedding = MeaningEmbedding(earlier, WIDTH).eval()
    embedding.initialize(0.02)
    made = tabulate(embedding.state_dict(prefix="words."), "words", vectors)
    assert torch.allclose(made["words.weight"][:-20], embedding.table())
    meant = MeaningEmbedding(vectors, WIDTH).vectors[-20:] @ embedding.projection
    assert torch.allclose(made["words.weight"][-20:], meant)


def test_words_that_mean_much_the_same_have_vectors_alike(tmp_path: Path) -> None:
    tokenizer = add_words(
        train_tokenizer([" a cat", " a boat"], 300), ["cat", "kitten", "boat", "gato"]
    )
    lexicon = [Entry(word, word, "name", 1.0) for word in ("cat", "kitten", "boat", "cat")]
    lexicon.append(Entry("gato", "cat face", "name in es", 1.0))
    save_word_vectors(tokenizer, lexicon, tmp_path)
    vectors = read_word_vectors(tmp_path).astype(np.float32)
    assert len(vectors) == tokenizer.get_vocab_size()
    cat, kitten, boat, gato = (
        vectors[tokenizer.token_to_id(f"Ġ{word}")] for word in ("cat", "kitten", "boat", "gato")
    )
    assert np.linalg.norm(cat - kitten) < 0.7 * np.linalg.norm(cat - boat)
    assert np.array_equal(gato, cat)
    assert np.allclose(cat + kitten + boat, 0, atol=2e-3)
    assert not vectors[tokenizer.token_to_id("Ġa")].any()


def test_missing_and_damaged_vectors_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ninefold train tokenizer"):
        read_word_vectors(tmp_path)
    (tmp_path / "word-vectors.npy").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="is damaged; remove it"):
        read_word_vectors(tmp_path)
