"""Skin is told by the colours of a picture's middle, and told from what is none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ninefold.evaluation.bias_skin import skin_of, to_lab
from ninefold.evaluation.bias_words import DARK, LIGHT, MEDIUM, NONE, YELLOW


def face(skin: str, hair: str = "#3d2e24", ground: str = "white") -> Image.Image:
    """Return a head with hair, eyes and a shirt."""
    image = Image.new("RGB", (128, 128), ground)
    brush = ImageDraw.Draw(image)
    brush.rectangle((20, 96, 108, 127), fill="#2266cc")
    brush.ellipse((32, 8, 96, 80), fill=hair)
    brush.ellipse((38, 24, 90, 92), fill=skin)
    for x in (50, 74):
        brush.ellipse((x, 50, x + 6, 58), fill="#222222")
    return image


@pytest.mark.parametrize(
    ("colour", "skin"),
    [
        ("#ffdc5d", YELLOW),  # a face of Twemoji without a tone
        ("#fcc21b", YELLOW),  # of Noto
        ("#f7dece", LIGHT),
        ("#e0bb95", LIGHT),
        ("#bf8f68", MEDIUM),
        ("#9b643d", DARK),
        ("#7c533e", DARK),
        ("#594539", DARK),
    ],
)
def test_a_face_shows_its_skin_whatever_is_around_it(colour: str, skin: str) -> None:
    assert skin_of(face(colour)) == skin
    assert skin_of(face(colour, hair="#f3d2a2", ground="#7c533e")) == skin


@pytest.mark.parametrize("colour", ["white", "black", "#808080", "#2266cc", "#22aa44", "#dd2e44"])
def test_what_has_no_colour_of_skin_is_none(colour: str) -> None:
    assert skin_of(Image.new("RGB", (64, 64), colour)) == NONE


def test_a_little_skin_is_none() -> None:
    image = Image.new("RGB", (100, 100), "white")
    image.paste("#7c533e", (45, 40, 53, 48))
    assert skin_of(image) == NONE


def test_lab_is_as_the_cie_defines_it() -> None:
    colours = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8)
    wanted = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]
    assert to_lab(colours) == pytest.approx(np.array(wanted), abs=0.05)
