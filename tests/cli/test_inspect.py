"""`ninefold inspect` on what `ninefold draw` signs, and on what it did not draw."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ninefold.pictures.png import read_recipe
from tests.cli.conftest import RunInside

CALL = ("draw", "a red apple", "--model", "tiny", "--seed", "7", "--count", "1")


@pytest.fixture(autouse=True)
def own_keys(workplace: Path, monkeypatch: pytest.MonkeyPatch, installed: Path) -> None:
    """A home of this test's own, with the installed models, so that each starts without a key."""
    home = workplace / "home"
    home.mkdir()
    (home / "models").symlink_to(installed / "models")
    monkeypatch.setenv("NINEFOLD_HOME", str(home))


def test_a_signed_picture_tells_its_model_but_not_its_prompt(ninefold: RunInside) -> None:
    drawn = ninefold(*CALL, "--sign")
    assert (drawn.code, "Made a key to sign pictures" in drawn.err) == (0, True)
    document = json.loads(ninefold("inspect", drawn.out.strip(), "--json").out)
    credentials = document["content_credentials"]
    assert credentials["state"] == "trusted"
    assert credentials["is_generated"]
    assert credentials["origin"]["model"] == "tiny"
    assert credentials["origin"]["prompt"] is None
    again = ninefold(*CALL, "--sign", "--sign-prompt")
    assert "Made a key" not in again.err
    shown = ninefold("inspect", again.out.strip())
    assert "it says: from the prompt a red apple" in shown.out
    assert "who is trusted here; unchanged since" in shown.out


def test_drawn_like_a_signed_picture_it_is_the_same_but_for_the_signature(
    ninefold: RunInside,
) -> None:
    picture = ninefold(*CALL, "--sign").out.strip()
    plain = ninefold("draw", "--like", picture)
    assert "the same picture, byte for byte but for Content Credentials." in plain.err
    signed = ninefold("draw", "--like", picture, "--sign")
    assert "but for Content Credentials." in signed.err


def test_drawn_like_a_marked_picture_it_is_marked(ninefold: RunInside) -> None:
    picture = ninefold(*CALL, "--mark").out.strip()
    assert read_recipe(Path(picture)).mark == "1"
    assert "the same picture, byte for byte." in ninefold("draw", "--like", picture).err
    assert Path(picture).read_bytes() != Path(ninefold(*CALL).out.strip()).read_bytes()


def test_a_change_after_signing_is_told_by_the_exit_code(
    ninefold: RunInside, workplace: Path
) -> None:
    data = Path(ninefold(*CALL, "--sign").out.strip()).read_bytes()
    (workplace / "changed.png").write_bytes(data.replace(b"a red apple", b"a big apple"))
    result = ninefold("inspect", "changed.png")
    assert result.code == 1
    assert "BROKEN" in result.out


def test_a_picture_of_a_stranger_is_no_error(ninefold: RunInside, workplace: Path) -> None:
    Image.new("RGB", (8, 8)).save(workplace / "it.webp")
    result = ninefold("inspect", "it.webp")
    assert (result.code, result.err) == (0, "")
    assert "Content Credentials: none" in result.out
    assert "Invisible mark: none found" in result.out


def test_a_key_of_an_operators_is_not_trusted_by_others(
    ninefold: RunInside, workplace: Path
) -> None:
    ninefold(*CALL, "--sign")
    (workplace / "home" / "signing").rename(workplace / "operator")
    picture = ninefold(*CALL, "--sign", "--key", "operator").out.strip()
    assert "nobody here vouches" in ninefold("inspect", picture).out
    trusted = ninefold("inspect", picture, "--trust", "operator/certificates.pem")
    assert "trusted here" in trusted.out


def test_options_on_signing_need_sign(ninefold: RunInside) -> None:
    result = ninefold(*CALL, "--sign-prompt")
    assert result.code == 2
    assert "give --sign with them" in result.err


def test_what_is_no_picture_is_the_users_mistake(ninefold: RunInside, workplace: Path) -> None:
    (workplace / "it.txt").write_text("nonsense")
    assert ninefold("inspect", "it.txt").code == 2
    assert ninefold("inspect", "none.png").code == 2
