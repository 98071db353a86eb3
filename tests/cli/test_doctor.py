"""`ninefold doctor`: what draws, why, what would be faster, in the first lines; then the rest."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import RunInside


@pytest.fixture(autouse=True)
def no_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep it from building the native decoder, which takes a while."""
    monkeypatch.setenv("NINEFOLD_INSTRUCTIONS", "none")
    for name in ("DATABASE_URL", "NINEFOLD_DATABASE_URL", "NINEFOLD_DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_lines_say_what_draws_why_and_what_would_be_faster(ninefold: RunInside) -> None:
    result = ninefold("doctor", "tiny")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "Draws with: eager"
    assert lines[1].startswith("Why: Drawing with eager, since NINEFOLD_INSTRUCTIONS=none")
    assert lines[2].startswith("Faster: ")
    assert (
        "Faster: NINEFOLD_INSTRUCTIONS=none keeps the engine from instructions: unset it." in lines
    )
    assert "Telemetry: none: Ninefold reports nothing to anybody" in lines


def test_the_document_says_where_things_are_kept(ninefold: RunInside, installed: Path) -> None:
    document = json.loads(ninefold("doctor", "tiny", "--json").out)
    assert set(document) == {"backend", "why", "faster", "found"}
    found = document["found"]
    assert found["model"] == "tiny, 16 pixels"
    assert found["data folder"] == f"{installed}, in use"
    assert found["database"] == f"embedded, in {installed / 'service'}"
    assert found["threads"].startswith("1 of ")


def test_a_database_of_ones_own_is_named_without_its_password(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:s3cret@db.example/pictures")
    result = ninefold("doctor", "tiny")
    assert "Database: PostgreSQL, pictures at db.example" in result.out
    assert "s3cret" not in result.out + result.err


def test_settings_that_cannot_be_are_told_and_the_rest_as_well(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NINEFOLD_SLOTS", "none")
    result = ninefold("doctor", "tiny")
    assert result.code == 0
    assert "Database: the service cannot start: " in result.out
    assert "Telemetry: none" in result.out


def test_a_model_that_is_not_installed_is_the_users_mistake(ninefold: RunInside) -> None:
    result = ninefold("doctor", "no-such-model")
    assert (result.code, result.out) == (2, "")
