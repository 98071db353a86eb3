"""A tiny family of models in the published formats, to download and to convert.

Transformers and VQGAN are the golden sets, which the reference implementations wrote; the CLIP is
random. The tokenizers are tiny too, so no published token id can be asked of them.
"""

import json
import os
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]  # it ships no types
import torch
from safetensors.torch import save

from ninefold.checkpoints.published import PublishedFile, PublishedSource
from ninefold.checkpoints.registry import ModelSpec, Registry
from tests import tiny
from tests.checkpoints.standin_hub import COMMIT, read_repository

GOLDEN = Path(__file__).parents[1] / "golden"
TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json")
WORDS = b"the 10\nof 9\ncat 8\n"

Repositories = dict[str, dict[str, bytes]]


def build_repositories() -> Repositories:
    """Return every file of every repository."""
    words = {"enwiki-words-frequency.txt": WORDS}
    return {
        "tiny/mini": read_repository(GOLDEN / "tiny_mini") | words,
        "tiny/mega": read_repository(GOLDEN / "tiny_mega") | words,
        "tiny/vqgan": read_repository(GOLDEN / "tiny_vqgan"),
        "tiny/clip": clip_repository(),
    }


def clip_repository() -> dict[str, bytes]:
    """Return a CLIP as Hugging Face publishes it."""
    config = tiny.CLIP_CONFIG
    published = {
        "model_type": "clip",
        "projection_dim": config.projection_dim,
        "text_config": {
            "vocab_size": config.vocab_size,
            "max_position_embeddings": config.max_positions,
            "hidden_size": config.text_width,
            "num_hidden_layers": config.text_layers,
            "num_attention_heads": config.text_heads,
            "intermediate_size": config.text_intermediate_size,
            "eos_token_id": config.eos_token_id,
        },
        "vision_config": {
            "image_size": config.image_size,
            "patch_size": config.patch_size,
            "hidden_size": config.vision_width,
            "num_hidden_layers": config.vision_layers,
            "num_attention_heads": config.vision_heads,
            "intermediate_size": config.vision_intermediate_size,
        },
    }
    return {
        "config.json": json.dumps(published).encode(),
        "tokenizer.json": (GOLDEN / "tiny_mini" / "tokenizer.json").read_bytes(),
        "model.safetensors": save(tiny.build_clip().state_dict()),
    }


def build_registry(repositories: Repositories) -> Registry:
    """Return the specs of tiny-mini and tiny-mega, whose repositories these are."""

    def source(repository: str, *names: str) -> PublishedSource:
        files = repositories[repository]
        return PublishedSource(
            repository, COMMIT, "MIT", tuple(PublishedFile(n, len(files[n])) for n in names)
        )

    return {
        name: ModelSpec(
            name=name,
            title=f"{name} of the golden sets",
            licence="Apache-2.0",
            limits="random",
            dallebart=source(repository, "config.json", "flax_model.msgpack", *TOKENIZER_FILES),
            vqgan=source("tiny/vqgan", "config.json", "flax_model.msgpack"),
            clip=source("tiny/clip", *repositories["tiny/clip"]),
            words=source(repository, "enwiki-words-frequency.txt"),
            dallebart_parameters=count_parameters(repositories[repository]["flax_model.msgpack"]),
            vqgan_parameters=count_parameters(repositories["tiny/vqgan"]["flax_model.msgpack"]),
        )
        for name, repository in (("tiny-mini", "tiny/mini"), ("tiny-mega", "tiny/mega"))
    }


def count_parameters(content: bytes) -> int:
    """Count the numbers of a flax file whose arrays are all float32."""

    def count(node: Any) -> int:
        if isinstance(node, dict):
            return sum(count(child) for child in node.values())
        return len(msgpack.unpackb(node.data)[2]) // 4

    return count(msgpack.unpackb(content))


def change_array(content: bytes, path: str, array: Any) -> bytes:
    """Return a flax file in which the array at `path` is another one, or gone for None."""
    tree = msgpack.unpackb(content)
    *folders, name = path.split("/")
    node = tree
    for folder in folders:
        node = node[folder]
    if array is None:
        del node[name]
    else:
        leaf = (array.shape, array.dtype.name, array.tobytes())
        node[name] = msgpack.ExtType(1, msgpack.packb(leaf))
    packed: bytes = msgpack.packb(tree)
    return packed


class Trap:
    """Something that makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def write_trap(path: Path, folder: Path) -> None:
    """Write a PyTorch file that would make `folder` if it were trusted."""
    torch.save({"weight": Trap(folder)}, path)
