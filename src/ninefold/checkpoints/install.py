"""Installs models: published files in, a verified folder of ours out, whole or not at all.

What is published is downloaded (`hub`) or found (`local_sources`), converted (`convert`), verified
(`verify`) and put into its place (`model_place`). What a person sees of it is the business of a
`Reporter`.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ninefold.checkpoints.convert import ModelSources, convert_dallebart, convert_model
from ninefold.checkpoints.disk import require_space
from ninefold.checkpoints.hub import fetch_source, missing_bytes
from ninefold.checkpoints.hub_client import Hub
from ninefold.checkpoints.model_place import ModelPlace
from ninefold.checkpoints.published import PublishedSource
from ninefold.checkpoints.registry import (
    MODEL_NAME,
    REGISTRY,
    ModelSpec,
    Registry,
    data_folder,
)
from ninefold.checkpoints.verify import Check, verify_model
from ninefold.devices import resolve_dtype
from ninefold.errors import CheckpointError, UserError


class Reporter(Protocol):
    """Is told what is going on."""

    def step(self, message: str) -> None:
        """A new part of the work begins."""

    def progress(self, label: str, here: int, total: int) -> None:
        """So many bytes of a file are here."""

    def check(self, check: Check) -> None:
        """A check of the verification is done."""


@dataclass(frozen=True)
class InstallOptions:
    """What may be chosen about an installation."""

    dtype: str | None = None
    """Number format to store the transformer in; None: as published."""
    with_clip: bool = True
    force: bool = False
    """Replace a model that is installed."""


def install_published(
    spec: ModelSpec,
    hub: Hub,
    reporter: Reporter,
    options: InstallOptions | None = None,
    home: Path | None = None,
) -> Path:
    """Download a model of the registry, convert, verify and install it.

    Args:
        spec: the model.
        hub: where to download from.
        reporter: is told what is going on.
        options: how to install.
        home: folder for models and downloads; None: `data_folder()`.

    Returns:
        The model's folder.

    Raises:
        UserError: it is not a model to download, or there is no room for it.
        DownloadError: a file could not be fetched, or is not the published one.
        CheckpointError: the files are not what they should be.
    """
    options, home = options or InstallOptions(), home or data_folder()
    sources = spec.sources(with_clip=options.with_clip)
    if not sources:
        raise UserError(f"Model {spec.name!r} comes with ninefold; there is nothing to pull.")
    downloads = home / "downloads" / spec.name

    def make(folder: Path) -> None:
        needed = bytes_needed(spec, options, downloads)
        require_space(downloads, needed, f"to install {spec.name}")
        reporter.step(f"Downloading {spec.name} from {hub.label}")
        for role, source in sources.items():
            fetch_source(source, downloads / role, hub, reporter.progress)
        try:
            _make(_downloaded(sources, downloads), folder, spec, options, reporter)
        except CheckpointError:
            _discard_unproven(sources, downloads)
            raise

    def remove_downloads() -> None:
        shutil.rmtree(downloads, ignore_errors=True)

    return _fill(ModelPlace(spec.name, home), make, options, reporter, remove_downloads)


def install_local(
    name: str | None,
    sources: ModelSources,
    reporter: Reporter,
    options: InstallOptions | None = None,
    home: Path | None = None,
    registry: Registry = REGISTRY,
) -> Path:
    """Convert, verify and install a model from files that are here.

    Args:
        name: what to call it: a name of the registry, for the model that is meant by it, or a new
            one; None: the name of the registry whose model has as many parameters.
        sources: where its parts are (`local_sources`).
        reporter: is told what is going on.
        options: how to install.
        home: as for `install_published`.
        registry: the models that have a name.

    Returns:
        The model's folder.

    Raises:
        UserError: the name cannot be had, files are missing, or there is no room.
        CheckpointError: the files are damaged or not of that model.
    """
    options, home = options or InstallOptions(), home or data_folder()
    name = name or _recognize(sources.dallebart, registry)
    if not MODEL_NAME.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be a model's name; use small letters, digits, dots, dashes and _."
        )
    spec = registry.get(name) or ModelSpec(
        name=name, title="your own", licence="that of the files it was made from", limits=""
    )
    if spec.is_packaged:
        raise UserError(f"The name {name!r} belongs to a model that comes with ninefold.")

    def make(folder: Path) -> None:
        if sources.clip is None and options.with_clip:
            reporter.step("There is no CLIP among the files, so pictures will not be ranked")
        if sources.words is None:
            reporter.step("There is no word list among the files, so hashtags will not be split")
        _make(sources, folder, spec, options, reporter)

    return _fill(ModelPlace(name, home), make, options, reporter)


def _fill(
    place: ModelPlace,
    make: Callable[[Path], None],
    options: InstallOptions,
    reporter: Reporter,
    when_done: Callable[[], None] | None = None,
) -> Path:
    def on_wait() -> None:
        reporter.step(f"Waiting for another process that is installing {place.name}")

    if not place.fill(make, force=options.force, on_wait=on_wait, when_done=when_done):
        reporter.step(f"{place.name} is installed already; --force replaces it")
    return place.folder


def _recognize(dallebart: Path, registry: Registry) -> str:
    specs = convert_dallebart(dallebart).stream.specs.values()
    found = sum(spec.num_bytes // spec.dtype.itemsize for spec in specs)
    for spec in registry.values():
        if spec.dallebart_parameters == found:
            return spec.name
    raise UserError(
        f"The transformer in {dallebart} has {found:,} parameters and is none that is known; give "
        "it a name: `ninefold pull NAME --from FOLDER`."
    )


def _make(
    sources: ModelSources,
    folder: Path,
    spec: ModelSpec,
    options: InstallOptions,
    reporter: Reporter,
) -> None:
    """Convert and verify a model in `folder`."""
    reporter.step(f"Converting {spec.name}")
    convert_model(
        sources,
        folder,
        name=spec.name,
        licence=_licence(spec, has_clip=sources.clip is not None),
        preset=spec.preset,
        dtype=resolve_dtype(options.dtype) if options.dtype else None,
    )
    reporter.step(f"Verifying {spec.name}")
    checks = verify_model(folder, spec, reporter.check)
    if wrong := [check for check in checks if not check.passed]:
        raise CheckpointError(
            f"These weights are not a sound {spec.name}, so they were not installed; "
            f"{wrong[0].name}: {wrong[0].seen}"
        )


def _licence(spec: ModelSpec, *, has_clip: bool) -> str:
    """Licences of all parts, those that differ named."""
    parts = [spec.licence]
    if spec.vqgan:
        parts.append(f"VQGAN: {spec.vqgan.licence}")
    if spec.clip and has_clip:
        parts.append(f"CLIP: {spec.clip.licence}")
    return "; ".join(parts)


def _downloaded(sources: dict[str, PublishedSource], downloads: Path) -> ModelSources:
    words = sources.get("words")
    return ModelSources(
        dallebart=downloads / "dallebart",
        vqgan=downloads / "vqgan",
        clip=downloads / "clip" if "clip" in sources else None,
        words=downloads / "words" / words.files[0].name if words else None,
    )


def bytes_needed(spec: ModelSpec, options: InstallOptions, downloads: Path) -> int:
    """Return about how many bytes `install_published` will write, besides those in `downloads`."""
    sources = spec.sources(with_clip=options.with_clip)
    needed = sum(missing_bytes(source, downloads / role) for role, source in sources.items())
    for role, source in sources.items():
        is_halved = role == "dallebart" and options.dtype in ("float16", "bfloat16")
        needed += source.num_bytes // 2 if is_halved else source.num_bytes
    return needed


def _discard_unproven(sources: dict[str, PublishedSource], downloads: Path) -> None:
    """Remove the downloads that may be to blame: all that do not have a hash that we know."""
    for role, source in sources.items():
        for file in source.files:
            path = downloads / role / file.name
            with path.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            if found != file.sha256:
                path.unlink()
