"""What comes out of drawing a prompt: pictures, with all that they were drawn from.

Plain values; they know nothing of models.
"""

from dataclasses import dataclass

from PIL import Image

from ninefold import __version__
from ninefold.generation.params import SamplingParams
from ninefold.pictures.png import Recipe


@dataclass(frozen=True)
class Progress:
    """How far a drawing is. One step is one code of a group of pictures, or one picture painted."""

    step: int
    total: int
    picture: int
    """Pictures that are finished."""


@dataclass(frozen=True)
class Preview:
    """A picture that is not finished: what is not drawn yet shows its commonest code so far."""

    image: Image.Image
    image_index: int
    num_codes: int
    """Codes that are drawn."""


@dataclass(frozen=True)
class Picture:
    """A finished image and what its place in the drawing is."""

    image: Image.Image
    image_index: int
    """Which picture of the seed it is; not its place in the ranking."""
    score: float | None
    """CLIP's logit for prompt and picture; None where the pictures were not ranked."""
    codes: tuple[int, ...]


@dataclass(frozen=True)
class Drawing:
    """The pictures of a prompt, and all that they were drawn from."""

    prompt: str
    """As it was drawn: without control characters."""
    params: SamplingParams
    pictures: tuple[Picture, ...]
    """The best first where they are ranked, else in drawing order."""
    model_name: str
    model_sha256: str
    dtype: str
    """Number format that the transformer ran in, or the native backend, which has its own."""
    drawn_size: int
    """Side in pixels that the pictures were drawn at, before they were enlarged."""
    notices: tuple[str, ...]
    """What a person should know, such as that the prompt was cut; one sentence each."""

    def recipe(self, picture: Picture) -> Recipe:
        """Return what draws `picture` again, byte for byte; the same whatever it was drawn with."""
        settings = self.params.for_picture(picture.image_index).to_dict()
        return Recipe(
            prompt=self.prompt,
            seed=settings.pop("seed"),
            index=picture.image_index,
            settings={**settings, "dtype": self.dtype},
            model=self.model_name,
            model_sha256=self.model_sha256,
            software=f"ninefold {__version__}",
        )
