"""The captions of the corpus as token ids, and the tokenizer that is learned from them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ninefold.corpus.build import Record
from ninefold.corpus.captions import write_caption
from ninefold.corpus.vocabulary import train_tokenizer
from ninefold.text import TextNormalizer, TextTokenizer

CAPTIONS_PER_PICTURE = 16


def write_captions(records: Sequence[Record], seed: int) -> list[list[str]]:
    """Write the normalized captions of every picture, `CAPTIONS_PER_PICTURE` each."""
    normalize = TextNormalizer()
    known: dict[str, str] = {}
    captions = []
    for number, record in enumerate(records):
        of_picture = []
        for index in range(CAPTIONS_PER_PICTURE):
            if record.captions:
                text = record.captions[index % len(record.captions)]
            else:
                text = write_caption(record.label, record.tags, record.style, seed + number, index)
            if text not in known:
                known[text] = normalize(text)
            of_picture.append(known[text])
        captions.append(of_picture)
    return captions


def save_tokenizer(captions: Sequence[Sequence[str]], vocab_size: int, folder: Path) -> None:
    """Learn the tokenizer and write `tokenizer.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = (caption for of_picture in captions for caption in of_picture)
    train_tokenizer(flat, vocab_size).save(str(folder / "tokenizer.json"))


def tokenize(captions: Sequence[Sequence[str]], tokenizer: TextTokenizer) -> NDArray[np.int32]:
    """Captions (P, M) to token ids (P, M, T)."""
    known: dict[str, tuple[int, ...]] = {}
    rows = []
    for of_picture in captions:
        for caption in of_picture:
            if caption not in known:
                known[caption] = tokenizer.encode(caption).ids
            rows.append(known[caption])
    return np.asarray(rows, np.int32).reshape(len(captions), -1, len(rows[0]))
