"""Laws of `ninefold config check`: it says whether the service could start, and why not."""

import pytest

from tests.cli.conftest import RunInside


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the check makes out of a developer's own data."""
    monkeypatch.setenv("NINEFOLD_DATA", str(tmp_path_factory.mktemp("data")))
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_good_settings_are_said_to_be_good(ninefold: RunInside) -> None:
    result = ninefold("config", "check")
    assert (result.code, result.out) == (0, "")
    assert "can start" in result.err


def test_a_variable_that_is_no_setting_is_named(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NINEFOLD_PROT", "8000")
    assert "NINEFOLD_PROT is no setting" in ninefold("config", "check").err


def test_secrets_are_masked(ninefold: RunInside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINEFOLD_SECRET", "s" * 40)
    result = ninefold("config", "check", "--show")
    assert "NINEFOLD_PORT=8000" in result.out
    assert "sss" not in result.out


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("NINEFOLD_MODEL", "nothing", "no model 'nothing'"),
        ("NINEFOLD_ANONYMOUS_RATE", "often", "is not a valid rate"),
        ("NINEFOLD_LIMITS_STORAGE", "gopher://x", "NINEFOLD_LIMITS_STORAGE"),
        ("NINEFOLD_PICTURES_URL", "gopher://x", "NINEFOLD_PICTURES_URL"),
        ("DATABASE_URL", "sqlite:///x", "PostgreSQL"),
        ("NINEFOLD_PORT", "many", "NINEFOLD_PORT cannot be used"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    result = ninefold("config", "check")
    assert result.code == 2
    assert message in result.err


def test_a_database_that_is_not_there_is_not_the_users_mistake(
    ninefold: RunInside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    result = ninefold("config", "check")
    assert result.code == 1
    assert "database cannot be used" in result.err
