"""`ninefold models`: every model, what it is, and how to get it."""

import json

import pytest

from ninefold.checkpoints.registry import REGISTRY
from tests.cli.conftest import RunInside


def test_every_model_is_listed_with_what_it_takes_to_get_it(ninefold: RunInside) -> None:
    result = ninefold("models", "--json")
    rows = {row["name"]: row for row in json.loads(result.out)["models"]}
    assert (result.code, result.err) == (0, "")
    assert list(rows) == [*REGISTRY, "other", "tiny"]
    assert rows["mini"] == {
        "name": "mini",
        "title": REGISTRY["mini"].title,
        "installed": False,
        "folder": None,
        "bytes": REGISTRY["mini"].download_bytes(),
        "get": "ninefold pull mini",
        "licence": "Apache-2.0",
        "limits": REGISTRY["mini"].limits,
        "transliteration": None,
    }


def test_an_installed_model_says_where_it_is_and_how_large(ninefold: RunInside) -> None:
    rows = {row["name"]: row for row in json.loads(ninefold("models", "--json").out)["models"]}
    tiny = rows["tiny"]
    assert (tiny["installed"], tiny["get"], tiny["licence"]) == (True, None, "Apache-2.0")
    assert "text-unidecode" in rows["pocket"]["transliteration"]
    assert tiny["folder"].endswith("/models/tiny")
    assert 100_000 < tiny["bytes"] < 10_000_000


def test_the_table_names_size_licence_and_limits(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = ninefold("models").out
    for words in ("mega", "ninefold pull mega", "11.3 GB", "Apache-2.0", "installed", "offensive"):
        assert words in out
