"""Laws of reading: whose rules a prompt is read by, and what its writer is told."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ninefold.errors import CheckpointError
from ninefold.text import MinDalleTokenizer, TextTokenizer
from ninefold.text.reader import CLIP_TOKENIZER_FILE, ClipReader, PromptReader
from ninefold.text.things import THINGS_FILE, Thing, ThingTable

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


NUM_IDS = 262 + 4 * 4 * 3 * 2
"""Entries of the tiny model's tokenizer, and for each of four places two of each of four designs in
three looks."""


def sketch(place: int, design: int, look: int) -> list[int]:
    """The ids of a sketch."""
    first = 262 + ((place * 4 + design) * 3 + look) * 2
    return [first, first + 1]


def read_things(folder: Path) -> PromptReader:
    return PromptReader(folder, 24, NUM_IDS, has_normalizer=True)


@pytest.fixture
def with_table(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model's tokenizer of 262 entries, and a table of four things, two entries each."""
    shutil.copy(tiny_model / "tokenizer.json", tmp_path)
    labels = ("cat face", "dog face", "supervillain", "house")
    names = {"cat": 0, "dog": 1, "darth vader": 2, "house": 3}
    things = tuple(Thing(label, (number,)) for number, label in enumerate(labels))
    table = ThingTable(
        things,
        {**names, "in park": "in a"},
        frozenset(("in", "a", "red", "sketch")),
        frozenset(("red",)),
        sketch_length=2,
        num_looks=3,
        tints={"red": 2},
        styles={"sketch": (1, "")},
        places={"in a": (1, 2)},
    )
    (tmp_path / THINGS_FILE).write_text(table.to_json())
    return tmp_path


def test_things_are_read_as_their_sketches_and_the_words_between(with_table: Path) -> None:
    read = read_things(with_table).read("A Dog in the House!")
    words = TextTokenizer.from_folder(with_table).encode(" <1> in <2>")
    sketches = [*sketch(0, 1, 0), *sketch(2, 3, 0)]
    assert [i for i, m in zip(read.prompt.ids, read.prompt.mask, strict=True) if m] == [
        0, *sketches, *words.ids[1 : words.num_tokens - 1], 2,
    ]  # fmt: skip
    assert read.notices == ()


def test_a_thing_in_a_place_is_shown_as_it_looks_above_and_below_the_horizon(
    with_table: Path,
) -> None:
    ids = read_things(with_table).read("a red dog and a cat in the park").prompt.ids
    assert ids[:7] == (0, *sketch(0, 1, 2), *sketch(2, 0, 1), *sketch(3, 0, 2)[:2])


@pytest.mark.parametrize(
    ("prompt", "notices"),
    [
        ("a cat", []),
        (
            "sketch of a red cat",
            [
                "The model has not this colour for a thing, or not beside a style: it left out "
                "\u201cred\u201d."
            ],
        ),
        ("darth vader", ["\u201cdarth vader\u201d is read as \u201csupervillain\u201d."]),
        ("a frobnic cat", ["The model does not know \u201cfrobnic\u201d: left out."]),
        (
            "a cat, a dog and a house",
            [
                "The model draws 2 things at most: it left out \u201cdog\u201d.",
                "The model does not know \u201cand\u201d: left out.",
            ],
        ),
        (
            "xyzzy",
            [
                "The model finds nothing in the prompt that it can draw (it does not know "
                "\u201cxyzzy\u201d); name a thing, such as an animal, food or a vehicle."
            ],
        ),
        (
            "...",
            [
                "The model finds nothing in the prompt that it can draw; name a thing, such as an "
                "animal, food or a vehicle."
            ],
        ),
        (
            "a cat in in in in in in in in in in in in in in in in in in",
            ["The prompt has 62 tokens, but the model reads only 24: its end was left out."],
        ),
    ],
)
def test_what_a_table_does_not_know_is_told(
    with_table: Path, prompt: str, notices: list[str]
) -> None:
    assert list(read_things(with_table).read(prompt).notices) == notices


def test_a_notice_stays_short_however_long_the_prompt_is(with_table: Path) -> None:
    words = " ".join(f"{'pqr' * 40}{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600))
    read = read_things(with_table).read(f"a cat {words}")
    [notice] = read.notices
    assert notice.endswith("pqrp\u2026\u201d, 592 more: left out.")
    assert len(notice) < 500


def test_a_negative_prompt_is_read_by_the_table_too(with_table: Path) -> None:
    read = read_things(with_table).read("a cat", "a dog and fog")
    assert read.unconditional == read_things(with_table).read("dog and").prompt
    assert read.notices == ("The model does not know \u201cand\u201d, \u201cfog\u201d: left out.",)


def test_a_clip_reads_an_entry_for_each_thing(with_table: Path) -> None:
    clip = ClipReader(with_table, *SIZES, read_things(with_table))
    first = TextTokenizer.from_folder(with_table).num_entries
    ids = clip.read("a dog in a house").ids
    assert ids[:2] == (0, first + 1)
    assert first + 3 in ids


@pytest.mark.parametrize(
    ("designs", "length"), [((0, 1, 2, 3, 4), 2), ((0,), 3), ((0, 1), 6), ((4,), 2)]
)
def test_a_table_of_another_model_says_what_to_do(
    with_table: Path, designs: tuple[int, ...], length: int
) -> None:
    table = ThingTable.from_folder(with_table)
    assert table is not None
    things = (Thing("cat face", designs), *table.things[1:])
    other = replace(table, things=things, sketch_length=length)
    (with_table / THINGS_FILE).write_text(other.to_json())
    with pytest.raises(CheckpointError, match="pull or install the model again"):
        read_things(with_table)


def test_more_sketches_than_a_text_holds_say_what_to_do(with_table: Path) -> None:
    with pytest.raises(CheckpointError, match="texts of 5 tokens"):
        PromptReader(with_table, 5, NUM_IDS, has_normalizer=True)
