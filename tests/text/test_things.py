"""Laws of the table of things: what a prompt names, what stands between, and what is left over."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ninefold.errors import CheckpointError
from ninefold.text.things import MAX_THINGS, THINGS_FILE, Thing, ThingTable, key_of

LABELS = ("cat face", "tangerine", "hot dog", "dog face", "top hat", "bicycle")
CAT, ORANGE, HOT_DOG, DOG, HAT, BICYCLE = range(len(LABELS))
TABLE = ThingTable(
    things=tuple(Thing(label, (number,)) for number, label in enumerate(LABELS)),
    phrases={
        "cat": CAT, "orange": ORANGE, "hot dog": HOT_DOG, "dog": DOG, "hat": HAT,
        "bicycle": BICYCLE, "in woods": "in forest", "brown": "orange", "pencil drawing": "sketch",
    },
    words=frozenset((
        "in", "on", "and", "with", "wearing", "riding", "red", "orange", "forest", "sketch",
        "background",
    )),
    colours=frozenset(("red", "orange")),
    sketch_length=3,
    worn=frozenset((HAT,)),
    ridden=frozenset((BICYCLE,)),
    hints={"loyal": DOG, "purring": CAT},
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "things", "read"),
    [
        (" a cat", [CAT], "<1>"),
        (" a hot dog and a dog", [HOT_DOG, DOG], "<1> and <2>"),
        (" an orange", [ORANGE], "<1>"),
        (" an orange cat", [CAT], "orange <1>"),
        (" an orange orange", [ORANGE], "orange <1>"),
        (" a red orange cat", [CAT], "red orange <1>"),
        (" an orange fluffy cat", [CAT], "orange <1>"),
        (" a cat on an orange background", [CAT], "<1> on orange background"),
        (" an orange and a cat", [ORANGE, CAT], "<1> and <2>"),
        (" a brown dog, in the woods", [DOG], "orange <1> in forest"),
        (" a pencil drawing of a cat", [CAT], "sketch <1>"),
        (" a cat in a hat", [CAT, HAT], "<1> wearing <2>"),
        (" a cat with a red hat on", [CAT, HAT], "<1> wearing red <2> on"),
        (" a cat in the forest with a hat", [CAT, HAT], "<1> in forest wearing <2>"),
        (" a cat on a bicycle", [CAT, BICYCLE], "<1> riding <2>"),
        (" a cat with a bicycle", [CAT, BICYCLE], "<1> with <2>"),
        (" a hat on a cat", [HAT, CAT], "<1> on <2>"),
        (" in the forest a cat", [CAT], "in forest <1>"),
        (" a cat and a cat and a dog", [CAT, DOG], "<1> and <2>"),
    ],
)
def test_a_prompt_is_read_as_things_and_the_words_between(
    text: str, things: list[int], read: str
) -> None:
    found = TABLE.read(text)
    assert list(found.things) == things
    assert " ".join(found.words) == read
    assert found.text == f" {read}"


def test_of_more_things_than_are_drawn_the_first_and_the_last_are_kept() -> None:
    found = TABLE.read(" a cat in a hat and a dog on a bicycle")
    assert found.things == (CAT, BICYCLE)
    assert found.words == ("<1>", "riding", "<2>")
    assert found.spare == ("hat", "dog")


def test_words_of_no_meaning_are_named_and_not_read() -> None:
    found = TABLE.read(" a frobnicated cat, with xyzzy")
    assert found.things == (CAT,)
    assert found.unknown == ("frobnicated", "xyzzy")
    assert found.words == ("<1>", "with")


def test_a_text_without_a_thing_is_drawn_as_what_it_hints_at() -> None:
    found = TABLE.read(" loyal in the woods")
    assert (found.things, found.words, found.named) == ((DOG,), ("<1>", "in", "forest"), ("loyal",))


def test_a_hint_counts_for_nothing_beside_a_thing() -> None:
    found = TABLE.read(" a loyal cat")
    assert (found.things, found.unknown) == ((CAT,), ("loyal",))


def test_a_thing_is_told_by_the_phrase_that_named_it_first() -> None:
    table = replace(TABLE, phrases={**TABLE.phrases, "kitten": CAT})
    assert table.read(" a kitten and a cat").named == ("kitten",)


def test_the_versions_of_a_text_show_the_designs_of_its_things_in_turn() -> None:
    things = (Thing("cat face", (0, 2, 3, 5)), Thing("robot", (1, 4)))
    table = replace(TABLE, things=things, phrases={"cat": 0, "robot": 1})

    def designs(text: str) -> list[list[int]]:
        return [[design for design, _ in v.shown] for v in table.versions(table.read(text))]

    assert designs(" a cat") == [[0], [2], [3]]
    assert designs(" a cat and a robot") == [[0, 1], [2, 4], [3, 1]]
    assert designs(" a robot") == [[1], [4]]
    assert designs(" xyzzy") == [[]]
    assert table.num_sketches == 6


def test_what_is_left_open_differs_and_what_is_said_does_not() -> None:
    table = replace(
        LOOKING,
        things=(Thing("cat face", (0, 1), (1, 0, 1)), *LOOKING.things[1:]),
        settings=("on red background", "in forest"),
    )

    def versions(text: str) -> list[tuple[str, tuple[tuple[int, tuple[int, int]], ...]]]:
        return [(version.text, version.shown) for version in table.versions(table.read(text))]

    assert versions(" a cat") == [
        (" <1>", ((0, (0, 0)),)),
        (" <1>", ((1, (0, 0)),)),
        (" <1> in forest", ((0, (1, 2)),)),
        (" <1> on red background", ((1, (2, 2)),)),
        (" <1> in forest", ((0, (1, 2)),)),
    ]
    for said in (" a red cat", " a cat in the forest", " a sketch of a cat", " a neon cat"):
        assert len(versions(said)) == 2
    assert {text for text, _ in versions(" a dog on a hat")} == {" <1> on <2>"}
    assert versions(" a cat on a hat")[2:] == [
        (" <1> on <2> in forest", ((0, (1, 2)), (4, (1, 2)))),
        (" <1> on <2> on red background", ((1, (2, 2)), (4, (2, 2)))),
        (" <1> on <2> in forest", ((0, (1, 2)), (4, (1, 2)))),
    ]


LOOKING = replace(
    TABLE,
    num_looks=6,
    tints={"red": 3, "orange": 4},
    styles={"sketch": (5, ""), "neon": (2, "on red background")},
    places={"in forest": (1, 2), "on red background": (2, 2)},
    phrases={**TABLE.phrases, "neon sign": "neon"},
    words=TABLE.words | {"neon"},
)


@pytest.mark.parametrize(
    ("text", "drawn", "looks", "idle"),
    [
        (" a cat", "<1>", [(0, 0)], []),
        (" a red cat", "<1>", [(3, 3)], []),
        (" a cat red", "<1>", [(3, 3)], []),
        (" a red cat and an orange dog", "<1> and <2>", [(3, 3), (4, 4)], []),
        (" a cat and an orange dog in the woods", "<1> and <2> in forest", [(1, 2), (4, 4)], []),
        (" in the woods a cat", "in forest <1>", [(1, 2)], []),
        (" a cat on a red background", "<1> on red background", [(2, 2)], []),
        (" a red cat on a red background", "<1> on red background", [(3, 3)], []),
        (" a sketch of a cat and a dog", "<1> and <2>", [(5, 5)] * 2, []),
        (" a neon sign of a cat", "<1> on red background", [(2, 2)], []),
        (" a neon cat in the woods", "<1> in forest", [(2, 2)], []),
        (" a sketch of a red cat", "<1>", [(5, 5)], ["red"]),
    ],
)
def test_colours_styles_and_places_are_looks_of_things(
    text: str, drawn: str, looks: list[tuple[int, int]], idle: list[str]
) -> None:
    found = LOOKING.read(text)
    assert found.drawn_text == f" {drawn}"
    assert list(found.looks) == looks
    assert list(found.idle) == idle


def test_a_picture_is_in_one_place_and_things_have_colours_that_there_are() -> None:
    table = replace(
        LOOKING,
        places={"in forest": (1, 2), "at night": (2, 1), "on red background": (2, 2)},
        phrases={**LOOKING.phrases, "at night": "at night"},
        words=LOOKING.words | {"at", "night", "grey"},
        colours=LOOKING.colours | {"grey"},
    )
    for text in (" a cat in the forest at night", " at night a cat in the forest at night"):
        found = table.read(text)
        assert found.drawn_text == " <1> in forest"
        assert (found.looks, found.elsewhere) == (((1, 2),), ("at night",))
    found = table.read(" a grey cat at night and at night")
    assert (found.drawn_text, found.looks) == (" <1> at night and", ((2, 1),))
    assert (found.idle, found.elsewhere) == (("grey",), ())


@given(st.lists(st.sampled_from([*LOOKING.words, *LOOKING.phrases, "a", "xyzzy"]), max_size=12))
def test_each_thing_has_a_look_above_and_one_below(words: list[str]) -> None:
    found = LOOKING.read("".join(f" {word}" for word in words))
    assert len(found.looks) == len(found.things)
    assert all(look in range(6) for looks in found.looks for look in looks)
    assert [word for word in found.drawn if word.startswith("<")] == [
        word for word in found.words if word.startswith("<")
    ]


def test_what_carries_nothing_is_not_looked_up() -> None:
    assert key_of("a cat, of the  forest") == "cat forest"


@given(st.lists(st.sampled_from([*TABLE.phrases, *TABLE.words, "zzz", "a", ","]), max_size=12))
def test_nothing_is_lost_without_being_told(words: list[str]) -> None:
    found = TABLE.read(" ".join(words))
    assert len(found.things) == len(found.named) <= MAX_THINGS
    assert len(set(found.things)) == len(found.things)
    assert [word for word in found.words if word.startswith("<")] == ["<1>", "<2>"][
        : len(found.things)
    ]
    assert set(found.unknown) <= {"zzz"}
    assert ("zzz" in words) == ("zzz" in found.unknown)
    named = {TABLE.phrases.get(phrase) for phrase in (*found.named, *found.spare)}
    if "cat" in words:
        assert CAT in named


class _Counted(list[str]):
    """Words that count how many of them are looked at."""

    looked_at = 0

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        self.looked_at += len(found) if isinstance(index, slice) else 1
        return found


@pytest.mark.parametrize("word", ["red", "orange", "cat", "zzz", "hot dog", "pencil", "in"])
def test_the_work_of_reading_grows_as_the_text_does(word: str) -> None:
    words = _Counted(f"{word} ".split() * (100_000 // (len(word) + 1)))
    TABLE._segments(words)
    assert len(words) <= words.looked_at <= 20 * len(words)


def test_a_table_is_written_and_read_again(tmp_path: Path) -> None:
    (tmp_path / THINGS_FILE).write_text(TABLE.to_json(), encoding="utf-8")
    assert ThingTable.from_folder(tmp_path) == TABLE


def test_a_model_without_a_table_has_none(tmp_path: Path) -> None:
    assert ThingTable.from_folder(tmp_path) is None


def _set(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda content: {**content, key: value}


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: [content],
        lambda content: {key: value for key, value in content.items() if key != "words"},
        _set("format", "ninefold-things-9"),
        _set("phrases", ["cat"]),
        _set("phrases", {"cat": 6}),
        _set("hints", {"loyal": 6}),
        _set("hints", {"loyal": "dog"}),
        _set("hints", None),
        _set("phrases", {"cat": -1}),
        _set("phrases", {"cat": 1.5}),
        _set("phrases", {"cat": None}),
        _set("things", [["cat face", []]]),
        _set("things", [["cat face", [-3]]]),
        _set("things", [["cat face", ["0"]]]),
        _set("things", [["cat face"]]),
        _set("things", {"cat face": [0]}),
        _set("words", "words"),
        _set("words", [1]),
        _set("worn", [99]),
        _set("ridden", None),
        _set("sketch_length", 0),
        _set("sketch_length", "3"),
        _set("things", [["cat face", [0]]]),
        _set("things", [["cat face", [0], None]]),
        _set("num_looks", "1"),
        _set("num_looks", 0),
        _set("tints", {"red": 1}),
        _set("tints", {"red": "0"}),
        _set("styles", {"sketch": 0}),
        _set("styles", {"sketch": [0]}),
        _set("styles", {"sketch": [0, 3]}),
        _set("places", {"in forest": None}),
        _set("places", {"in forest": [0, 1]}),
        _set("settings", ["in forest"]),
        _set("settings", {"in forest": 0}),
        _set("things", [["cat face", [0], [0]]]),
        _set("things", [["cat face", [0], ["0"]]]),
    ],
)
def test_a_damaged_table_says_what_to_do(
    damage: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    content = json.dumps(damage(json.loads(TABLE.to_json())))
    (tmp_path / THINGS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"things\.json is damaged .*install the model again"):
        ThingTable.from_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_table_that_is_no_json_says_what_to_do(content: bytes, tmp_path: Path) -> None:
    (tmp_path / THINGS_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match="install the model again"):
        ThingTable.from_folder(tmp_path)
