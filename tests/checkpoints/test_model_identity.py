"""Laws of a model's digest and of the sizes in its config.json."""

import dataclasses

import pytest

from ninefold.checkpoints.model_folder import FileRecord, ModelConfig
from tests.tiny import DALLEBART, VQGAN_CONFIG

CONFIG = ModelConfig(
    name="tiny",
    licence="Apache-2.0",
    preset="pocket",
    dallebart=DALLEBART,
    vqgan=VQGAN_CONFIG,
    picture_size=32,
    files={"vqgan.safetensors": FileRecord("ab" * 32, 10)},
)


def test_the_digest_stays_with_another_name_licence_or_preset() -> None:
    other = dataclasses.replace(CONFIG, name="other", licence="MIT", preset="min-dalle")
    assert other.sha256 == CONFIG.sha256


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(CONFIG, files={"vqgan.safetensors": FileRecord("cd" * 32, 10)}),
        dataclasses.replace(CONFIG, normalize_text=False),
        dataclasses.replace(CONFIG, picture_size=64),
        dataclasses.replace(
            CONFIG, dallebart=dataclasses.replace(DALLEBART, activation_function="relu")
        ),
    ],
)
def test_the_digest_changes_with_whatever_decides_what_is_drawn(other: ModelConfig) -> None:
    assert other.sha256 != CONFIG.sha256


def test_the_digest_does_not_change_with_options_left_at_their_default() -> None:
    """The digest of a model that is out there must survive a new option of ours."""
    minimal = ModelConfig(
        name="x", licence="x", preset="x", dallebart=type(DALLEBART)(), vqgan=type(VQGAN_CONFIG)()
    )
    assert minimal.sha256 == ("944b9481d94a4029079f4cdd62dc75d834fe2ecfcad582baa90a178a9c9d5c9f")


def test_pictures_may_be_drawn_smaller_than_they_are_given() -> None:
    assert CONFIG.drawn_size == 16
    assert CONFIG.picture_size == 32


def test_pictures_cannot_be_drawn_larger_than_they_are_given() -> None:
    with pytest.raises(ValueError, match="4×4 codes are 16 pixels, but picture_size is 8"):
        dataclasses.replace(CONFIG, picture_size=8)


def test_a_picture_has_a_square_number_of_codes() -> None:
    oblong = dataclasses.replace(DALLEBART, image_length=12)
    with pytest.raises(ValueError, match="image_length is 12"):
        dataclasses.replace(CONFIG, dallebart=oblong)
