"""A model with a table of things shown a person's own pictures: each becomes a thing that it draws.

Nothing is trained. What such a model reads of a thing is its sketch, the codes of its pictures
(`models.sketches`), so a new thing is new codes and the phrases that name it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that every PyTorch reader expects
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ninefold.checkpoints.load import load_clip, load_dallebart, load_vqgan
from ninefold.checkpoints.model_folder import (
    ModelConfig,
    Network,
    load_state,
    read_config,
    save_model,
    weights_file,
)
from ninefold.corpus.build import PICTURES_FILE, Record, read_records
from ninefold.corpus.scenes.compose import compose
from ninefold.corpus.scenes.looks import LOOKS
from ninefold.corpus.scenes.scene import Scene
from ninefold.errors import CheckpointError, UserError
from ninefold.models.clip import CLIP
from ninefold.models.sketches import NUM_PLACES, SketchEmbedding
from ninefold.text.normalize import TextNormalizer
from ninefold.text.things import (
    MAX_DESIGNS,
    MAX_PHRASE,
    SLOTS,
    THINGS_FILE,
    Thing,
    ThingTable,
    key_of,
)
from ninefold.text.tokenizer import TextTokenizer
from ninefold.training.cells import to_pixels
from ninefold.training.recipes.clip import WORDS as CLIP_WORDS
from ninefold.training.sketches import BLOCK, LENGTH, sketch_things


@dataclass(frozen=True)
class NewThing:
    """What some of the pictures show."""

    label: str
    phrases: tuple[str, ...]
    """What it is called by."""
    pictures: tuple[int, ...]
    """Numbers of the pictures that are its designs."""
    spare: tuple[int, ...] = ()
    """Numbers of those beyond `MAX_DESIGNS`."""
    likeness: str = ""
    """Label of the known thing by whose name the ranking CLIP knows it; empty without a CLIP."""


@dataclass(frozen=True)
class Taught:
    """What a model was shown."""

    config: ModelConfig
    things: tuple[NewThing, ...]
    names: tuple[str, ...]
    """Of all pictures, by number."""
    nameless: tuple[int, ...]
    """Pictures whose captions have no word that is new to the model and none that is short."""
    renamed: tuple[str, ...]
    """Phrases that named something else before."""


def name_things(
    captions: Sequence[Sequence[str]], table: ThingTable
) -> tuple[list[NewThing], list[int]]:
    """Group pictures by what their captions call them.

    A picture is of the word that the table does not know, of several the one that most pictures
    have; without any, of its first caption of at most `MAX_PHRASE` words.

    Args:
        captions: of each picture, normalised.
        table: of the model.

    Returns:
        The things, and the pictures that nothing can be called by.
    """
    keys = [[key for text in texts if (key := key_of(text))] for texts in captions]
    new = [_new_words(texts, table) for texts in keys]
    counts = Counter(word for words in new for word in words)
    # Of words that equally many have, the one that is read first.
    ranks = {word: rank for rank, (word, _) in enumerate(counts.most_common())}
    groups: dict[str, list[int]] = {}
    nameless = []
    for number, words in enumerate(new):
        short = [key for key in keys[number] if len(key.split()) <= MAX_PHRASE]
        if words:
            groups.setdefault(min(words, key=ranks.__getitem__), []).append(number)
        elif short:
            groups.setdefault(short[0], []).append(number)
        else:
            nameless.append(number)
    things = []
    taken: set[str] = set()
    for label, numbers in groups.items():
        phrases = [phrase for phrase in _phrases(label, numbers, keys, new) if phrase not in taken]
        taken.update(phrases)
        designs = tuple(numbers[:MAX_DESIGNS])
        things.append(NewThing(label, tuple(phrases), designs, tuple(numbers[MAX_DESIGNS:])))
    return things, nameless


def _new_words(keys: Sequence[str], table: ThingTable) -> list[str]:
    """Words that mean nothing to the table, in their order, each once."""
    unknown = dict.fromkeys(word for key in keys for word in table.read(key).unknown)
    named = [word for word in unknown if word not in table.hints]
    return named or list(unknown)


def _phrases(
    label: str, numbers: Sequence[int], keys: Sequence[list[str]], new: Sequence[list[str]]
) -> list[str]:
    """What a group is called: its label, new words that all its pictures have, short captions."""
    shared = [word for word in new[numbers[0]] if all(word in new[n] for n in numbers)]
    # A short caption without the new word, such as "my cat", keeps what it meant.
    short = [
        key
        for number in numbers
        for key in keys[number]
        if len(key.split()) <= MAX_PHRASE and (not shared or set(shared) & set(key.split()))
    ]
    return list(dict.fromkeys([label, *shared, *(short if shared else ())]))


def teach_things(corpus: Path, base: Path, folder: Path) -> Taught | None:
    """Write a model that also draws the things of a person's own pictures.

    Args:
        corpus: of own pictures, in any size.
        base: folder of the model.
        folder: where to write; a model that is there is replaced.

    Returns:
        What it was shown; None where the model has no table of things.

    Raises:
        UserError: no picture can be named, or the place cannot be written.
        CheckpointError: a file of the model is damaged.
    """
    table = ThingTable.from_folder(base)
    if table is None:
        return None
    config = read_config(base)
    _check_sketches(base, config)
    records = read_records(corpus)
    things, nameless = name_things(_normalized(records, base, config), table)
    if not things:
        raise UserError(
            f"Nothing in {corpus} can be named: give each picture a caption with a word that "
            f"{config.name} does not know, such as a name, or one of at most {MAX_PHRASE} words."
        )
    rgba: NDArray[np.uint8] = np.load(corpus / PICTURES_FILE, mmap_mode="r")
    shown = rgba[[number for thing in things for number in thing.pictures]]
    drawing = load_dallebart(base, dtype=None)
    words = drawing.encoder.embed_tokens
    assert isinstance(words, SketchEmbedding)
    words.keep(
        torch.cat([words.codes(), torch.from_numpy(sketch_things(load_vqgan(base), shown))]),
        words.plain,
    )
    networks: dict[Network, dict[str, Tensor]] = {
        "dallebart": drawing.state_dict(),
        "vqgan": load_state(base, "vqgan"),
    }
    sizes = replace(
        config.dallebart,
        num_sketches=config.dallebart.num_sketches + len(shown),
        sketch_bytes=len(words.others),
        encoder_vocab_size=config.dallebart.encoder_vocab_size
        + NUM_PLACES * len(LOOKS) * LENGTH * len(shown),
    )
    made = replace(
        config,
        name=f"{config.name}-finetuned",
        licence=f"{config.licence}; taught further pictures",
        dallebart=sizes,
    )
    clip = load_clip(base)
    if clip is not None and config.clip is not None:
        nearest = _nearest_things(clip, base, table, things, shown)
        ranking = load_state(base, "clip")
        rows = ranking[f"{CLIP_WORDS}.weight"]
        alike = [len(rows) - len(table.things) + thing for thing in nearest]
        ranking[f"{CLIP_WORDS}.weight"] = torch.cat([rows, rows[alike]])
        networks["clip"] = ranking
        made = replace(made, clip=replace(config.clip, vocab_size=len(rows) + len(things)))
        things = [
            replace(thing, likeness=table.things[number].label)
            for thing, number in zip(things, nearest, strict=True)
        ]
    files: dict[str, Path | bytes] = {
        name: base / name
        for name in config.files
        if name not in {weights_file(network) for network in networks}
    }
    files[THINGS_FILE] = _with_things(table, things).to_json().encode()
    return Taught(
        save_model(folder, made, networks, files, replace=True),
        tuple(things),
        tuple(record.subgroup for record in records),
        tuple(nameless),
        tuple(p for thing in things for p in thing.phrases if p in table.phrases),
    )


def _check_sketches(base: Path, config: ModelConfig) -> None:
    sizes = config.dallebart
    found = (sizes.sketch_looks, sizes.sketch_length, sizes.sketch_codes)
    if found != (len(LOOKS), LENGTH, BLOCK**2):
        raise CheckpointError(
            f"{base} has sketches in {found[0]} looks, of {found[1]} entries of {found[2]} codes, "
            f"not in {len(LOOKS)}, of {LENGTH} of {BLOCK**2}; update ninefold, or install the "
            "model again."
        )


def _normalized(records: Sequence[Record], base: Path, config: ModelConfig) -> list[list[str]]:
    normalize = TextNormalizer.from_folder(base) if config.normalize_text else str
    return [[normalize(text) for text in record.captions or (record.label,)] for record in records]


def _with_things(table: ThingTable, things: Sequence[NewThing]) -> ThingTable:
    phrases = dict(table.phrases)
    added: list[Thing] = []
    sketch = table.num_designs
    for number, thing in enumerate(things, len(table.things)):
        phrases.update(dict.fromkeys(thing.phrases, number))
        designs = tuple(range(sketch, sketch + len(thing.pictures)))
        added.append(Thing(thing.label, designs))
        sketch += len(designs)
    return replace(table, things=(*table.things, *added), phrases=phrases)


@torch.inference_mode()
def _nearest_things(
    clip: CLIP,
    base: Path,
    table: ThingTable,
    things: Sequence[NewThing],
    shown: NDArray[np.uint8],
) -> list[int]:
    """For each new thing, the known one whose name is nearest to its pictures in CLIP's space.

    An entry of a text embedding is no picture's vector, so a new thing takes over that one's.
    """
    config = clip.config
    tokenizer = TextTokenizer.from_folder(base, config.max_positions, config.vocab_size)
    known = [tokenizer.encode_named(SLOTS[0], [n]).ids for n in range(len(table.things))]
    texts = F.normalize(clip.encode_text(torch.tensor(known)), dim=-1)
    side = (config.image_size,) * 2
    pictures = [Image.fromarray(_alone(rgba)).resize(side, Image.Resampling.BOX) for rgba in shown]
    seen = to_pixels(np.stack([np.asarray(picture) for picture in pictures]))
    images = F.normalize(clip.encode_image(clip.normalize(seen)), dim=-1)
    first, nearest = 0, []
    for thing in things:
        last = first + len(thing.pictures)
        nearest.append(int((texts @ images[first:last].mean(0)).argmax()))
        first = last
    return nearest


def _alone(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W, 4) as the thing by itself is drawn, (H, W, 3)."""
    return compose(Scene("", "single", ("",)), lambda _source, _label: rgba, len(rgba))
