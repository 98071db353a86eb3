"""Checks of a model on its own weights: that it is whole, is the one that it is called, and works.

Tests run on tiny random models; what only the real weights can show is checked here, on the machine
that has them: parameter counts, recorded token ids, finite logits, a picture. The drawing is a few
greedy steps, no `generation`: it is to show that numbers flow, not what is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from ninefold.checkpoints.load import load_clip, load_dallebart, load_vqgan
from ninefold.checkpoints.model_folder import ModelConfig, read_config, record_of
from ninefold.checkpoints.registry import ModelSpec
from ninefold.errors import CheckpointError, NinefoldError
from ninefold.file_kinds import refuse_lfs_pointer
from ninefold.models.dallebart import DalleBart
from ninefold.models.vqgan import VQGAN
from ninefold.text import TextTokenizer

_PROMPT = " a red apple"  # normalised, as every text that the model reads: one space in front
_NUM_STEPS = 4
_DEVICE = torch.device("cpu")
_DTYPE = torch.float32

T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    seen: str
    """What was seen, or what is wrong."""


OnCheck = Callable[[Check], None]


def verify_model(
    folder: Path, spec: ModelSpec | None = None, on_check: OnCheck | None = None
) -> list[Check]:
    """Look at everything that can be looked at in a model's folder.

    Takes about as much memory as drawing in float32.

    Args:
        folder: an installed model.
        spec: what is known about the model of that name, to be compared; None: nothing is.
        on_check: called with each check as soon as it is done.

    Returns:
        The checks in order. The model is sound if all of them passed.
    """
    checks = _Checks(on_check)
    config = checks.run("configuration", lambda: _check_config(folder))
    if config is None:
        return checks.done
    tokenizer = checks.run("tokenizer", lambda: _check_tokenizer(folder, config, spec))
    checks.run("files", lambda: _check_files(folder, config))
    expected = spec.dallebart_parameters if spec else None
    dallebart = checks.run(
        "transformer", lambda: _count(load_dallebart(folder, _DEVICE, _DTYPE), expected)
    )
    vqgan = checks.run(
        "VQGAN",
        lambda: _count(load_vqgan(folder, _DEVICE, _DTYPE), _vqgan_parameters(config, spec)),
    )
    if config.clip is not None:
        checks.run("CLIP", lambda: _check_clip(folder))
    if dallebart is None or tokenizer is None:
        return checks.done
    codes = checks.run("logits", lambda: _check_logits(dallebart, tokenizer, config))
    if codes is not None and vqgan is not None:
        checks.run("drawing", lambda: _check_drawing(vqgan, codes, config))
    return checks.done


class _Checks:
    """Runs checks and keeps what they saw; one that fails does not stop the others."""

    def __init__(self, on_check: OnCheck | None) -> None:
        self.done: list[Check] = []
        self._on_check = on_check

    def run(self, name: str, look: Callable[[], tuple[T, str]]) -> T | None:
        """Return what `look` made, or None if it raised."""
        value: T | None = None
        try:
            value, seen = look()
            check = Check(name, True, seen)
        except NinefoldError as error:
            check = Check(name, False, str(error))
        self.done.append(check)
        if self._on_check:
            self._on_check(check)
        return value


def _check_config(folder: Path) -> tuple[ModelConfig, str]:
    config = read_config(folder)
    return config, f"{config.name}, {config.picture_size} pixels, {config.licence}"


def _check_files(folder: Path, config: ModelConfig) -> tuple[None, str]:
    for name, record in config.files.items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{name} is missing; install the model again.")
        refuse_lfs_pointer(path)
        found = record_of(path)
        if found != record:
            raise CheckpointError(
                f"{name} has changed since it was installed: {found.bytes:,} bytes with hash "
                f"{found.sha256[:12]}…, not {record.bytes:,} with {record.sha256[:12]}…."
            )
    return None, f"{len(config.files)} files have the recorded sizes and hashes"


def _check_tokenizer(
    folder: Path, config: ModelConfig, spec: ModelSpec | None
) -> tuple[TextTokenizer, str]:
    sizes = config.dallebart
    tokenizer = TextTokenizer.from_folder(folder, sizes.max_text_length, sizes.encoder_vocab_size)
    golden = spec.golden_tokens if spec else ()
    for prompt, expected in golden:
        encoded = tokenizer.encode(f" {prompt}")
        found = encoded.ids[: encoded.num_tokens]
        if found != expected:
            raise CheckpointError(f"{prompt!r} is {list(found)}, not {list(expected)} as recorded.")
    if golden:
        return tokenizer, f"{len(golden)} recorded prompts have the recorded token ids"
    encoded = tokenizer.encode(_PROMPT)
    return tokenizer, f"{_PROMPT!r} is {list(encoded.ids[: encoded.num_tokens])}"


Model = TypeVar("Model", bound=nn.Module)


def _count(model: Model, expected: int | None) -> tuple[Model, str]:
    found = sum(parameter.numel() for parameter in model.parameters())
    if expected is not None and found != expected:
        raise CheckpointError(f"{found:,} parameters, where the published model has {expected:,}.")
    return model, f"every tensor in its place, {found:,} parameters"


def _vqgan_parameters(config: ModelConfig, spec: ModelSpec | None) -> int | None:
    """What the published VQGAN has; min-dalle's copy has no encoder, and no count to compare."""
    return spec.vqgan_parameters if spec and config.vqgan.has_encoder else None


def _check_clip(folder: Path) -> tuple[None, str]:
    clip = load_clip(folder, _DEVICE, _DTYPE)
    assert clip is not None, "this is called where config.json describes a CLIP"
    return None, _count(clip, None)[1]


@torch.inference_mode()
def _check_logits(
    model: DalleBart, tokenizer: TextTokenizer, config: ModelConfig
) -> tuple[Tensor, str]:
    """Draw the first codes greedily; returns them, (1, _NUM_STEPS)."""
    encoded = tokenizer.encode(_PROMPT)
    mask = torch.tensor([encoded.mask])
    cross = model.build_cross_cache(model.encode(torch.tensor([encoded.ids]), mask), mask)
    cache = model.build_cache(1)
    prompt_of_row = torch.zeros(1, dtype=torch.int64)
    token = torch.tensor([config.dallebart.decoder_start_token_id])
    codes, largest = [], 0.0
    for position in range(_NUM_STEPS):
        logits = model.step(token, torch.tensor([position]), cache, cross, prompt_of_row)
        if not logits.isfinite().all():
            raise CheckpointError(f"The logits of step {position} are not all finite numbers.")
        largest = max(largest, float(logits.abs().max()))
        token = logits[:, : config.vqgan.n_embed].argmax(dim=-1)
        codes.append(token)
    return torch.stack(codes, dim=1), f"{_NUM_STEPS} steps, finite, at most {largest:.3g}"


@torch.inference_mode()
def _check_drawing(vqgan: VQGAN, codes: Tensor, config: ModelConfig) -> tuple[None, str]:
    """Paint a picture that repeats the codes, (1, _NUM_STEPS)."""
    length = config.dallebart.image_length
    picture = codes.repeat(1, -(-length // codes.shape[1]))[:, :length]
    pixels = vqgan.decode(picture)
    sides = " × ".join(str(side) for side in pixels.shape[-2:])
    if not pixels.isfinite().all():
        raise CheckpointError(f"The {sides} pixels of a picture are not all finite numbers.")
    low, high = float(pixels.min()), float(pixels.max())
    return None, f"{sides} pixels, finite, from {low:.2f} to {high:.2f}"
