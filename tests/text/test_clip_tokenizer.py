"""Laws of the CLIP tokenizer, on a small vocabulary in the published format."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, processors
from transformers import CLIPTokenizer as TheirTokenizer

from ninefold.errors import CheckpointError
from ninefold.text.clip_tokenizer import END, START, ClipTokenizer

LENGTH = 9
MERGES = [("c", "a"), ("ca", "t</w>"), ("d", "o"), ("do", "g</w>"), ("a", "n"), ("an", "d</w>")]


def build_theirs() -> TheirTokenizer:
    """Build the tokenizer of `transformers` with a vocabulary of bytes and a few merges."""
    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(code) for code in range(256, 324)]
    entries = letters + [f"{letter}</w>" for letter in letters] + [a + b for a, b in MERGES]
    vocab = {entry: index for index, entry in enumerate([*entries, START, END])}
    return TheirTokenizer(vocab=vocab, merges=MERGES)  # type: ignore[arg-type] # pairs do work


@pytest.fixture(scope="module")
def theirs() -> TheirTokenizer:
    return build_theirs()


@pytest.fixture(scope="module")
def path(theirs: TheirTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "tokenizer.json"
    theirs.backend_tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def ours(path: Path) -> ClipTokenizer:
    return ClipTokenizer.from_file(path, max_length=LENGTH)


@given(text=st.text(max_size=20))
def test_ids_and_mask_equal_those_of_transformers(
    ours: ClipTokenizer, theirs: TheirTokenizer, text: str
) -> None:
    expected = theirs([text], padding="max_length", truncation=True, max_length=LENGTH)
    ids, mask = ours([text])
    assert ids.tolist() == expected["input_ids"]
    assert mask.int().tolist() == expected["attention_mask"]


def test_words_are_merged_and_case_does_not_matter(ours: ClipTokenizer) -> None:
    ids, mask = ours(["Cat AND  dog", "cat and dog"])
    assert torch.equal(ids[0], ids[1])
    assert mask.sum(dim=1).tolist() == [5, 5]
    assert (ids[0, 4:] == ours.eos_token_id).all()


def test_a_long_text_is_cut_before_its_end(ours: ClipTokenizer) -> None:
    ids, mask = ours(["cat " * 1000])
    assert ids.shape == (1, LENGTH)
    assert mask.all()
    assert (ids[0] == ours.eos_token_id).nonzero().tolist() == [[LENGTH - 1]]


def test_no_texts_give_an_empty_batch(ours: ClipTokenizer) -> None:
    ids, mask = ours([])
    assert ids.shape == mask.shape == (0, LENGTH)


@pytest.mark.parametrize("content", ["", "{}", '{"version": "1.0"}'])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    damaged = tmp_path / "tokenizer.json"
    damaged.write_text(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is not the tokenizer of a CLIP"):
        ClipTokenizer.from_file(damaged)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is not the tokenizer of a CLIP"):
        ClipTokenizer.from_file(tmp_path / "tokenizer.json")


def test_another_models_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        ClipTokenizer(Tokenizer(models.BPE({"a": 0}, [])))


def test_a_tokenizer_that_does_not_frame_texts_is_refused(theirs: TheirTokenizer) -> None:
    bare = Tokenizer.from_str(theirs.backend_tokenizer.to_str())
    bare.post_processor = processors.ByteLevel()
    with pytest.raises(ValueError, match="around a text"):
        ClipTokenizer(bare)
