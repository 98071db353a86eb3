"""Token ids equal Hugging Face's BartTokenizerFast; damaged files are refused in one sentence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.errors import CheckpointError
from ninefold.text import MinDalleTokenizer, TextTokenizer

LAYOUTS = [("tokenizer.json",), ("vocab.json", "merges.txt")]
AVOCADO = 288
"""Id of `Ġavocado` in the golden tokenizer."""

Folder = Callable[..., Path]


@pytest.fixture
def folder(golden: Path, tmp_path: Path) -> Folder:
    """Gives a folder that has the named files of the golden tokenizer."""

    def copy(*names: str) -> Path:
        for name in names:
            shutil.copyfile(golden / "text" / name, tmp_path / name)
        return tmp_path

    return copy


@pytest.fixture
def tokenizer(golden: Path) -> TextTokenizer:
    return TextTokenizer.from_folder(golden / "text")


def golden_cases(golden: Path) -> list[dict[str, Any]]:
    path = golden / "text" / "flax_text.json"
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return cases


@pytest.mark.parametrize("names", LAYOUTS)
def test_ids_and_masks_equal_those_of_the_reference(
    golden: Path, folder: Folder, names: tuple[str, ...]
) -> None:
    tokenizer = TextTokenizer.from_folder(folder(*names))
    for case in golden_cases(golden):
        normalised = tokenizer.encode(case["normalised"])
        assert list(normalised.ids) == case["ids"]
        assert sum(normalised.mask) == case["mask_sum"]
        assert list(tokenizer.encode(case["text"]).ids) == case["ids_without_normaliser"]


@pytest.mark.parametrize("names", LAYOUTS)
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a <mask> b", [0, 69, 4, 225, 70, 2]),
        ("x <pad> y", [0, 92, 225, 1, 225, 93, 2]),
        ("</s> cat", [0, 2, 324, 2]),
        (" <s>the", [0, 225, 0, 264, 2]),
    ],
)
def test_special_tokens_in_a_text_are_read_as_by_hugging_face(
    folder: Folder, names: tuple[str, ...], text: str, ids: list[int]
) -> None:
    encoded = TextTokenizer.from_folder(folder(*names)).encode(text)
    assert list(encoded.ids[: encoded.num_tokens]) == ids
    assert sum(encoded.mask) == len(ids)


def test_a_text_that_just_fits_is_whole(tokenizer: TextTokenizer) -> None:
    encoded = tokenizer.encode(" avocado" * 62)
    assert encoded.ids == (0, *[AVOCADO] * 62, 2)
    assert (encoded.num_tokens, encoded.was_truncated) == (64, False)
    assert all(encoded.mask)


def test_a_longer_text_loses_its_end_but_keeps_the_end_token(tokenizer: TextTokenizer) -> None:
    encoded = tokenizer.encode(" avocado" * 63)
    assert encoded.ids == (0, *[AVOCADO] * 62, 2)
    assert (encoded.num_tokens, encoded.was_truncated) == (65, True)


def test_the_unconditional_text_is_start_and_end(tokenizer: TextTokenizer) -> None:
    encoded = tokenizer.encode_unconditional()
    assert encoded.ids == (0, 2, *[1] * 62)
    assert encoded.mask == (True, True, *[False] * 62)
    assert (encoded.num_tokens, encoded.was_truncated) == (2, False)
    assert encoded == tokenizer.encode("")


@given(text=st.text(st.characters(codec=None)), max_length=st.integers(2, 20))
def test_any_text_fills_the_row(text: str, max_length: int) -> None:
    golden = Path(__file__).parents[1] / "golden" / "text"
    for kind in (TextTokenizer, MinDalleTokenizer):
        encoded = kind.from_folder(golden, max_length).encode(text)
        num_kept = min(encoded.num_tokens, max_length)
        assert len(encoded.ids) == max_length
        assert encoded.mask == (True,) * num_kept + (False,) * (max_length - num_kept)
        assert encoded.was_truncated == (encoded.num_tokens > max_length)
        assert encoded.ids[0] == 0
        assert set(encoded.ids[num_kept:]) <= {1}


def test_an_id_beyond_the_embedding_is_unknown(golden: Path) -> None:
    below = TextTokenizer.from_folder(golden / "text", vocab_size=AVOCADO)
    above = TextTokenizer.from_folder(golden / "text", vocab_size=AVOCADO + 1)
    assert below.encode(" the avocado").ids[:4] == (0, 265, 3, 2)
    assert above.encode(" the avocado").ids[:4] == (0, 265, AVOCADO, 2)


def test_the_json_that_it_gives_is_read_back_as_the_same_tokenizer(
    golden: Path, folder: Folder
) -> None:
    path = folder("vocab.json", "merges.txt")
    written = TextTokenizer.from_folder(path)
    (path / "tokenizer.json").write_text(written.to_json(), encoding="utf-8")
    read = TextTokenizer.from_folder(path)
    min_dalle = MinDalleTokenizer.from_folder(path)
    for case in golden_cases(golden):
        assert read.encode(case["text"]) == written.encode(case["text"])
    assert min_dalle.encode("the avocado").ids[:4] == (0, 265, AVOCADO, 2)


def test_truncation_and_padding_of_the_file_do_not_count(folder: Folder) -> None:
    path = folder("tokenizer.json")
    document = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))
    document["truncation"] = {
        "direction": "Right",
        "max_length": 3,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    (path / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    assert TextTokenizer.from_folder(path).encode(" avocado" * 5).num_tokens == 7


def test_carriage_returns_in_the_merges_do_not_count(folder: Folder) -> None:
    path = folder("vocab.json", "merges.txt")
    merges = (path / "merges.txt").read_bytes()
    (path / "merges.txt").write_bytes(merges.replace(b"\n", b"\r\n"))
    assert TextTokenizer.from_folder(path).encode(" avocado").ids[1] == AVOCADO


def test_a_vocabulary_without_a_mask_token_will_do(folder: Folder) -> None:
    path = folder("vocab.json", "merges.txt")
    vocab = json.loads((path / "vocab.json").read_text(encoding="utf-8"))
    del vocab["<mask>"]
    (path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    assert 4 not in TextTokenizer.from_folder(path).encode("<mask>").ids


@pytest.mark.parametrize("names", [(), ("vocab.json",), ("merges.txt",)])
@pytest.mark.parametrize("kind", [TextTokenizer, MinDalleTokenizer])
def test_missing_files_are_named(
    folder: Folder, tmp_path: Path, kind: type[TextTokenizer], names: tuple[str, ...]
) -> None:
    folder(*names)
    with pytest.raises(CheckpointError, match=r"There is no tokenizer in .* it needs"):
        kind.from_folder(tmp_path)


DAMAGE = {
    "not JSON": ("tokenizer.json", b"{"),
    "nested too deeply": ("tokenizer.json", b"[" * 100_000),
    "not text": ("tokenizer.json", b"\xff\xfe\x00"),
    "not an object": ("tokenizer.json", b"[]"),
    "no model": ("tokenizer.json", b"{}"),
    "another model": ("tokenizer.json", b'{"model": {"type": "WordLevel", "vocab": {}}}'),
    "vocabulary of words": ("vocab.json", b'{"a": "b"}'),
    "vocabulary of negative ids": ("vocab.json", b'{"a": -1}'),
    "vocabulary of another kind of model": ("vocab.json", b'{"<s>": 5}'),
    "merge of three": ("merges.txt", b"#version: 0.2\nt h e\n"),
    "merge of nothing": ("merges.txt", b" a\n"),
    "merge that is not in the vocabulary": ("merges.txt", b"q z\n"),
    "merges that are not text": ("merges.txt", b"\xff"),
}


@pytest.mark.parametrize(("name", "content"), DAMAGE.values(), ids=DAMAGE.keys())
@pytest.mark.parametrize("kind", [TextTokenizer, MinDalleTokenizer])
def test_damaged_files_are_refused_in_one_sentence(
    folder: Folder, kind: type[TextTokenizer], name: str, content: bytes
) -> None:
    path = folder("vocab.json", "merges.txt")
    (path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        kind.from_folder(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("merges", [None, [1], [["t"]], [["t", 1]]])
def test_a_tokenizer_json_with_damaged_merges_is_refused(folder: Folder, merges: object) -> None:
    path = folder("tokenizer.json")
    document = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))
    document["model"]["merges"] = merges
    (path / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    for kind in (TextTokenizer, MinDalleTokenizer):
        with pytest.raises(CheckpointError, match="damaged"):
            kind.from_folder(path)


def test_a_tokenizer_with_other_special_ids_is_refused(folder: Folder) -> None:
    path = folder("tokenizer.json")
    text = (path / "tokenizer.json").read_text(encoding="utf-8")
    (path / "tokenizer.json").write_text(
        text.replace('"<pad>": 1', '"<pad>": 400'), encoding="utf-8"
    )
    for kind in (TextTokenizer, MinDalleTokenizer):
        with pytest.raises(CheckpointError, match="does not give <pad> the id 1"):
            kind.from_folder(path)


@pytest.mark.parametrize(("max_length", "vocab_size"), [(1, None), (64, 3)])
def test_a_row_without_room_for_the_special_tokens_is_refused(
    golden: Path, max_length: int, vocab_size: int | None
) -> None:
    with pytest.raises(ValueError, match="must be"):
        TextTokenizer.from_folder(golden / "text", max_length, vocab_size)
