"""The captions of the corpus as token ids, and the tokenizer that is learned from them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ninefold.atomic_file import atomic_write
from ninefold.corpus.build import Record
from ninefold.corpus.captions import write_caption
from ninefold.corpus.vocabulary import train_tokenizer
from ninefold.text import TextNormalizer, TextTokenizer
from ninefold.text.bpe import TOKENIZER_FILE

CAPTIONS_PER_PICTURE = 32


def write_captions(records: Sequence[Record], seed: int) -> list[list[str]]:
    """Write the normalized captions of every picture, `CAPTIONS_PER_PICTURE` each.

    A person's own captions stand as they were given; others are made of label and keywords.
    """
    normalize = cache(TextNormalizer())
    captions = []
    for number, record in enumerate(records):
        of_picture = []
        for index in range(CAPTIONS_PER_PICTURE):
            if record.captions:
                text = record.captions[index % len(record.captions)]
            else:
                text = write_caption(record.label, record.tags, record.style, seed + number, index)
            of_picture.append(normalize(text))
        captions.append(of_picture)
    return captions


def learn_tokenizer(captions: Sequence[Sequence[str]], vocab_size: int) -> Tokenizer:
    """Train byte-level BPE on the corpus's captions."""
    return train_tokenizer((text for of_picture in captions for text in of_picture), vocab_size)


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` into `folder`."""
    with atomic_write(folder / TOKENIZER_FILE) as file:
        file.write(tokenizer.to_str(pretty=True).encode())


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
