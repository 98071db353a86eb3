"""What a person may choose about a drawing, and the choices of the systems that we follow.

Pure Python: knows nothing of models, tensors or files. A `SamplingParams` with a prompt and a model
says everything about a drawing, so it is what a picture's file carries to be drawn again. What a
person left out is for the model's preset to say: `complete` is the one place that fills it in.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self, cast, get_args

from ninefold.errors import UserError

Dialect = Literal["dalle-mini", "min-dalle"]
"""Which reference's rules hold where the two differ; see `SamplingParams.dialect`."""

MAX_SEED = 2**64 - 1
MAX_COUNT = 64
MAX_CANDIDATES = 512
MAX_IMAGE_INDEX = 2**32 - 1
MAX_CONDITION_SCALE = 100.0
MAX_TEMPERATURE = 100.0
MAX_TOP_K = 2**31 - 1
SEAMLESS_COUNTS = (1, 4, 9, 16)


class _LeftOut:
    """Marks a value as one that nobody chose, through copies and `dataclasses.replace` alike."""


class _FloatLeftOut(_LeftOut, float):
    pass


class _IntLeftOut(_LeftOut, int):
    pass


class _TextLeftOut(_LeftOut, str):
    pass


_NO_DIALECT = cast(Dialect, _TextLeftOut("dalle-mini"))

_PRESET_SETTINGS = ("condition_scale", "temperature", "top_k", "top_p", "dialect")
"""What a preset decides where a person does not."""


@dataclass(frozen=True)
class SamplingParams:
    """How pictures are drawn.

    What is left out of `condition_scale`, `temperature`, `top_k`, `top_p` and `dialect` is as the
    preset of the model says that draws. Until a model is known it reads as the published
    DALL·E Mini setting.

    Raises:
        UserError: a value that cannot be drawn with; the message says which can.
    """

    seed: int = 0
    """0 to 2**64-1. Picture `i` of a seed has a random stream of its own, keyed by both."""
    count: int = 9
    """Pictures to return, 1 to 64."""
    first_image: int = 0
    """Index of the first picture, so that picture 5 of nine can be drawn alone."""
    condition_scale: float = _FloatLeftOut(10.0)
    """Guidance: logits are `unconditional + scale · (conditional − unconditional)`.

    1 is no guidance (and half the work), 0 ignores the prompt.
    """
    temperature: float = _FloatLeftOut(1.0)
    """Above 0; guided logits are divided by it. Lower is safer, higher is more varied."""
    top_k: int = _IntLeftOut(50)
    """Each code is drawn from this many of the most likely; 0 is all, 1 is always the likeliest."""
    top_p: float = _FloatLeftOut(1.0)
    """Each code is drawn from the fewest likeliest codes that reach this probability together."""
    negative_prompt: str = ""
    """Takes the place of the empty text in guidance, so that pictures move away from it.

    Where no `condition_scale` is chosen, it is the preset's for drawing with negative prompts.
    """
    seamless: bool = False
    """Decode the pictures as one large grid, so that each runs into its neighbours."""
    candidates: int | None = None
    """Pictures to draw, of which ranking keeps the best `count`; None draws `count`."""
    rank: bool = True
    """Order the pictures by CLIP, best first, where the model has a CLIP.

    Seamless pictures are not ranked: their order is their place in the grid.
    """
    dialect: Dialect = _NO_DIALECT
    """Which reference to follow where they differ: the start token and the text's preparation.

    "dalle-mini" starts at the model's own start token and normalises captions as in training;
    "min-dalle" starts at the last real code (16383) and prepares text as min-dalle 0.4.11 does.
    """

    def __post_init__(self) -> None:
        for name in ("condition_scale", "temperature", "top_p"):
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, name, float(value))  # 10 and 10.0 are one setting
        _require_int("seed", self.seed, 0, MAX_SEED)
        _require_int("count", self.count, 1, MAX_COUNT)
        _require_int("first_image", self.first_image, 0, MAX_IMAGE_INDEX)
        _require_int("top_k", self.top_k, 0, MAX_TOP_K)
        _require_float("condition_scale", self.condition_scale, 0.0, MAX_CONDITION_SCALE)
        _require_float("temperature", self.temperature, 0.0, MAX_TEMPERATURE)
        _require_float("top_p", self.top_p, 0.0, 1.0)
        if self.temperature == 0.0:
            raise UserError("temperature must be above 0; for the likeliest codes use top_k=1.")
        if self.top_p == 0.0:
            raise UserError("top_p must be above 0; for the likeliest codes use top_k=1.")
        _require_bool("seamless", self.seamless)
        _require_bool("rank", self.rank)
        if self.dialect not in get_args(Dialect):
            choices = " or ".join(get_args(Dialect))
            raise UserError(f"dialect must be {choices}, not {self.dialect!r}.")
        self._check_negative_prompt()
        self._check_candidates()
        self._check_last_image()
        self._check_seamless()

    def _check_negative_prompt(self) -> None:
        if not isinstance(self.negative_prompt, str):
            raise UserError(f"negative_prompt must be text, not {self.negative_prompt!r}.")
        if self.negative_prompt.strip() and self.condition_scale == 1.0:
            raise UserError(
                "A negative prompt works through guidance, which condition_scale=1 switches off; "
                "use a condition_scale above 1, or leave it out."
            )

    def _check_candidates(self) -> None:
        if self.candidates is None:
            return
        _require_int("candidates", self.candidates, 1, MAX_CANDIDATES)
        if self.candidates < self.count:
            raise UserError(
                f"candidates={self.candidates} is fewer than count={self.count}; "
                "draw at least as many candidates as pictures are wanted."
            )
        if self.candidates > self.count and not self.rank:
            raise UserError("Choosing among candidates needs ranking; use rank=True.")

    def _check_last_image(self) -> None:
        if self.image_indices[-1] > MAX_IMAGE_INDEX:
            raise UserError(
                f"{self.num_drawn} pictures from first_image={self.first_image} go beyond the last "
                f"index, {MAX_IMAGE_INDEX}; use a smaller first_image."
            )

    def _check_seamless(self) -> None:
        if not self.seamless:
            return
        if self.count not in SEAMLESS_COUNTS:
            counts = ", ".join(map(str, SEAMLESS_COUNTS))
            raise UserError(
                f"Seamless pictures fill a square grid; use a count of {counts}, not {self.count}."
            )
        if self.num_drawn > self.count:
            raise UserError("Seamless pictures cannot be chosen from candidates; leave those out.")

    @property
    def num_drawn(self) -> int:
        """Pictures that are drawn: the candidates where there are any, else `count`."""
        return self.count if self.candidates is None else self.candidates

    @property
    def image_indices(self) -> range:
        """Index of each picture that is drawn, in drawing order."""
        return range(self.first_image, self.first_image + self.num_drawn)

    @property
    def is_guided(self) -> bool:
        """Whether each picture needs the unconditional pass beside the conditional one."""
        return self.condition_scale != 1.0

    def for_picture(self, image_index: int) -> Self:
        """Return the settings that draw the picture of this index and no other, byte for byte.

        They are the same for every drawing of which the picture could be a part, except that a
        seamless picture depends on its whole grid: for that the settings are unchanged.

        Raises:
            UserError: these settings do not draw a picture of that index.
        """
        if image_index not in self.image_indices:
            last = self.image_indices[-1]
            raise UserError(
                f"Picture {image_index} is not drawn; use {self.first_image} to {last}."
            )
        if self.seamless:
            return self
        return dataclasses.replace(
            self, count=1, first_image=image_index, candidates=None, rank=False
        )

    def chooses(self, name: str) -> bool:
        """Whether somebody chose the setting called `name`, be it the default's own value."""
        return not isinstance(getattr(self, name), _LeftOut)

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as JSON values, those that are left out as they read."""
        return {
            name: _plain(value) if isinstance(value, _LeftOut) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings of `to_dict`; those that are left out take their default.

        Raises:
            UserError: a name that is no setting, or a value that is not allowed.
        """
        names = [entry.name for entry in dataclasses.fields(cls)]
        unknown = sorted(str(name) for name in values if name not in names)
        if unknown:
            raise UserError(f"Unknown setting {', '.join(unknown)}; use {', '.join(names)}.")
        return cls(**values)


def _require_int(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UserError(f"{name} must be a whole number from {low} to {high}, not {value!r}.")


def _require_float(name: str, value: object, low: float, high: float) -> None:
    if not isinstance(value, float) or not math.isfinite(value) or not low <= value <= high:
        raise UserError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}.")


def _require_bool(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise UserError(f"{name} must be true or false, not {value!r}.")


def _plain(value: object) -> float | int | str:
    """Return a value that was left out as if somebody had chosen it."""
    for kind in (float, int, str):
        if isinstance(value, kind):
            return kind(value)
    raise AssertionError(f"{value!r} is not a kind of value that can be left out")


@dataclass(frozen=True)
class Preset:
    """Settings under a name, with where they come from."""

    name: str
    source: str
    """Where these values were published or how they were found."""
    params: SamplingParams
    negative_scale: float
    """`condition_scale` of a drawing with a negative prompt, which needs guidance to work."""
    max_scale: float
    """Highest `condition_scale` that its models are known to draw well with."""


def _by_name(*presets: Preset) -> Mapping[str, Preset]:
    return MappingProxyType({preset.name: preset for preset in presets})


PRESETS: Mapping[str, Preset] = _by_name(
    Preset(
        name="dalle-mini",
        source=(
            "borisdayma/dalle-mini, inference notebook since 2022-05-28: cond_scale 10; gen_top_k "
            "None, which transformers reads as its default of 50; temperature and top_p unset."
        ),
        params=SamplingParams(
            condition_scale=10.0, top_k=50, temperature=1.0, top_p=1.0, dialect="dalle-mini"
        ),
        negative_scale=10.0,
        max_scale=16.0,  # what min-dalle draws the same weights with
    ),
    Preset(
        name="min-dalle",
        source=(
            "kuprel/min-dalle 0.4.11, MinDalle.generate_image: supercondition_factor 16, top_k "
            "256, temperature 1; starts at code 16383 and does not normalise captions."
        ),
        params=SamplingParams(
            condition_scale=16.0, top_k=256, temperature=1.0, top_p=1.0, dialect="min-dalle"
        ),
        negative_scale=16.0,
        max_scale=16.0,
    ),
    Preset(
        name="pocket",
        source="This project: by eye, on twelve prompts (docs/LOG.md, 30 November 2026).",
        params=SamplingParams(
            condition_scale=1.0, top_k=32, temperature=0.5, top_p=1.0, dialect="dalle-mini"
        ),
        negative_scale=2.0,  # at 1.5 what is not wanted often stays, at 3 some pictures tear
        max_scale=3.0,
    ),
)
"""The named settings, each with its source; `get_preset` explains an unknown name."""


@dataclass(frozen=True)
class Completed:
    """Settings of which nothing is left out."""

    params: SamplingParams
    notices: tuple[str, ...]
    """What was decided that a person may not expect; one sentence each."""


def complete(
    params: SamplingParams, preset: Preset, *, foreign_scale: float | None = None
) -> Completed:
    """Return the settings to draw with: those that are chosen, and the preset's for the rest.

    Args:
        params: a negative prompt has been cleaned: what is blank is none.
        preset: the model's own, unless a person chose another.
        foreign_scale: guidance that a client of another system sends, which may be its default
            and mean another scale than ours. It is drawn with where the preset's models are made
            for it; `params.condition_scale`, which a person chose, goes before it.
    """
    ours = {name: getattr(preset.params, name) for name in _PRESET_SETTINGS}
    has_negative = bool(params.negative_prompt.strip())
    if has_negative:
        ours["condition_scale"] = preset.negative_scale
    notices: list[str] = []
    if not params.chooses("condition_scale"):
        if foreign_scale is not None and not _suits(foreign_scale, preset, has_negative):
            notices.append(_explain_foreign(foreign_scale, preset, ours["condition_scale"]))
        elif foreign_scale is not None:
            ours["condition_scale"] = float(foreign_scale)
        elif ours["condition_scale"] != preset.params.condition_scale:
            notices.append(
                "A negative prompt works through guidance, so this is drawn with condition_scale="
                f"{ours['condition_scale']:g} instead of {preset.params.condition_scale:g}."
            )
    left_out = {name: value for name, value in ours.items() if not params.chooses(name)}
    return Completed(dataclasses.replace(params, **left_out), tuple(notices))


def _suits(scale: float, preset: Preset, has_negative: bool) -> bool:
    return scale <= preset.max_scale and not (has_negative and scale == 1.0)


def _explain_foreign(scale: float, preset: Preset, ours: float) -> str:
    if scale > preset.max_scale:
        why = f"is above what this model is made for (at most {preset.max_scale:g})"
    else:
        why = "switches off the negative prompt"
    return f"Guidance {scale:g} {why}, so this is drawn with {ours:g}."


def get_preset(name: str) -> Preset:
    """Return the preset called `name`.

    Raises:
        UserError: there is no such preset.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise UserError(f"There is no preset {name!r}; use {', '.join(PRESETS)}.") from None
