"""Laws of reading: whose rules a prompt is read by, and what its writer is told."""

import json
import shutil
from pathlib import Path

import pytest

from ninefold.text import MinDalleTokenizer, TextTokenizer
from ninefold.text.reader import CLIP_TOKENIZER_FILE, ClipReader, PromptReader

SIZES = (24, 300)


def read_with(folder: Path, *, has_normalizer: bool = True) -> PromptReader:
    return PromptReader(folder, *SIZES, has_normalizer=has_normalizer)


def test_a_prompt_is_normalised_before_it_is_encoded(tiny_model: Path) -> None:
    read = read_with(tiny_model).read("A RED apple!")
    assert read.prompt == TextTokenizer.from_folder(tiny_model, *SIZES).encode(" a red apple")
    assert read.notices == ()


def test_a_model_without_normaliser_reads_what_was_typed(tiny_model: Path) -> None:
    read = read_with(tiny_model, has_normalizer=False).read("A RED!")
    assert read.prompt == TextTokenizer.from_folder(tiny_model, *SIZES).encode("A RED!")


def test_the_unconditional_text_is_empty_without_the_space_of_a_normalised_one(
    tiny_model: Path,
) -> None:
    read = read_with(tiny_model).read("an apple")
    assert read.unconditional.ids == (0, 2, *[1] * 22)


def test_a_negative_prompt_takes_the_place_of_the_unconditional_text(tiny_model: Path) -> None:
    reader = read_with(tiny_model)
    assert reader.read("an apple", "Fog").unconditional == reader.read("fog").prompt


def test_the_min_dalle_dialect_reads_as_min_dalle_does(tiny_model: Path) -> None:
    read = read_with(tiny_model).read("A red apple!", "Fog!", dialect="min-dalle")
    tokenizer = MinDalleTokenizer.from_folder(tiny_model, *SIZES)
    assert read.prompt == tokenizer.encode("A red apple!")
    assert read.unconditional == tokenizer.encode("Fog!")


def test_the_min_dalle_dialect_leads_away_from_what_min_dalle_does(tiny_model: Path) -> None:
    reader = read_with(tiny_model)
    short = reader.read("a red apple", dialect="min-dalle")
    assert short.unconditional.ids == (0, 2, *[1] * 22)
    cut = reader.read("b" + "cd" * 12, dialect="min-dalle")
    assert cut.unconditional.ids == (0, cut.prompt.ids[-1], *[1] * 22)


def test_a_cut_prompt_is_told_with_its_length_and_the_limit(tiny_model: Path) -> None:
    notices = read_with(tiny_model).read("b" + "cd" * 12, "e" + "fg" * 15).notices
    assert notices == (
        "The prompt has 28 tokens, but the model reads only 24: its end was left out.",
        "The negative prompt has 34 tokens, but the model reads only 24: its end was left out.",
    )


@pytest.mark.parametrize(
    ("text", "dialect"), [("!?.", "dalle-mini"), ("http://x.y", "dalle-mini"), ("猫", "min-dalle")]
)
def test_a_prompt_that_leaves_no_words_is_told(tiny_model: Path, text: str, dialect: str) -> None:
    read = read_with(tiny_model).read(text, dialect=dialect)  # type: ignore[arg-type] # of the cases
    assert read.notices == ("The model finds no words in the prompt; try others.",)


def test_a_clip_without_a_tokenizer_reads_as_the_transformer_does(tiny_model: Path) -> None:
    prompts = read_with(tiny_model)
    reader = ClipReader(tiny_model, *SIZES, prompts)
    assert reader.read("A RED apple!") == prompts.read("A RED apple!").prompt


def test_a_clip_with_a_tokenizer_reads_what_was_typed(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_model / "tokenizer.json", tmp_path)
    words = {"<|startoftext|>": 0, "<|endoftext|>": 1, "A": 2, "RED!": 3}
    tokenizer = {
        "version": "1.0",
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "<|endoftext|>"},
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "BertProcessing",
            "sep": ["<|endoftext|>", 1],
            "cls": ["<|startoftext|>", 0],
        },
    }
    (tmp_path / CLIP_TOKENIZER_FILE).write_text(json.dumps(tokenizer), encoding="utf-8")
    reader = ClipReader(tmp_path, 6, 300, read_with(tmp_path))
    assert reader.read("A RED!").ids == (0, 2, 3, 1, 1, 1)
