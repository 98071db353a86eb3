"""Which phrases name which thing: what people type first, then names, then the lexicon's words."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ninefold.corpus.build import Record
from ninefold.corpus.lexicon import Entry
from ninefold.corpus.phrases import FAMOUS, SAME_WORDS, build_table
from ninefold.corpus.scenes.grammar import RELATIONS, draw_scene
from ninefold.corpus.scenes.looks import LOOKS
from ninefold.corpus.scenes.places import PLACES
from ninefold.corpus.scenes.things import COMMON, FACES, GLASSES, HATS
from ninefold.errors import UserError
from ninefold.text.things import MAX_PHRASE, key_of
from ninefold.training.slot_captions import PHRASES as THING_PHRASES
from ninefold.training.slot_captions import scene_captions

LENGTH = 4
RIMS = [(250.0, 140.0, 30.0)] * 11
LABELS = ("cat face", "tangerine", "sleeping face", "top hat", "horse", "supervillain")
GROUPS = ("animals-nature", "food-drink", "smileys-emotion", "objects", "animals-nature", "people")
CAPTIONS = ("<1> in the forest", "orange <1> riding <2>", "two <1>", "<1> in forest", "photo <1>")

INDEX = {
    "noun": "citadel n 1 0 1 5 00000001\nrunning n 2 0 2 1 00000002 00000003\n"
    "painting n 2 1 @ 2 9 00000004 00000005\n",
    "verb": "run v 3 0 3 9 00000006 00000007 00000008\n",
    "adj": "fancy a 1 0 1 3 00000009\nrunning a 1 0 1 0 00000011\n",
    "adv": "  1 a line of the licence\nsoon r 1 0 1 7 00000010\n",
}
"""As in WordNet's files: the numbers of pointers, senses and tagged senses are what is read."""


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    for name, lines in INDEX.items():
        (tmp_path / f"index.{name}").write_text(f"  1 a licence\n{lines}", "latin-1")
    return tmp_path


def records() -> list[Record]:
    made = [
        Record(source, "flat", str(number), label, ("big cat", "x"), group, "")
        for source in ("twemoji", "noto")
        for number, (label, group) in enumerate(zip(LABELS, GROUPS, strict=True))
    ]
    return made[:-1]  # one thing has one design


def named(
    wordnet: Path, *lexicon: Entry, captions: Sequence[str] = CAPTIONS
) -> dict[str, int | str]:
    return dict(build_table(records(), lexicon, captions, wordnet, LENGTH, RIMS).phrases)


def test_every_record_is_a_design_of_the_thing_of_its_label(wordnet: Path) -> None:
    table = build_table(records(), (), CAPTIONS, wordnet, LENGTH, RIMS)
    assert [thing.label for thing in table.things] == list(LABELS)
    assert table.things[0].designs == (0, 6)
    assert table.things[5].designs == (5,)
    assert table.num_sketches == 11 * len(LOOKS)
    assert table.sketch_length == LENGTH


def test_a_thing_is_drawn_where_it_usually_is_and_stands_out(wordnet: Path) -> None:
    groups = {"cat face": "animal-mammal", "horse": "animal-mammal"}
    known = [replace(record, subgroup=groups.get(record.label, "")) for record in records()]
    rims = [(70.0, 130.0, 220.0) if r.label == "horse" else (250.0, 140.0, 30.0) for r in known]
    table = build_table(known, (), CAPTIONS, wordnet, LENGTH, rims)
    drawn = {t.label: [table.settings[number] for number in t.settings] for t in table.things}
    assert set(table.settings) <= set(table.places)
    assert [len(settings) for settings in drawn.values()] == [6, 3, 3, 3, 6, 3]
    assert drawn["cat face"][0] == drawn["tangerine"][0] == "on blue background"
    assert "on orange background" not in drawn["cat face"]
    assert "on blue background" not in drawn["horse"]
    assert {"in meadow", "in forest"} & set(drawn["cat face"][3:])


def test_words_are_those_of_the_captions_without_slots(wordnet: Path) -> None:
    table = build_table(records(), (), CAPTIONS, wordnet, LENGTH, RIMS)
    assert table.words == {"in", "the", "forest", "orange", "riding", "two", "photo"}
    assert table.colours == {"orange"}
    assert table.worn == {LABELS.index("top hat")}
    assert table.ridden == {LABELS.index("horse")}


@pytest.mark.parametrize(
    ("phrase", "label"),
    [
        ("cat face", "cat face"), ("cat", "cat face"), ("cats", "cat face"),
        ("horse", "horse"), ("horses", "horse"),
        ("darth vader", "supervillain"), ("thanos", "supervillain"),
        ("orange", "tangerine"), ("oranges", "tangerine"), ("top hats", "top hat"),
        ("big cat", "cat face"), ("sleeping face", "sleeping face"),
    ],
)  # fmt: skip
def test_names_and_what_people_type_name_a_thing(wordnet: Path, phrase: str, label: str) -> None:
    assert named(wordnet)[phrase] == LABELS.index(label)


@pytest.mark.parametrize("phrase", ["sleeping", "x", "riding", "two", "photo", "hulk", "apple"])
def test_adjectives_words_of_captions_and_things_that_are_not_there_name_nothing(
    wordnet: Path, phrase: str
) -> None:
    assert phrase not in named(wordnet)


def test_words_to_words_are_only_those_that_captions_have(wordnet: Path) -> None:
    phrases = named(wordnet)
    assert "several" not in phrases  # "four" is in none
    assert phrases["brown"] == "orange"
    assert phrases["couple"] == "two"


@pytest.mark.parametrize(
    ("entry", "is_read"),
    [
        (Entry("citadel", "cat face", "kind", 0.9), True),
        (Entry("soon", "cat face", "near", 0.9), False),
        (Entry("fancy", "cat face", "near", 0.9), False),
        (Entry("running", "cat face", "near", 0.9), False),
        (Entry("painting", "cat face", "near", 0.9), False),
        (Entry("wondrous", "cat face", "near", 0.9), False),
        (Entry("feline", "cat face", "near", 0.6), True),
        (Entry("vague", "cat face", "near", 0.46), False),
        (Entry("gato", "cat face", "name in es", 1.0), True),
        (Entry("boat", "no such thing", "name", 1.0), False),
    ],
)
def test_nouns_of_the_lexicon_name_a_thing(wordnet: Path, entry: Entry, is_read: bool) -> None:
    meaning = named(wordnet, entry).get(entry.word)
    assert meaning == (LABELS.index(entry.label) if is_read else None)


def test_other_words_of_the_lexicon_hint_at_a_thing(wordnet: Path) -> None:
    lexicon = [
        Entry("fancy", "top hat", "near", 0.9),
        Entry("citadel", "top hat", "kind", 0.9),
        Entry("soon", "top hat", "near", 0.46),
        Entry("riding", "horse", "near", 0.9),
    ]
    table = build_table(records(), lexicon, CAPTIONS, wordnet, LENGTH, RIMS)
    assert table.hints == {"fancy": LABELS.index("top hat")}


def test_a_name_is_not_taken_by_another_things_word(wordnet: Path) -> None:
    assert named(wordnet, Entry("cat", "horse", "near", 0.9))["cat"] == LABELS.index("cat face")


def test_without_wordnet_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="install Debian's package wordnet-base"):
        build_table(records(), (), CAPTIONS, tmp_path, LENGTH, RIMS)


def test_words_stand_for_words_that_captions_have() -> None:
    """Else they would be read by pieces that no caption taught."""
    labels = {"flat": {*COMMON, *FACES, *HATS, *GLASSES}}
    scenes = [draw_scene(1, number, labels) for number in range(1500)]
    texts = [text for texts in scene_captions(scenes, 1) for text in texts]
    said = {word for text in (*texts, *THING_PHRASES) for word in text.split()}
    said |= {word for phrases in PLACES.values() for p in phrases for word in key_of(p).split()}
    said |= {w for r in RELATIONS.values() for p in r.phrases for w in key_of(p).split()}
    assert {key: same for key, same in SAME_WORDS.items() if set(key_of(same).split()) - said} == {}


def test_what_people_type_can_be_looked_up() -> None:
    typed = [key_of(phrase) for phrase in (*FAMOUS, *SAME_WORDS)]
    assert [phrase for phrase in typed if not 0 < len(phrase.split()) <= MAX_PHRASE] == []
