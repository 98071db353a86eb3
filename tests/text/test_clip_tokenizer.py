"""Laws of the CLIP tokenizer, on a small vocabulary in the published format."""

from pathlib import Path

import pytest
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


# Also the framing tokens themselves, which are read as such wherever they stand, as published.
@given(text=st.text(max_size=20) | st.lists(st.sampled_from(["cat ", START, END])).map("".join))
def test_ids_and_mask_equal_those_of_transformers(
    ours: ClipTokenizer, theirs: TheirTokenizer, text: str
) -> None:
    expected = theirs([text], padding="max_length", truncation=True, max_length=LENGTH)
    encoded = ours.encode(text)
    assert list(encoded.ids) == expected["input_ids"][0]
    assert list(encoded.mask) == expected["attention_mask"][0]


def test_words_are_merged_and_case_does_not_matter(ours: ClipTokenizer) -> None:
    encoded = ours.encode("Cat AND  dog")
    assert encoded == ours.encode("cat and dog")
    assert encoded.num_tokens == sum(encoded.mask) == 5
    assert set(encoded.ids[4:]) == {ours.eos_token_id}


def test_a_long_text_is_cut_before_its_end(ours: ClipTokenizer) -> None:
    encoded = ours.encode("cat " * 1000)
    assert len(encoded.ids) == len(encoded.mask) == LENGTH
    assert all(encoded.mask)
    assert encoded.ids.index(ours.eos_token_id) == LENGTH - 1
    assert encoded.was_truncated
    assert encoded.num_tokens == 1002


def test_a_lone_surrogate_is_encoded_as_unknown_writing(ours: ClipTokenizer) -> None:
    assert ours.encode("cat \ud800") == ours.encode("cat \ufffd")


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


def test_a_length_without_room_for_the_frame_is_refused(theirs: TheirTokenizer) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        ClipTokenizer(Tokenizer.from_str(theirs.backend_tokenizer.to_str()), max_length=1)


def test_a_tokenizer_that_does_not_frame_texts_is_refused(theirs: TheirTokenizer) -> None:
    bare = Tokenizer.from_str(theirs.backend_tokenizer.to_str())
    bare.post_processor = processors.ByteLevel()
    with pytest.raises(ValueError, match="around a text"):
        ClipTokenizer(bare)
