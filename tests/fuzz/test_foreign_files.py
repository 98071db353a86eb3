"""Whatever a foreign file holds, reading it ends in what it says or in an error that names it.

A few seconds here; for hours, `NINEFOLD_FUZZ_EXAMPLES=1000000 python -m pytest tests/fuzz`, which
then draws other examples every time.
"""

import io
import json
import os
import struct
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ninefold.checkpoints.config_json import parse_config, read_json
from ninefold.checkpoints.flax_msgpack import FlaxFile
from ninefold.checkpoints.model_folder import ModelConfig
from ninefold.checkpoints.safetensors_file import SafetensorsFile, write_tensors
from ninefold.checkpoints.tensor_source import stream_of
from ninefold.checkpoints.torch_files import TorchFile
from ninefold.data.shards import read_samples
from ninefold.errors import NinefoldError
from ninefold.pictures.decoding import DecodingError, decode_picture
from ninefold.safety.inspection import inspect_picture
from tests.checkpoints.published_files import flax_leaf, pack

ASKED = os.environ.get("NINEFOLD_FUZZ_EXAMPLES")
FUZZ = settings(
    max_examples=int(ASKED or 80),
    derandomize=ASKED is None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Damage = list[tuple[float, str, bytes]]
DAMAGE = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["set", "insert", "cut", "drop"]),
        st.sampled_from([b"\0", b"\xff", b"\x7f", b"\xff" * 4, b"\0" * 8, b"{", b'"'])
        | st.binary(min_size=1, max_size=8),
    ),
    max_size=6,
)


def damaged(data: bytes, damage: Damage) -> bytes:
    """Return a file with bytes set, put between, cut off behind or left out at shares of it."""
    made = bytearray(data)
    for share, kind, content in damage:
        place = int(share * len(made))
        if kind == "set":
            made[place : place + len(content)] = content
        elif kind == "insert":
            made[place:place] = content
        elif kind == "cut" and share > 0.3:
            del made[place:]
        else:
            del made[place : place + len(content)]
    return bytes(made)


@contextmanager
def named(what: str) -> Iterator[None]:
    """Let an error of ours pass if it names the file; let no other pass."""
    try:
        yield
    except NinefoldError as error:
        if what not in str(error):
            raise AssertionError(f"{error} names no {what}") from error


def picture(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((24, 16), 90).convert("RGB").save(file, kind, **options)
    return file.getvalue()


PICTURES = [
    *(picture(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP")),
    picture("JPEG", progressive=True, dpi=(72, 72)),
    picture("PNG", icc_profile=b"profile" * 30),
]


@FUZZ
@given(st.sampled_from(PICTURES), DAMAGE)
def test_a_picture(data: bytes, damage: Damage) -> None:
    try:
        decoded = decode_picture(damaged(data, damage))
    except DecodingError:
        return
    assert decoded.image.mode == "RGBA"


ENTRY = st.builds(
    lambda tag, kind, count, value: struct.pack("<HHI4s", tag, kind, count, value),
    st.sampled_from([0x0112, 0x010F, 0x011A, 0x011B, 0x0128, 0x8769, 0x8825, 0xA005, 0x927C])
    | st.integers(0, 65535),
    st.integers(0, 14),
    st.sampled_from([0, 1, 2, 4, 0xFFFF, 0xFFFFFFFF]),
    st.binary(min_size=4, max_size=4),
)


@FUZZ
@given(
    st.lists(ENTRY, max_size=5).map(
        lambda entries: b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
        + b"".join(entries) + bytes(4)
    )
    | st.binary(max_size=80).map(lambda rest: b"Exif\0\0" + rest),
    st.sampled_from(["JPEG", "PNG", "WEBP"]),
)  # fmt: skip
def test_what_a_camera_says(block: bytes, kind: str) -> None:
    decoded = decode_picture(picture(kind, exif=block))
    assert sorted(decoded.image.size) == [16, 24], "a picture that can be seen is read"


def shard(compression: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, content in (("a.x.jpg", b"1" * 600), ("a.x.txt", b"one"), ("b.json", b"{}")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def read_folder(folder: Path) -> None:
    told: list[tuple[str, str]] = []
    for sample in read_samples(folder, lambda *reason: told.append(reason)):
        assert sample.captions
        json.dumps(sample.captions).encode("ascii")
    assert all(name and reason for name, reason in told)


@FUZZ
@given(st.sampled_from([shard(""), shard("gz"), shard("bz2"), shard("xz")]), DAMAGE)
def test_a_shard(tmp_path: Path, data: bytes, damage: Damage) -> None:
    (tmp_path / "a.tar").write_bytes(damaged(data, damage))
    read_folder(tmp_path)


ROW = st.dictionaries(
    st.sampled_from(["file", "file_name", "image", "caption", "text", "captions", "x"]),
    st.sampled_from(["a.png", "../a.png", "\0", "\ud800", "n" * 300, "", "C:\\a.png", "a\\a.png"])
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=3,
    ),
    max_size=4,
)


@FUZZ
@given(
    st.lists(ROW, max_size=3).map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
    st.sampled_from(["captions.jsonl", "metadata.csv", "data.tsv", "a.txt", "a.json"]),
    st.sampled_from(["utf-8", "utf-16", "utf-32", "cp1252"]),
    DAMAGE,
)
@example(b"[" * 100_000, "captions.jsonl", "utf-8", [])
@example(b'{"file": ' + b"9" * 5000 + b"}", "captions.jsonl", "utf-8", [])
def test_a_list(tmp_path: Path, data: bytes, name: str, encoding: str, damage: Damage) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / "a.png").write_bytes(b"A")
    (tmp_path / name).write_bytes(damaged(data.decode().encode(encoding), damage))
    with named(name):
        read_folder(tmp_path)


TENSORS = {"a.weight": torch.arange(12.0).reshape(3, 4), "b": torch.ones(5, dtype=torch.float16)}


def safetensors(path: Path) -> bytes:
    write_tensors(path, stream_of(TENSORS))
    return path.read_bytes()


def pickled(path: Path) -> bytes:
    torch.save(TENSORS, path)
    return path.read_bytes()


def pickled_plainly(path: Path) -> bytes:
    torch.save(TENSORS, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


def flax(_path: Path) -> bytes:
    return pack({"a": {"weight": flax_leaf(TENSORS["a.weight"])}, "b": flax_leaf(TENSORS["b"])})


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (safetensors, SafetensorsFile),
        (pickled, TorchFile),
        (pickled_plainly, TorchFile),
        (flax, FlaxFile),
    ],
)
@FUZZ
@given(damage=DAMAGE)
def test_weights(
    tmp_path: Path, write: Callable[[Path], bytes], read: Callable[[Path], Any], damage: Damage
) -> None:
    path = tmp_path / "weights"
    path.unlink(missing_ok=True)
    content = write(path)
    path.unlink(missing_ok=True)
    path.write_bytes(damaged(content, damage))
    with named("weights"):
        opened = read(path)
        for name, spec in opened.specs.items():
            assert tuple(opened.read(name).shape) == spec.shape


@FUZZ
@given(damage=DAMAGE)
def test_a_configuration(tiny_model: Path, tmp_path: Path, damage: Damage) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(damaged((tiny_model / "config.json").read_bytes(), damage))
    with named("config.json"):
        parse_config(ModelConfig, read_json(path), str(path))


@FUZZ
@given(st.sampled_from(PICTURES[:3]), DAMAGE)
def test_a_picture_that_is_inspected(data: bytes, damage: Damage) -> None:
    with named("a picture"):
        inspect_picture(damaged(data, damage), "a picture").document()
