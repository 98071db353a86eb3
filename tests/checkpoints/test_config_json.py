"""Configurations from JSON: every key known, every value of its type, or one sentence."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from ninefold.checkpoints.config_json import parse_config, read_json
from ninefold.errors import CheckpointError, UserError


@dataclass(frozen=True)
class Inner:
    size: int

    def __post_init__(self) -> None:
        assert 12 % self.size >= 0


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    scale: float = 1.0
    is_on: bool = False
    kind: Literal["a", "b"] = "a"
    sides: tuple[int, ...] = ()
    other: Inner | None = None
    parts: Mapping[str, Inner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scale < 0:
            raise ValueError("scale must not be negative.")


FULL = Outer("x", Inner(3), 2.5, True, "b", (1, 2), Inner(4), {"p": Inner(5)})


def test_what_is_written_as_json_reads_back_equal() -> None:
    assert parse_config(Outer, json.loads(json.dumps(dataclasses.asdict(FULL))), "it") == FULL
    assert parse_config(Outer, {"name": "x", "inner": {"size": 3}}, "it") == Outer("x", Inner(3))
    assert parse_config(Outer, {"name": "x", "inner": {"size": 3}, "scale": 2}, "it").scale == 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "it has the unknown key 'colour'; update ninefold"),
        ({"inner": {}}, "it: inner lacks size"),
        ({"inner": 3}, "it: inner is not a JSON object"),
        ({"name": 3}, "it: name cannot be 3"),
        ({"inner": {"size": -1}}, "it: inner: size cannot be -1"),
        ({"inner": {"size": 10**13}}, "it: inner: size cannot be 10000000000000"),
        ({"inner": {"size": 0}}, "it: inner is not usable: a size is 0"),
        ({"inner": {"size": True}}, "it: inner: size cannot be true"),
        ({"inner": {"size": 2.5}}, "it: inner: size cannot be 2.5"),
        ({"scale": True}, "it: scale cannot be true"),
        ({"scale": "1"}, 'it: scale cannot be "1"'),
        ({"scale": -1}, "it is not usable: scale must not be negative"),
        ({"is_on": 1}, "it: is_on cannot be 1"),
        ({"kind": "c"}, 'it: kind cannot be "c"'),
        ({"sides": 3}, "it: sides cannot be 3"),
        ({"sides": [1, "2"]}, 'it: sides cannot be "2"'),
        ({"other": 3}, "it: other is not a JSON object"),
        ({"parts": []}, r"it: parts cannot be \[\]"),
        ({"parts": {"p": {"size": None}}}, "it: parts.p: size cannot be null"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        parse_config(Outer, {"name": "x", "inner": {"size": 3}} | change, "it")


def test_all_missing_keys_are_named() -> None:
    with pytest.raises(CheckpointError, match="it lacks name, inner"):
        parse_config(Outer, {}, "it")


def test_an_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"größe": 1}', encoding="utf-8")
    assert read_json(path) == {"größe": 1}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": nope}', b"[" * 100_000])
def test_what_is_not_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged: it is not JSON"):
        read_json(path)


def test_what_is_not_an_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("[1]")
    with pytest.raises(CheckpointError, match="does not hold a JSON object"):
        read_json(path)


def test_a_file_that_cannot_be_opened_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not be read: No such file"):
        read_json(tmp_path / "absent.json")
