"""Published checkpoints into a model of ours, one tensor at a time.

What a folder holds is told by the files in it. Converting a part checks the whole of it by its
headers and returns a configuration and a stream that converts as it is read; `convert_model` writes
a model once every part is known to fit.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

import torch

from ninefold.checkpoints import dallebart, vqgan
from ninefold.checkpoints.clip import load_clip_folder
from ninefold.checkpoints.config_json import read_json
from ninefold.checkpoints.empty_model import shapes_of
from ninefold.checkpoints.flax_msgpack import FlaxFile
from ninefold.checkpoints.model_folder import CONFIG_FILE, FORMAT, ModelConfig, Network, save_model
from ninefold.checkpoints.source_config import (
    config_from_published,
    infer_dallebart_config,
    infer_vqgan_config,
    normalizes_text,
    vqgan_config_from_published,
)
from ninefold.checkpoints.tensor_source import JoinedSource, TensorStream
from ninefold.checkpoints.torch_files import TorchFile
from ninefold.errors import CheckpointError, UserError
from ninefold.models.clip import CLIPConfig
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN, VQGANConfig
from ninefold.text import TextTokenizer

FLAX_FILE = "flax_model.msgpack"
MIN_DALLE_FILES = ("encoder.pt", "decoder.pt")
DETOKER_FILE = "detoker.pt"
TOKENIZER_FILE, CLIP_TOKENIZER_FILE = "tokenizer.json", "clip_tokenizer.json"
WORDS_FILE = "enwiki-words-frequency.txt"

_Part = TypeVar("_Part")


class SourceFormat(Enum):
    """What a folder can hold; the value is what a message calls it."""

    NINEFOLD = "a model of ninefold"
    FLAX_DALLEBART = "a flax DalleBart"
    MIN_DALLE = "a min-dalle transformer"
    FLAX_VQGAN = "a flax VQGAN"
    TAMING = "a taming-transformers VQGAN"
    DETOKER = "a min-dalle VQGAN decoder"
    CLIP = "a CLIP"


@dataclass(frozen=True)
class ModelSources:
    """Where the parts of a published model lie."""

    dallebart: Path
    """Folder of the transformer and its tokenizer."""
    vqgan: Path
    """Folder of the VQGAN."""
    clip: Path | None = None
    """Folder of a CLIP and its tokenizer, if pictures are to be ranked."""
    words: Path | None = None
    """File of words by frequency, which splits hashtags."""


@dataclass(frozen=True)
class PublishedDalleBart:
    """A transformer that is ready to be written."""

    config: DalleBartConfig
    normalize_text: bool
    stream: TensorStream


def detect_formats(folder: Path) -> list[SourceFormat]:
    """Tell what a folder holds, by the files in it and their config.json.

    Raises:
        UserError: it is no folder, or holds nothing that is known.
        CheckpointError: its config.json is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; name the folder that holds the weights.")
    config = _read_config(folder)
    has_flax = (folder / FLAX_FILE).is_file()
    present = {
        SourceFormat.NINEFOLD: config.get("format") == FORMAT,
        SourceFormat.FLAX_DALLEBART: has_flax and config.get("model_type") == "dallebart",
        SourceFormat.MIN_DALLE: all((folder / name).is_file() for name in MIN_DALLE_FILES),
        SourceFormat.FLAX_VQGAN: has_flax and "ch_mult" in config,
        SourceFormat.TAMING: any(folder.glob("*.ckpt")),
        SourceFormat.DETOKER: (folder / DETOKER_FILE).is_file(),
        SourceFormat.CLIP: config.get("model_type") == "clip",
    }
    found = [known for known, is_present in present.items() if is_present]
    if not found:
        raise UserError(
            f"{folder} holds no weights that are known: neither {FLAX_FILE} with {CONFIG_FILE}, "
            f"nor {' and '.join(MIN_DALLE_FILES)}, nor {DETOKER_FILE}, nor a .ckpt file."
        )
    return found


def convert_dallebart(folder: Path) -> PublishedDalleBart:
    """Convert the transformer in a folder, in whichever published format it is.

    Raises:
        UserError: there is none, or files that belong to it are not there.
        CheckpointError: a file is damaged, or the weights are not of the model described.
        UnsupportedOptionError: config.json names an option that our DalleBart does not have.
    """
    converters = {
        SourceFormat.FLAX_DALLEBART: convert_flax_dallebart,
        SourceFormat.MIN_DALLE: convert_min_dalle,
    }
    return _convert(folder, converters, "a DalleBart")


def convert_flax_dallebart(folder: Path) -> PublishedDalleBart:
    """Convert config.json and flax_model.msgpack of dalle-mini; errors as `convert_dallebart`."""
    values = read_json(folder / CONFIG_FILE)
    config = config_from_published(values, str(folder / CONFIG_FILE))
    source = FlaxFile(folder / FLAX_FILE)
    is_scanned = any("Layers/" in name for name in source.specs)
    names = dallebart.flax_map(is_scanned=is_scanned, use_glu=config.use_glu)
    stream = names.convert(source, shapes_of(DalleBart, config), "the DalleBart of config.json")
    return PublishedDalleBart(config, normalizes_text(values), stream)


def convert_min_dalle(folder: Path) -> PublishedDalleBart:
    """Convert encoder.pt and decoder.pt of min-dalle; errors as `convert_dallebart`.

    min-dalle has no config.json: the shape is that of the weights, and everything else as in
    dalle-mini, whose weights they are. One that is there all the same is obeyed.
    """
    encoder, decoder = (TorchFile(folder / name) for name in MIN_DALLE_FILES)
    source = JoinedSource(str(folder), {"encoder": encoder, "decoder": decoder})
    values = _read_config(folder)
    if values:
        config = config_from_published(values, str(folder / CONFIG_FILE))
    else:
        config = infer_dallebart_config(source.specs, folder)
    names = dallebart.min_dalle_map()
    stream = names.convert(source, shapes_of(DalleBart, config), "this DalleBart")
    return PublishedDalleBart(config, normalizes_text(values) if values else True, stream)


def convert_vqgan(folder: Path) -> tuple[VQGANConfig, TensorStream]:
    """Convert the VQGAN in a folder, in whichever published format it is.

    min-dalle publishes the decoder alone. It becomes a model without encoder, which draws all the
    same; only turning pictures into codes, as training does, is not possible with it.

    Raises:
        UserError: there is none, or more than one.
        CheckpointError: a file is damaged, or the weights are not of the model described.
        UnsupportedOptionError: config.json names an option that our VQGAN does not have.
    """
    converters = {
        SourceFormat.FLAX_VQGAN: _convert_flax_vqgan,
        SourceFormat.TAMING: _convert_taming,
        SourceFormat.DETOKER: _convert_detoker,
    }
    return _convert(folder, converters, "a VQGAN")


def convert_model(
    sources: ModelSources,
    folder: Path,
    *,
    name: str,
    licence: str,
    preset: str = "dalle-mini",
    dtype: torch.dtype | None = None,
    replace: bool = False,
) -> ModelConfig:
    """Convert all parts of a published model and write it, whole or not at all.

    Args:
        sources: where the parts are.
        folder: where to write it; it must not exist or be empty unless `replace`.
        name: what the model is called.
        licence: licences of its weights.
        preset: sampling settings that it is drawn with unless others are asked for.
        dtype: format to store the transformer in; None: as published. The other networks are small
            and always stored as published.
        replace: whether a model that is there may be replaced.

    Returns:
        The configuration as it was written.

    Raises:
        UserError: a part is not there, or the place is taken, too small or cannot be written.
        CheckpointError: a part is damaged, or the parts do not belong together.
        UnsupportedOptionError: a part has an option that our networks do not have.
    """
    transformer = convert_dallebart(sources.dallebart)
    vqgan_config, vqgan_stream = convert_vqgan(sources.vqgan)
    stream = transformer.stream if dtype is None else transformer.stream.cast(dtype)
    networks: dict[Network, TensorStream] = {"dallebart": stream, "vqgan": vqgan_stream}
    clip_config: CLIPConfig | None = None
    tokenizer = TextTokenizer.from_folder(sources.dallebart)
    files: dict[str, Path | bytes] = {TOKENIZER_FILE: tokenizer.to_json().encode()}
    if sources.clip is not None:
        clip_config, networks["clip"] = load_clip_folder(sources.clip)
        files[CLIP_TOKENIZER_FILE] = _existing(sources.clip / TOKENIZER_FILE)
    if sources.words is not None:
        files[WORDS_FILE] = _existing(sources.words)
    side = math.isqrt(transformer.config.image_length)
    try:
        config = ModelConfig(
            name=name,
            licence=licence,
            preset=preset,
            dallebart=transformer.config,
            vqgan=vqgan_config,
            clip=clip_config,
            picture_size=side * vqgan_config.downsampling,
            normalize_text=transformer.normalize_text,
        )
    except ValueError as error:
        raise CheckpointError(f"The parts of {name} do not belong together: {error}") from None
    return save_model(folder, config, networks, files, replace=replace)


def _convert(
    folder: Path, converters: Mapping[SourceFormat, Callable[[Path], _Part]], wanted: str
) -> _Part:
    found = detect_formats(folder)
    chosen = [known for known in found if known in converters]
    if not chosen:
        others = ", ".join(known.value for known in found)
        raise UserError(f"{folder} holds {others}, not {wanted}; name another folder.")
    return converters[chosen[0]](folder)


def _convert_flax_vqgan(folder: Path) -> tuple[VQGANConfig, TensorStream]:
    path = folder / CONFIG_FILE
    config = vqgan_config_from_published(read_json(path), str(path))
    source = FlaxFile(folder / FLAX_FILE)
    model = "the VQGAN of config.json"
    return config, vqgan.FLAX.convert(source, shapes_of(VQGAN, config), model)


def _convert_taming(folder: Path) -> tuple[VQGANConfig, TensorStream]:
    paths = sorted(folder.glob("*.ckpt"))
    if len(paths) > 1:
        raise UserError(f"{folder} holds {len(paths)} .ckpt files; leave the one that is meant.")
    source = TorchFile(paths[0])
    config = infer_vqgan_config(source.specs, paths[0])
    return config, vqgan.TAMING.convert(source, shapes_of(VQGAN, config), "a VQGAN")


def _convert_detoker(folder: Path) -> tuple[VQGANConfig, TensorStream]:
    source = TorchFile(folder / DETOKER_FILE)
    config = infer_vqgan_config(source.specs, source.path)
    return config, vqgan.DETOKER.convert(source, shapes_of(VQGAN, config), "a VQGAN's decoder")


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    return read_json(path) if path.is_file() else {}


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path} is missing; put it there, or leave out what it belongs to.")
    return path
