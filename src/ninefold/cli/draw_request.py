"""From the options of `ninefold draw` to a request that can be drawn, or a sentence on why not.

All that can be known without a model is checked here, before PyTorch is imported.
"""

import dataclasses
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ninefold.checkpoints.registry import MODEL_NAME, find_model
from ninefold.cli.draw_files import Finish
from ninefold.cli.draw_signing import prepare_signing
from ninefold.cli.messages import shorten
from ninefold.cli.prompts import gather_prompts
from ninefold.engine.config import DEFAULT_DTYPE, read_format
from ninefold.errors import UserError
from ninefold.generation.params import Completed, SamplingParams, complete, get_preset
from ninefold.home import expand_user
from ninefold.pictures.png import Recipe, Setting, read_recipe
from ninefold.safety.mark import MARK
from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import RefusedError
from ninefold.text.prompt import clean_prompt

DEFAULT_MODEL = "pocket"
DTYPES = ("float32", "bfloat16", "float16")
"""Names of the number formats; `ninefold.devices` knows what they are."""

OWN_POLICY = "default"
"""What `--policy` calls the prompt policy that comes with Ninefold."""

DTYPE_SETTING = "dtype"
"""The one setting of a recipe that is no sampling parameter."""

_SEED_BITS = 32  # of a seed that nobody chose: short enough to type


@dataclass(frozen=True)
class DrawOptions:
    """The options as they were typed; None where one was not given."""

    prompts: Sequence[str] = ()
    file: str | None = None
    model: str | None = None
    like: str | None = None
    seed: int | None = None
    count: int | None = None
    preset: str | None = None
    condition_scale: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    negative: str | None = None
    seamless: bool | None = None
    candidates: int | None = None
    policy: str | None = None
    sign: bool = False
    sign_prompt: bool = False
    key: str | None = None
    mark: bool | None = None
    out: str = "pictures"
    grid: bool | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    device: str = "auto"
    dtype: str | None = None
    backend: str | None = None
    threads: int | None = None
    server: str | None = None


@dataclass(frozen=True)
class Original:
    """The picture that is to be drawn again."""

    path: Path
    data: bytes
    recipe: Recipe


@dataclass(frozen=True)
class DrawPlan:
    """What is to be drawn, and where it goes."""

    prompts: Sequence[str]
    model_folder: Path
    settings: Mapping[str, Setting]
    """Sampling parameters that were given, the seed among them."""
    preset: str | None
    """None for the model's own."""
    dtype: str
    backend: str
    device: str
    out: Path
    has_grid: bool | None
    """None for a grid where there are several pictures."""
    is_json: bool
    is_quiet: bool
    is_verbose: bool = False
    policy: PromptPolicy | None = None
    """What the prompts have been asked, and are asked again for notices; None asks nothing."""
    finish: Finish | None = None
    """What signs the files; None leaves them as they are."""
    is_marked: bool = False
    """Whether the pictures get the invisible mark."""
    original: Original | None = None
    threads: int | None = None
    """Of the processor, at most; None leaves it to PyTorch."""

    def complete(self, model_preset: str) -> Completed:
        """Return the settings to draw with, by a model whose own preset is `model_preset`.

        Raises:
            UserError: a setting is out of its range, or two do not go together.
        """
        given = SamplingParams.from_dict(self.settings)
        return complete(given, get_preset(self.preset or model_preset))


def read_options(options: DrawOptions) -> DrawPlan:
    """Return the request that `options` make.

    Raises:
        UserError: what was asked for cannot be drawn; the message says how to ask.
    """
    return _read_original(options) if options.like is not None else _read_prompts(options)


def _read_prompts(options: DrawOptions) -> DrawPlan:
    prompts = gather_prompts(options.prompts, options.file)
    settings = given_settings(options)
    if options.negative:
        clean_prompt(options.negative, "The negative prompt", may_be_empty=True)
        settings["negative_prompt"] = options.negative.strip()
    settings.setdefault("seed", secrets.randbits(_SEED_BITS))
    SamplingParams.from_dict(settings)  # refuse what no model can draw
    if options.preset is not None:
        get_preset(options.preset)
    dtype, backend = _read_format(options.dtype or DEFAULT_DTYPE, options.backend)
    return DrawPlan(
        prompts=prompts,
        model_folder=find_model(options.model or DEFAULT_MODEL),
        settings=settings,
        preset=options.preset,
        dtype=dtype,
        backend=backend,
        device=options.device,
        threads=options.threads,
        out=read_folder_name(options.out),
        has_grid=options.grid,
        is_json=options.json,
        is_quiet=options.quiet,
        is_verbose=options.verbose,
        policy=_ask_policy(options.policy, prompts, options.negative),
        finish=prepare_signing(options.sign, options.key, has_prompt=options.sign_prompt),
        is_marked=bool(options.mark),
    )


def _read_original(options: DrawOptions) -> DrawPlan:
    assert options.like is not None
    _refuse_beside_like(options)
    path = Path(options.like)
    recipe = read_recipe(path)
    settings = dict(recipe.settings)
    settings["seed"] = recipe.seed
    try:
        dtype, backend = _read_format(settings.pop(DTYPE_SETTING, DEFAULT_DTYPE), None)
        if recipe.index not in SamplingParams.from_dict(settings).image_indices:
            raise UserError(f"they do not draw picture {recipe.index}.")
        clean_prompt(recipe.prompt, "Its prompt")
        if recipe.mark not in ("", MARK):
            raise UserError(f"its mark {shorten(recipe.mark)!r} is not one that is known here.")
    except UserError as error:
        raise UserError(
            f"The settings that {options.like!r} carries cannot be drawn with: {error}"
        ) from None
    return DrawPlan(
        prompts=[recipe.prompt],
        model_folder=_find_model_of(recipe, options),
        settings=settings,
        preset=None,
        dtype=dtype,
        backend=backend,
        device=options.device,
        threads=options.threads,
        out=read_folder_name(options.out),
        has_grid=False,
        is_json=options.json,
        is_quiet=options.quiet,
        is_verbose=options.verbose,
        policy=_ask_policy(options.policy, [recipe.prompt], str(settings["negative_prompt"] or "")),
        finish=prepare_signing(options.sign, options.key, has_prompt=options.sign_prompt),
        is_marked=recipe.mark == MARK,
        original=Original(path, path.read_bytes(), recipe),
    )


def given_settings(options: DrawOptions) -> dict[str, Setting]:
    """Return the sampling parameters that were given, the negative prompt apart."""
    given: dict[str, Setting] = {
        "seed": options.seed,
        "count": options.count,
        "condition_scale": options.condition_scale,
        "temperature": options.temperature,
        "top_k": options.top_k,
        "top_p": options.top_p,
        "seamless": options.seamless,
        "candidates": options.candidates,
    }
    return {name: value for name, value in given.items() if value is not None}


def _refuse_beside_like(options: DrawOptions) -> None:
    """Refuse options that --like takes from the picture."""
    if options.prompts:
        raise UserError("--like takes the prompt from the picture; leave out either of them.")
    shown = ("out", "json", "quiet", "verbose", "device")
    allowed = ("prompts", "model", "like", "policy", "sign", "sign_prompt", "key", *shown)
    for entry in dataclasses.fields(options):
        if entry.name not in allowed and getattr(options, entry.name) is not None:
            is_no_grid = entry.name == "grid" and options.grid is False
            flag = "--no-grid" if is_no_grid else f"--{entry.name.replace('_', '-')}"
            raise UserError(f"--like takes everything from the picture; leave out {flag}.")


def _find_model_of(recipe: Recipe, options: DrawOptions) -> Path:
    """Return the folder of the model that drew a picture: a name alone, no path from a stranger."""
    if options.model is not None:
        return find_model(options.model)
    label = shorten(recipe.model)
    if MODEL_NAME.fullmatch(recipe.model) is None:
        raise UserError(
            f"The picture was drawn by a model called {label!r}; give its folder with --model."
        )
    try:
        return find_model(recipe.model)
    except UserError as error:
        raise UserError(
            f"The picture was drawn by the model {label!r}; give its folder with --model, for here "
            f"is none of that name: {error}"
        ) from None


def _ask_policy(
    name: str | None, prompts: Sequence[str], negative_prompt: str | None
) -> PromptPolicy | None:
    """Return the policy of that name, or None; it has been asked about all prompts.

    Raises:
        UserError: there is no such policy, or it refuses a prompt, so nothing is drawn of any.
    """
    if name is None:
        return None
    policy = PromptPolicy.load(None if name == OWN_POLICY else Path(name))
    for number, prompt in enumerate(prompts, start=1):
        verdict = policy.check(prompt, negative_prompt)
        if verdict.is_refused and len(prompts) > 1:
            raise UserError(f"Prompt {number}: {RefusedError(verdict)}")
        if verdict.is_refused:
            raise RefusedError(verdict)
    return policy


def _read_format(name: Setting, backend: str | None) -> tuple[str, str]:
    """Return number format and backend; recipes name a native backend where its format would be."""
    dtype, backend = read_format(str(name), backend)
    if dtype not in DTYPES:
        raise UserError(f"{name!r} is not a number format; use {', '.join(DTYPES)}.")
    return dtype, backend


def read_folder_name(name: str) -> Path:
    """Return the folder that `--out` names.

    Raises:
        UserError: it names none.
    """
    if not name or "\0" in name:
        raise UserError("--out needs the name of a folder.")
    return expand_user(name)
