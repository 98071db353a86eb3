"""A shock filter makes ramps steps, and leaves what is flat or sharp as it is."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from ninefold.generation.edges import sharpen

Pixels = NDArray[np.uint8]


def draw(blur: float = 0.0) -> Pixels:
    """A disc and a bar of flat colours."""
    image = Image.new("RGB", (512, 512), (160, 212, 245))
    canvas = ImageDraw.Draw(image)
    canvas.ellipse((60, 60, 300, 300), fill=(222, 62, 62))
    canvas.rectangle((340, 100, 470, 460), fill=(250, 215, 70))
    small = image.resize((256, 256), Image.Resampling.BOX)
    return np.asarray(small.filter(ImageFilter.GaussianBlur(blur)))


def error(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("blur", [1.0, 1.5, 2.0])
def test_a_blurred_drawing_comes_nearer_to_itself(blur: float) -> None:
    blurred = draw(blur)
    assert error(sharpen(blurred), draw()) < 0.6 * error(blurred, draw())


def test_a_sharp_drawing_stays_as_it_is() -> None:
    assert error(sharpen(draw()), draw()) < 0.25


@pytest.mark.parametrize("size", [(16, 16), (256, 256), (40, 24)])
def test_what_is_flat_stays_and_so_does_the_size(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), (12, 200, 90), np.uint8)
    assert np.array_equal(sharpen(flat), flat)
    ramp = np.repeat(np.linspace(0, 255, size[1]).astype(np.uint8)[None], size[0], 0)
    ramp = np.repeat(ramp[..., None], 3, -1)
    assert sharpen(ramp).shape == ramp.shape


def test_no_colour_is_made_that_was_not_nearby() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    found = sharpen(noise).astype(int)
    low, high = (
        np.asarray(Image.fromarray(noise).filter(kind(9)))
        for kind in (ImageFilter.MinFilter, ImageFilter.MaxFilter)
    )
    assert (found >= low).all()
    assert (found <= high).all()


def test_it_does_the_same_to_a_mirrored_picture() -> None:
    blurred = draw(1.5)
    assert np.array_equal(sharpen(blurred[:, ::-1])[:, ::-1], sharpen(blurred))
    assert np.array_equal(sharpen(blurred[::-1])[::-1], sharpen(blurred))
