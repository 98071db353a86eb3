"""An invisible mark on the pixels of a picture, for when its file has lost everything else.

A fixed pattern of 64×64 pixels is repeated over the picture, fainter where it is flat. To find it,
the picture is folded onto one period, so that all repetitions add up, and compared with the pattern
at every offset: that is why a crop does not hurt. It says "drawn by Ninefold" and nothing else.
Whoever wants to can take it off or put it on: it is open, it holds no secret, and it is no proof.
Direct-sequence spread spectrum after Cox, Kilian, Leighton and Shamoon (1997), whitened by phase
correlation. Its limits are measured in docs/safety.md.
"""

import functools

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

MARK = "1"
"""Name of this mark, as recipes tell it; another pattern or strength is another mark."""

MARKED_SIDE = 256
"""Side in pixels at which the published models deliver; others are looked at in this one too."""

THRESHOLD = 6.0
"""Standard deviations from which a correlation peak is taken for the mark."""

_PERIOD = 64
_SEED = 20261124
_BAND = (0.06, 0.22)  # cycles a pixel: below, pictures drown it; above, JPEG takes it away
_FAINTEST, _STRONGEST = 1.0, 3.0  # grey levels, of 255
_MASKING = 0.25  # grey levels of the pattern for each one of the picture's texture
_WINDOW = 7
_BLUR = ImageFilter.BoxBlur(_WINDOW // 2)
_CLIP = 4.0  # grey levels: an edge of the picture counts no more than this

Floats = NDArray[np.float64]


def put_mark(picture: Image.Image) -> Image.Image:
    """Return `picture` in RGB with the mark on it; the same pixels give the same pixels."""
    image = picture.convert("RGB")
    grey = image.convert("L")
    detail = ImageChops.difference(grey, grey.filter(_BLUR))
    texture = np.asarray(detail.filter(_BLUR), dtype=np.float32)
    strength = np.minimum(_FAINTEST + _MASKING * texture, _STRONGEST)
    change = np.rint(strength * _tiled(image.height, image.width)).astype(np.int16)
    marked = np.asarray(image, dtype=np.int16) + change[..., None]
    return Image.fromarray(marked.clip(0, 255).astype(np.uint8))


def has_mark(picture: Image.Image) -> bool:
    """Whether the mark is found on a picture, also one that was cropped or compressed."""
    return mark_strength(picture) >= THRESHOLD


def mark_strength(picture: Image.Image) -> float:
    """Return by how many standard deviations the best match stands out; 3.5 without a mark."""
    image = picture.convert("RGB")
    found = [_peak(_luma(np.asarray(image, dtype=np.float64)))]
    if max(image.size) != MARKED_SIDE:
        scale = MARKED_SIDE / max(image.size)
        width, height = (max(round(side * scale), 1) for side in image.size)
        resized = image.resize((width, height), Image.Resampling.LANCZOS)
        found.append(_peak(_luma(np.asarray(resized, dtype=np.float64))))
    return max(found)


def _peak(luma: Floats) -> float:
    """Return the height of the correlation's peak over all offsets."""
    detail = np.clip(luma - _blurred(luma), -_CLIP, _CLIP)
    height, width = (-(-side // _PERIOD) * _PERIOD for side in luma.shape)
    padded = np.zeros((height, width))
    padded[: luma.shape[0], : luma.shape[1]] = detail
    folded = padded.reshape(height // _PERIOD, _PERIOD, width // _PERIOD, _PERIOD).sum((0, 2))
    spectrum = np.fft.fft2(folded)
    phases = spectrum / np.maximum(np.abs(spectrum), 1e-9)
    correlation = np.fft.ifft2(phases * np.conj(np.fft.fft2(_pattern()))).real
    spread = float(correlation.std())
    return float((correlation.max() - correlation.mean()) / spread) if spread > 0 else 0.0


@functools.lru_cache(maxsize=8)
def _tiled(height: int, width: int) -> NDArray[np.float32]:
    """Return the pattern over a whole picture."""
    repeats = (-(-height // _PERIOD), -(-width // _PERIOD))
    return np.tile(_pattern(), repeats)[:height, :width].astype(np.float32)


@functools.cache
def _pattern() -> Floats:
    """Return one period of the pattern: noise of one band of frequencies, of variance 1."""
    noise = np.random.Generator(np.random.Philox(key=_SEED)).standard_normal((_PERIOD, _PERIOD))
    frequencies = np.fft.fftfreq(_PERIOD)
    radius = np.hypot(frequencies[:, None], frequencies[None, :])
    spectrum = np.fft.fft2(noise)
    in_band = (radius > _BAND[0]) & (radius < _BAND[1])
    flat = np.where(in_band, spectrum / np.maximum(np.abs(spectrum), 1e-9), 0)
    pattern: Floats = np.fft.ifft2(flat).real
    pattern /= pattern.std()
    return pattern


def _luma(pixels: Floats) -> Floats:
    """Return the brightness of RGB pixels (ITU-R BT.601)."""
    luma: Floats = pixels @ np.array([0.299, 0.587, 0.114])
    return luma


def _blurred(values: Floats) -> Floats:
    """Return the mean over a square window around each value, edges repeated."""
    half = _WINDOW // 2
    padded = np.pad(values, half, mode="edge")
    sums = np.pad(padded, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    corners: Floats = sums[_WINDOW:, _WINDOW:] - sums[:-_WINDOW, _WINDOW:]
    corners += sums[:-_WINDOW, :-_WINDOW] - sums[_WINDOW:, :-_WINDOW]
    corners /= _WINDOW**2
    return corners
