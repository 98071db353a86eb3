"""The captions of the corpus as token ids, and the tokenizer that is learned from them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ninefold.corpus.build import Record
from ninefold.corpus.captions import write_caption
from ninefold.corpus.holdout import is_held_out
from ninefold.corpus.lexicon import Entry
from ninefold.corpus.scenes.describe import describe_scene
from ninefold.corpus.scenes.scene import Scene
from ninefold.corpus.vocabulary import train_tokenizer
from ninefold.text import TextNormalizer, TextTokenizer
from ninefold.text.bpe import TOKENIZER_FILE

CAPTIONS_PER_PICTURE = 32
CAPTIONS_PER_SCENE = 2
LEXICON_SHARE = 0.4
"""Captions of a picture that name it by a word of the lexicon, where there is one."""
NUM_FUNCTION_WORDS = 150
"""Commonest words, which mean nothing in pictures unless they are an emoji's name."""

Words = Mapping[str, Sequence[str]]
"""Label of an emoji to the words of the lexicon that mean it."""


def choose_words(entries: Sequence[Entry]) -> Words:
    """Return the words that captions may use: English, not held out, no mere function words."""
    words: dict[str, list[str]] = {}
    for number, entry in enumerate(entries):
        is_empty = number < NUM_FUNCTION_WORDS and entry.way != "name"
        if not (is_empty or entry.is_unread or is_held_out("word", entry.word)):
            words.setdefault(entry.label, []).append(entry.word)
    return words


def write_captions(
    records: Sequence[Record], seed: int, words: Words | None = None
) -> list[list[str]]:
    """Write the normalized captions of every picture, `CAPTIONS_PER_PICTURE` each.

    A person's own captions stand as they were given; others are made of the label, the keywords
    and, in some, a word of the lexicon in the label's place.
    """
    write = _NormalizedOnce()
    captions = []
    for number, record in enumerate(records):
        meanings = (words or {}).get(record.label, ())
        draw = np.random.Generator(np.random.Philox(key=[seed + number, 1 << 32]))
        of_picture = []
        for index in range(CAPTIONS_PER_PICTURE):
            label = record.label
            if meanings and draw.random() < LEXICON_SHARE:
                label = meanings[int(draw.integers(len(meanings)))]
            if record.captions:
                text = record.captions[index % len(record.captions)]
            else:
                text = write_caption(label, record.tags, record.style, seed + number, index)
            of_picture.append(write(text))
        captions.append(of_picture)
    return captions


def write_scene_captions(scenes: Iterable[Scene], seed: int) -> list[list[str]]:
    """Write the normalized captions of every scene, `CAPTIONS_PER_SCENE` each."""
    write = _NormalizedOnce()
    return [
        [write(describe_scene(scene, seed + number, i)) for i in range(CAPTIONS_PER_SCENE)]
        for number, scene in enumerate(scenes)
    ]


def learn_tokenizer(captions: Sequence[Sequence[str]], vocab_size: int) -> Tokenizer:
    """Learn the tokenizer from captions."""
    return train_tokenizer((text for of_picture in captions for text in of_picture), vocab_size)


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"partial-{TOKENIZER_FILE}"
    tokenizer.save(str(partial))
    partial.replace(folder / TOKENIZER_FILE)


def tokenize(captions: Sequence[Sequence[str]], tokenizer: TextTokenizer) -> NDArray[np.int32]:
    """Captions (P, M) to token ids (P, M, T); none at all to (0, 0, 0)."""
    known: dict[str, tuple[int, ...]] = {}
    rows = []
    for of_picture in captions:
        for caption in of_picture:
            if caption not in known:
                known[caption] = tokenizer.encode(caption).ids
            rows.append(known[caption])
    if not rows:
        return np.zeros((0, 0, 0), np.int32)
    return np.asarray(rows, np.int32).reshape(len(captions), -1, len(rows[0]))


class _NormalizedOnce:
    """The normaliser, which sees each text once."""

    def __init__(self) -> None:
        self.normalize = TextNormalizer()
        self.known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        if text not in self.known:
            self.known[text] = self.normalize(text)
        return self.known[text]
