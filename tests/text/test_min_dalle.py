"""The compatibility tokenizer equals min-dalle 0.4.11, quirks included."""

import json
from pathlib import Path
from typing import Any

from ninefold.text import EncodedText, MinDalleTokenizer


def read_json(path: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return cases


def tokens_of(encoded: EncodedText) -> list[int]:
    assert not encoded.was_truncated
    return list(encoded.ids[: encoded.num_tokens])


def test_ids_equal_those_of_min_dalle(golden: Path) -> None:
    tokenizer = MinDalleTokenizer.from_folder(golden / "text", max_length=400)
    texts = read_json(golden / "text" / "flax_text.json")
    cases = read_json(golden / "text" / "min_text.json")
    for text, case in zip(texts, cases, strict=True):
        assert tokens_of(tokenizer.encode(case["text"])) == case["min_ids"]
        assert tokens_of(tokenizer.encode(text["normalised"])) == case["min_ids_of_normalised"]


def test_a_long_text_loses_the_end_token_with_its_end(golden: Path) -> None:
    case = read_json(golden / "text" / "min_text.json")[-1]
    encoded = MinDalleTokenizer.from_folder(golden / "text").encode(case["text"])
    assert list(encoded.ids) == case["min_ids"][:64]
    assert encoded.num_tokens == len(case["min_ids"]) > 64
    assert encoded.was_truncated


def test_the_unconditional_text_ends_like_the_prompt(golden: Path) -> None:
    tokenizer = MinDalleTokenizer.from_folder(golden / "text")
    short, long = tokenizer.encode("the cat"), tokenizer.encode("the " * 100)
    plain = tokenizer.encode_unconditional()
    assert plain.ids == (0, 2, *[1] * 62)
    assert tokenizer.encode_unconditional(short) == plain
    assert tokenizer.encode_unconditional(long).ids == (0, long.ids[63], *[1] * 62)


def test_an_id_beyond_the_embedding_is_unknown(golden: Path) -> None:
    tokenizer = MinDalleTokenizer.from_folder(golden / "text", vocab_size=288)
    assert tokenizer.encode("the avocado").ids[:4] == (0, 265, 3, 2)
