"""The models that have a name: what is known of each, and where it lies on this machine.

One public name maps to one frozen `ModelSpec`. Pocket is packaged with this library; mini and mega
are the published weights (`published`). This module knows names and folders only: `hub` downloads,
`convert` converts, `install` does both in one go.
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ninefold.checkpoints.published import (
    CLIP,
    GOLDEN_TOKENS,
    MEGA,
    MINI,
    VQGAN,
    WORDS,
    PublishedSource,
)
from ninefold.errors import CheckpointError, UserError
from ninefold.home import expand_user, require_home

CONFIG_FILE = "config.json"
"""The file that makes a folder a model."""

MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Names that an installed model may have: safe as a folder on every platform."""


@dataclass(frozen=True)
class ModelSpec:
    """What is known about a named model before its files are here."""

    name: str
    title: str
    licence: str
    limits: str
    """One line on what it cannot do and what it is biased towards."""
    dallebart: PublishedSource | None = None
    """Transformer and tokenizer; None for a model that is not downloaded."""
    vqgan: PublishedSource | None = None
    clip: PublishedSource | None = None
    words: PublishedSource | None = None
    """The word list that splits hashtags."""
    preset: str = "dalle-mini"
    """Sampling settings that it is drawn with unless others are asked for."""
    dallebart_parameters: int | None = None
    vqgan_parameters: int | None = None
    golden_tokens: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Prompts and the token ids that its tokenizer must give them."""
    is_packaged: bool = False

    def sources(self, *, with_clip: bool = True) -> dict[str, PublishedSource]:
        """Return the parts to download by role: dallebart, vqgan, clip, words."""
        parts = {"dallebart": self.dallebart, "vqgan": self.vqgan, "words": self.words}
        if with_clip:
            parts["clip"] = self.clip
        return {role: source for role, source in parts.items() if source is not None}

    def download_bytes(self, *, with_clip: bool = True) -> int:
        """Return about how many bytes `ninefold pull` downloads."""
        return sum(source.num_bytes for source in self.sources(with_clip=with_clip).values())


Registry = Mapping[str, ModelSpec]

_LIMITS = (
    "English prompts only; garbles faces, hands and writing; learned from unfiltered pictures of "
    "the Internet, so it repeats their stereotypes and can draw offensive things"
)

REGISTRY: Registry = {
    spec.name: spec
    for spec in (
        ModelSpec(
            name="pocket",
            title="small model of this project, packaged with it",
            licence="Apache-2.0",
            limits="draws single things as emoji and clip art do, not photographs; knows the words "
            "of its corpus and little beyond; shows people as emoji do",
            preset="pocket",
            is_packaged=True,
        ),
        ModelSpec(
            name="mini",
            title="DALL·E Mini (mini-1:v0), 0.4 billion parameters",
            licence="Apache-2.0",
            limits=_LIMITS,
            dallebart=MINI,
            vqgan=VQGAN,
            clip=CLIP,
            words=WORDS,
            dallebart_parameters=437_833_712,
            vqgan_parameters=76_073_859,
            golden_tokens=GOLDEN_TOKENS,
        ),
        ModelSpec(
            name="mega",
            title="DALL·E Mega (mega-1:v16), 2.6 billion parameters",
            licence="Apache-2.0",
            limits=_LIMITS,
            dallebart=MEGA,
            vqgan=VQGAN,
            clip=CLIP,
            words=WORDS,
            dallebart_parameters=2_587_521_024,
            vqgan_parameters=76_073_859,
            golden_tokens=GOLDEN_TOKENS,
        ),
    )
}
"""Every model that has a public name."""


_KEPT = "models and downloads are kept"


def data_folder() -> Path:
    """Return the folder for models and downloads: NINEFOLD_HOME, else the platform's cache.

    The folder may not exist yet.
    """
    if home := os.environ.get("NINEFOLD_HOME"):
        return expand_user(home)
    return _cache_folder(sys.platform) / "ninefold"


def _cache_folder(platform: str) -> Path:
    if platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or require_home(_KEPT) / "AppData" / "Local")
    if platform == "darwin":
        return require_home(_KEPT) / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or require_home(_KEPT) / ".cache")


def model_folder(spec: ModelSpec, home: Path | None = None) -> Path:
    """Return where `spec` lies once it is installed; `home` defaults to `data_folder()`."""
    if spec.is_packaged:
        return Path(str(resources.files("ninefold") / "weights" / spec.name))
    return (home or data_folder()) / "models" / spec.name


def is_installed(spec: ModelSpec, home: Path | None = None) -> bool:
    """Tell whether the files of `spec` are here; whether they are sound is for `verify` to say."""
    return holds_model(model_folder(spec, home))


def holds_model(folder: Path) -> bool:
    """Tell whether `folder` is a model of ours; published folders have a config.json as well."""
    try:
        config = json.loads((folder / CONFIG_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and str(config.get("format", "")).startswith("ninefold-")


def local_models(registry: Registry = REGISTRY, home: Path | None = None) -> list[str]:
    """Return the names of installed models that are not in `registry`, sorted."""
    models = (home or data_folder()) / "models"
    found = (path.parent for path in models.glob(f"*/{CONFIG_FILE}"))
    return sorted(
        folder.name
        for folder in found
        if MODEL_NAME.fullmatch(folder.name) and folder.name not in registry and holds_model(folder)
    )


def find_spec(name: str, registry: Registry = REGISTRY) -> ModelSpec:
    """Return the spec of a public name.

    Raises:
        UserError: nothing has that name; the message lists what there is.
    """
    try:
        return registry[name]
    except KeyError:
        raise UserError(f"There is no model {name!r}; known are {', '.join(registry)}.") from None


def find_model(
    name_or_folder: str | Path, registry: Registry = REGISTRY, home: Path | None = None
) -> Path:
    """Return the folder of an installed model.

    A name wins over a folder of the same name in the current directory; `./mini` is the folder.

    Raises:
        UserError: the name is unknown or its model is not installed, or the folder holds no model.
        CheckpointError: a packaged model is missing from this installation.
    """
    name = str(name_or_folder)
    if spec := registry.get(name):
        folder = model_folder(spec, home)
        if holds_model(folder):
            return folder
        if spec.is_packaged:
            raise CheckpointError(
                f"The packaged model {name!r} is missing from this installation; install ninefold "
                "again."
            )
        raise UserError(f"Model {name!r} is not installed; run `ninefold pull {name}`.")
    if name in local_models(registry, home):
        return (home or data_folder()) / "models" / name
    folder = expand_user(name_or_folder)
    if holds_model(folder):
        return folder
    if folder.is_dir():
        raise UserError(
            f"Folder {name!r} holds no model of ninefold; published weights are converted with "
            f"`ninefold pull NAME --from {name}`."
        )
    known = ", ".join([*registry, *local_models(registry, home)])
    raise UserError(f"There is no model {name!r}; known are {known}, or give a model's folder.")
