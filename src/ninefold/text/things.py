"""Which words of a prompt name a thing that a model can draw, and the entries that show it.

Pocket reads a prompt as up to two things and the words between them. A thing is read as entries of
the text embedding that say what it looks like, its sketch. Phrases of the table name things; other
words are read where captions of the training had them. A notice names what is left over. Published
models have no table. This module knows nothing of networks, nor of how a sketch is made
(`training.sketches`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Self, TypeVar

from ninefold.errors import CheckpointError

THINGS_FILE = "things.json"
"""In the folder of a model that has a table."""
FORMAT = "ninefold-things-2"
MAX_THINGS = 2
NUM_BANDS = 2
"""Parts of a picture that a thing may look different in: above and below the horizon."""
MAX_DESIGNS = 3
"""Designs of its things that the pictures of a prompt are drawn by, in turn."""
SLOTS = ("<1>", "<2>")
"""How a text names its first and its second thing."""
MAX_PHRASE = 4
"""Words of the longest phrase that is looked up."""
IGNORED = frozenset((
    "a", "an", "the", "this", "that", "these", "those", "his", "her", "its", "their", "my",
    "your", "our", "some", "of", "s", "is", "are", "being", "very", "please",
))  # fmt: skip
"""Words that are left out without a notice: they carry nothing that a picture shows."""


_Found = TypeVar("_Found")


def key_of(text: str) -> str:
    """Return a text as its phrases are looked up: without commas and words that carry nothing."""
    return " ".join(word for word in text.replace(",", " ").split() if word not in IGNORED)


@dataclass(frozen=True)
class Thing:
    """Something that a model can draw."""

    label: str
    designs: tuple[int, ...]
    """Number of each design."""
    settings: tuple[int, ...] = ()
    """Numbers of `ThingTable.settings`: where it is drawn when a text leaves that open."""


@dataclass(frozen=True)
class ReadThings:
    """What a prompt is about."""

    things: tuple[int, ...]
    """Numbers of its things, the subject first; `MAX_THINGS` at most."""
    words: tuple[str, ...]
    """The words that are read, things as `SLOTS`."""
    drawn: tuple[str, ...]
    """Those of them that say where things are and what they do: colours and styles of things are
    in their looks."""
    looks: tuple[tuple[int, int], ...]
    """Of each thing, its look above and its look below the horizon."""
    is_free: bool
    """Whether no place, colour or style of the things is drawn."""
    named: tuple[str, ...]
    """The phrase that named each thing."""
    unknown: tuple[str, ...]
    """Words that mean nothing to the model."""
    spare: tuple[str, ...]
    """Phrases of things beyond the first `MAX_THINGS`."""
    idle: tuple[str, ...] = ()
    """Colours of things that are drawn in a style, or that things cannot have."""
    elsewhere: tuple[str, ...] = ()
    """Phrases of places beyond the one that is drawn."""

    @property
    def text(self) -> str:
        """The words as one text, as the tokenizer takes it."""
        return "".join(f" {word}" for word in self.words)

    @property
    def drawn_text(self) -> str:
        """The words of `drawn` as one text."""
        return "".join(f" {word}" for word in self.drawn)


@dataclass(frozen=True)
class Version:
    """One way to draw what a prompt says."""

    text: str
    """What is read beside the sketches."""
    shown: tuple[tuple[int, tuple[int, int]], ...]
    """Of each thing, its design, and its looks above and below the horizon."""


@dataclass(frozen=True)
class ThingTable:
    """The things of a model, the phrases that name them, and the other words that it reads."""

    things: tuple[Thing, ...]
    phrases: Mapping[str, int | str]
    """Words, separated by spaces, to the number of a thing, or to words that mean the same."""
    words: frozenset[str]
    """Words of its captions that are no things."""
    colours: frozenset[str]
    """Those of `words` that are colours: before a thing they are read as such, else as a thing
    where there is one of that name ("orange")."""
    sketch_length: int
    """Entries of each sketch."""
    worn: frozenset[int] = frozenset()
    """Things that are worn: what is "in" or "with" one wears it."""
    ridden: frozenset[int] = frozenset()
    """Things that are ridden: what is "on" one rides it."""
    doubtful: frozenset[str] = frozenset()
    """Phrases that name a thing where a text names no other: guesses by what they mean."""
    hints: Mapping[str, int] = field(default_factory=dict)
    """Words that are no names of things, such as "happy", to the thing that a text without any is
    drawn as."""
    num_looks: int = 1
    """Looks that each design has a sketch in; look 0 is by itself on white."""
    tints: Mapping[str, int] = field(default_factory=dict)
    """Colours to the look of a thing that has them."""
    styles: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Phrases to the look of things in a style, and to the words that say where those are."""
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Phrases to the looks of things by themselves above and below the horizon of a place."""
    settings: tuple[str, ...] = ()
    """Phrases of `places` that things are drawn in when a text leaves it open."""

    @classmethod
    def from_folder(cls, folder: Path) -> Self | None:
        """Read the table of a model's folder; None where the model has none.

        Raises:
            CheckpointError: the table is damaged.
        """
        path = folder / THINGS_FILE
        if not path.is_file():
            return None
        try:
            return cls._from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, RecursionError) as error:
            raise CheckpointError(
                f"The table of things {path} is damaged ({error}); pull or install the model again."
            ) from error

    @classmethod
    def _from_json(cls, text: str) -> Self:
        content = _of_type(json.loads(text), dict, "the table")
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}")
        things = tuple(_read_thing(entry) for entry in _of_type(content["things"], list, "things"))
        phrases, hints = (_of_type(content[name], dict, name) for name in ("phrases", "hints"))
        num_looks = _of_type(content["num_looks"], int, "num_looks")
        if num_looks < 1:
            raise ValueError(f"num_looks is {num_looks}")
        tints, styles, places = _read_looks(content, num_looks)
        settings = _read_settings(content["settings"], places)
        for thing in things:
            if not set(thing.settings) <= set(range(len(settings))):
                raise ValueError(f"the settings of {thing.label!r:.40} are {thing.settings!r:.40}")
        worn, ridden = (_of_type(content[name], list, name) for name in ("worn", "ridden"))
        named = (value for value in phrases.values() if not isinstance(value, str))
        for number in (*named, *hints.values(), *worn, *ridden):
            if _of_type(number, int, "the number of a thing") not in range(len(things)):
                raise ValueError(f"there is no thing {number}")
        length = _of_type(content["sketch_length"], int, "sketch_length")
        if length < 1:
            raise ValueError(f"sketch_length is {length}")
        return cls(
            things,
            phrases,
            _read_words(content["words"]),
            _read_words(content["colours"]),
            length,
            frozenset(worn),
            frozenset(ridden),
            _read_words(content["doubtful"]),
            hints,
            num_looks,
            tints,
            styles,
            places,
            settings,
        )

    def to_json(self) -> str:
        """Give the content of a `things.json` that reads as this table."""
        content = {
            "format": FORMAT,
            "sketch_length": self.sketch_length,
            "words": sorted(self.words),
            "colours": sorted(self.colours),
            "worn": sorted(self.worn),
            "ridden": sorted(self.ridden),
            "things": [[t.label, list(t.designs), list(t.settings)] for t in self.things],
            "phrases": dict(self.phrases),
            "doubtful": sorted(self.doubtful),
            "hints": dict(self.hints),
            "num_looks": self.num_looks,
            "tints": dict(self.tints),
            "styles": {phrase: list(value) for phrase, value in self.styles.items()},
            "places": {phrase: list(looks) for phrase, looks in self.places.items()},
            "settings": list(self.settings),
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def num_sketches(self) -> int:
        """Sketches of all designs, in all looks."""
        return self.num_designs * self.num_looks

    @cached_property
    def num_designs(self) -> int:
        """Designs of all things."""
        return max((number + 1 for thing in self.things for number in thing.designs), default=0)

    def versions(self, read: ReadThings) -> list[Version]:
        """Return the ways to draw a text, which its pictures take in turn.

        The things of each are of another design, of the same set where they have the same sets.
        Where the text leaves it open, they are on white and then in the settings of the first of
        them: a person who asks for a dog gets nine that differ.
        """
        designs = [self.things[thing].designs for thing in read.things]
        count = min(MAX_DESIGNS, max((len(of) for of in designs), default=1))

        def version(number: int, text: str, looks: Sequence[tuple[int, int]]) -> Version:
            chosen = [of[number % len(of)] for of in designs]
            return Version(text, tuple(zip(chosen, looks, strict=True)))

        versions = [version(number, read.drawn_text, read.looks) for number in range(count)]
        if not read.is_free or not read.things:
            return versions
        for number, setting in enumerate(self.things[read.things[0]].settings):
            place = self.settings[setting]
            looks = [self.places[place]] * len(designs)
            versions.append(version(number, f"{read.drawn_text} {place}", looks))
        return versions

    def read(self, text: str) -> ReadThings:
        """Find the things of a normalised text and the words between them."""
        segments = self._segments(key_of(text).split())
        if any(s.thing is not None and s.phrase not in self.doubtful for s in segments):
            segments = [self._certain(segment) for segment in segments]
        elif all(segment.thing is None for segment in segments):
            segments = [self._hinted(segment) for segment in segments]
        chosen, spare = _choose(segments)
        phrases = {s.thing: s.phrase for s in reversed(segments) if s.thing is not None}
        words = self._words(segments, chosen)
        words, elsewhere = self._in_one_place(words)
        drawn, looks, idle = self._look(words, len(chosen))
        return ReadThings(
            things=tuple(chosen),
            words=tuple(words),
            drawn=tuple(drawn),
            looks=tuple(looks),
            is_free=set(looks) == {(0, 0)} and _take_phrase(drawn, self.places)[1] is None,
            named=tuple(phrases[thing] for thing in chosen),
            unknown=tuple(s.phrase for s in segments if s.is_unknown),
            spare=tuple(spare),
            idle=tuple(idle),
            elsewhere=tuple(elsewhere),
        )

    def _uncoloured(self, words: Sequence[str]) -> list[str]:
        """Return, for each word and for the end, the last one before it that is no colour."""

        def last(found: str, word: str) -> str:
            return found if word in self.colours else word

        return list(accumulate(words, last, initial=""))

    def _in_one_place(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return words with one place, the first of the table's order, and the other places."""
        parts = _split(words, self.places)
        found = list(dict.fromkeys(phrase for phrase, is_known in parts if is_known))
        order = {phrase: number for number, phrase in enumerate(self.places)}
        kept = min(found, key=order.__getitem__, default=None)
        rest: list[str] = []
        is_said = False
        for phrase, is_known in parts:
            if not is_known or (phrase == kept and not is_said):
                rest += phrase.split()
            is_said = is_said or phrase == kept
        return rest, [phrase for phrase in found if phrase != kept]

    def _look(
        self, words: Sequence[str], num_things: int
    ) -> tuple[list[str], list[tuple[int, int]], list[str]]:
        """Find how the things of read words look.

        Returns:
            The words that say where they are and what they do, the looks of each thing above and
            below the horizon, and colours that are not drawn.
        """
        rest, style = _take_phrase(words, self.styles)
        if style is not None:
            look, where = style
            is_somewhere = _take_phrase(rest, self.places)[1] is not None
            rest += [] if is_somewhere else where.split()
        drawn, tinted, idle = self._take_tints(rest)
        _, grounds = _take_phrase(drawn, self.places)
        looks = [grounds or (0, 0)] * num_things
        for thing, (number, _) in tinted.items():
            looks[thing] = (number, number)
        if style is None:
            return drawn, looks, idle
        return drawn, [(look, look)] * num_things, [*(word for _, word in tinted.values()), *idle]

    def _take_tints(
        self, words: Sequence[str]
    ) -> tuple[list[str], dict[int, tuple[int, str]], list[str]]:
        """Take the colours beside the slots out of read words.

        Returns:
            The other words, the look and the colour of each thing that has one, and colours that
            things cannot have.
        """
        numbers = {slot: number for number, slot in enumerate(SLOTS)}
        rest: list[str] = []
        idle: list[str] = []
        tinted: dict[int, tuple[int, str]] = {}
        before, after = self._uncoloured(words), self._uncoloured(words[::-1])[::-1]
        for at, word in enumerate(words):
            if word not in self.colours or words[at + 1 : at + 2] == ["background"]:
                rest.append(word)
                continue
            # The colour of what follows it; at the end, of what it follows.
            slot = after[at + 1] if after[at + 1] in numbers else before[at]
            if slot not in numbers:
                rest.append(word)
            elif word in self.tints:
                tinted.setdefault(numbers[slot], (self.tints[word], word))
            else:
                idle.append(word)
        return rest, tinted, idle

    def _certain(self, segment: "_Segment") -> "_Segment":
        if segment.thing is not None and segment.phrase in self.doubtful:
            return replace(segment, thing=None, is_unknown=True)
        return segment

    def _hinted(self, segment: "_Segment") -> "_Segment":
        if segment.is_unknown and segment.phrase in self.hints:
            return replace(segment, thing=self.hints[segment.phrase], is_unknown=False)
        return segment

    def _words(self, segments: Sequence["_Segment"], chosen: Sequence[int]) -> list[str]:
        """The words that are read, without those that lead to a thing which is not drawn."""
        words: list[str] = []
        between: list[str] = []
        said: set[int] = set()
        for segment in segments:
            if segment.thing is None:
                between += segment.words
                continue
            if segment.thing in chosen and segment.thing not in said:
                words += [*self._led_to(segment.thing, between, is_first=not said)]
                words.append(SLOTS[chosen.index(segment.thing)])
                said.add(segment.thing)
                between = []
            elif not said:
                continue
            else:
                between = []
        return words + between

    def _led_to(self, thing: int, between: list[str], *, is_first: bool) -> list[str]:
        """The words between two things, by what the second one is for."""
        at = next((i for i, word in enumerate(reversed(between)) if word not in self.colours), None)
        if is_first or at is None:
            return between
        *before, last = between[: len(between) - at]
        colours = between[len(between) - at :]
        if thing in self.worn and last in ("in", "with"):
            return [*before, "wearing", *colours]
        if thing in self.ridden and last == "on":
            return [*before, "riding", *colours]
        return between

    def _segments(self, words: Sequence[str]) -> list["_Segment"]:
        """The longest phrases, one after the other.

        Looked up from the end, since whether a colour is one depends on what follows it; so the
        work is linear in the number of words.
        """
        from_here: list[_Segment] = []
        is_named = [False] * (len(words) + 1)  # a thing or its colour is the next that is known
        for first in range(len(words) - 1, -1, -1):
            segment, is_coloured = self._segment(words, first, is_named)
            from_here.append(segment)
            if segment.is_unknown:
                is_named[first] = is_named[first + 1]
            else:
                is_named[first] = is_coloured or segment.thing is not None
        from_here.reverse()
        segments = []
        first = 0
        while first < len(words):
            segments.append(from_here[first])
            first += from_here[first].num_words
        return segments

    def _segment(
        self, words: Sequence[str], first: int, is_named: Sequence[bool]
    ) -> tuple["_Segment", bool]:
        """The longest phrase from `first` on, and whether it is the colour of what follows it."""
        for count in range(min(MAX_PHRASE, len(words) - first), 0, -1):
            phrase, after = " ".join(words[first : first + count]), first + count
            is_adjective = is_named[after] or "background" in words[after : after + 1]
            if phrase in self.colours and is_adjective:
                return _Segment(phrase, (phrase,), count), True
            meaning = self.phrases.get(phrase)
            if isinstance(meaning, str):
                return _Segment(phrase, tuple(meaning.split()), count), False
            if meaning is not None:
                return _Segment(phrase, (), count, thing=meaning), False
        word = words[first]
        if word in self.words:
            return _Segment(word, (word,), 1), False
        return _Segment(word, (), 1, is_unknown=True), False


@dataclass(frozen=True)
class _Segment:
    phrase: str
    words: tuple[str, ...]
    """What is read."""
    num_words: int
    """Of the phrase."""
    thing: int | None = None
    is_unknown: bool = False


def _choose(segments: Sequence[_Segment]) -> tuple[list[int], list[str]]:
    """The things that are drawn, the subject first, and the phrases of the others.

    The subject is what is named first. Of several others that one is kept which is last, since
    people end with where it happens or with whom ("X in a hat attacking Y").
    """
    found: dict[int, str] = {}
    for segment in segments:
        if segment.thing is not None:
            found.setdefault(segment.thing, segment.phrase)
    numbers = list(found)
    if len(numbers) <= MAX_THINGS:
        return numbers, []
    chosen = [numbers[0], numbers[-1]]
    return chosen, [found[number] for number in numbers if number not in chosen]


def _split(words: Sequence[str], known: Mapping[str, object]) -> list[tuple[str, bool]]:
    """Return words as the phrases `known`, the longest first, and single other words."""
    parts = []
    first = 0
    while first < len(words):
        for count in range(min(MAX_PHRASE + 1, len(words) - first), 0, -1):
            phrase = " ".join(words[first : first + count])
            if phrase in known or count == 1:
                parts.append((phrase, phrase in known))
                first += count
                break
    return parts


def _take_phrase(
    words: Sequence[str], known: Mapping[str, _Found]
) -> tuple[list[str], _Found | None]:
    """Return words without the first of the phrases `known`, and what that means."""
    for first in range(len(words)):
        for count in range(min(MAX_PHRASE + 1, len(words) - first), 0, -1):
            found = known.get(" ".join(words[first : first + count]))
            if found is not None:
                return [*words[:first], *words[first + count :]], found
    return list(words), None


_Type = TypeVar("_Type")


def _of_type(value: object, kind: type[_Type], name: str) -> _Type:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r:.40}")
    return value


def _read_thing(entry: object) -> Thing:
    label, numbers, settings = _of_type(entry, list, "a thing")
    designs = tuple(_of_type(n, int, "a design") for n in _of_type(numbers, list, "designs"))
    if not designs or min(designs) < 0:
        raise ValueError(f"the designs of {label!r:.40} are {designs!r:.40}")
    places = tuple(_of_type(n, int, "a setting") for n in _of_type(settings, list, "settings"))
    return Thing(_of_type(label, str, "a label"), designs, places)


def _read_looks(
    content: Mapping[str, object], num_looks: int
) -> tuple[dict[str, int], dict[str, tuple[int, str]], dict[str, tuple[int, int]]]:
    def number(value: object) -> int:
        found = _of_type(value, int, "a look")
        if found not in range(num_looks):
            raise ValueError(f"there is no look {found}")
        return found

    tints, pairs, grounds = (
        _of_type(content[name], dict, name) for name in ("tints", "styles", "places")
    )
    styles, places = {}, {}
    for phrase, value in pairs.items():
        look, where = _of_type(value, list, "a style")
        styles[phrase] = (number(look), _of_type(where, str, "a place"))
    for phrase, value in grounds.items():
        above, below = _of_type(value, list, "a place")
        places[phrase] = (number(above), number(below))
    return {word: number(look) for word, look in tints.items()}, styles, places


def _read_settings(content: object, places: Mapping[str, object]) -> tuple[str, ...]:
    listed = _of_type(content, list, "places")
    phrases = tuple(_of_type(phrase, str, "a place") for phrase in listed)
    unknown = [phrase for phrase in phrases if phrase not in places]
    if unknown:
        raise ValueError(f"there is no place {unknown[0]!r:.40}")
    return phrases


def _read_words(content: object) -> frozenset[str]:
    return frozenset(_of_type(word, str, "a word") for word in _of_type(content, list, "words"))
