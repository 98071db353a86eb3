"""Our networks beside the reference implementations, tensor by tensor.

The references' outputs are arrays with the names of `tests/golden`; they were recorded from
min-dalle 0.4.11 and dalle-mini 0.1.5 with vqgan-jax, on random weights in their own file formats.
Ours come out of the whole path: the published files become a model folder, and that is loaded.

The error of a number is |ours - theirs| / max(1, |theirs|), relative where numbers are large and
absolute where they are small; the largest of a tensor counts. For codes, which are whole numbers,
it is the share of them that differs.
"""

import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ninefold.checkpoints.convert import ModelSources, convert_model, convert_vqgan
from ninefold.checkpoints.load import load_dallebart, load_vqgan
from ninefold.models.dallebart import DalleBart
from ninefold.models.vqgan import VQGAN

TOLERANCE = 2e-5
"""What an error may be in float32. A wrong epsilon of one norm makes 3.5e-4."""

GOLDEN = Path(__file__).parents[1] / "golden"

JAX, TORCH, VQGAN_JAX = "dalle-mini 0.1.5", "min-dalle 0.4.11", "vqgan-jax"

FAMILIES = {"mini": "tiny_mini", "mega": "tiny_mega"}
DALLEBART_FORMATS = {
    "flax_model.msgpack": ("config.json", "flax_model.msgpack"),
    "encoder.pt, decoder.pt": ("config.json", "encoder.pt", "decoder.pt"),
}
VQGAN_FORMATS = ("flax_model.msgpack", "taming .ckpt", "detoker.pt")

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class ParityRow:
    """One tensor of one model, read from one file format."""

    model: str
    file_format: str
    tensor: str
    reference: str
    error: float
    is_exact: bool = False
    """Whether it is of codes, of which none may differ."""


def read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read an npz file."""
    with np.load(path) as arrays:
        return dict(arrays)


def golden_rows() -> list[ParityRow]:
    """Compare everything with the recorded outputs."""
    rows: list[ParityRow] = []
    for model in FAMILIES:
        for file_format in DALLEBART_FORMATS:
            rows += golden_dallebart_rows(model, file_format)
    for file_format in VQGAN_FORMATS:
        rows += golden_vqgan_rows(file_format)
    return rows


def golden_dallebart_rows(model: str, file_format: str) -> list[ParityRow]:
    """Compare one transformer, read from one of its formats, with the recorded outputs."""
    source = GOLDEN / FAMILIES[model]
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "source"
        copy.mkdir()
        for name in (*DALLEBART_FORMATS[file_format], "tokenizer.json"):
            shutil.copy(source / name, copy / name)
        folder = _convert(ModelSources(copy, GOLDEN / "tiny_vqgan"), Path(scratch))
        dallebart = load_dallebart(folder)
        jax, min_dalle = (read_arrays(source / f"{name}golden.npz") for name in ("", "min_"))
        rows = [
            ParityRow(model, file_format, *entry)
            for entry in dallebart_errors(dallebart, jax, jax, min_dalle)
        ]
        if file_format == "flax_model.msgpack":
            rows += [
                ParityRow(model, file_format, tensor, JAX, share, is_exact=True)
                for tensor, share in greedy_errors(dallebart, jax)
            ]
        return rows


def golden_vqgan_rows(file_format: str) -> list[ParityRow]:
    """Compare the VQGAN, read from one of its formats, with the recorded outputs."""
    source = GOLDEN / "tiny_vqgan"
    with tempfile.TemporaryDirectory() as scratch:
        folder = source if file_format == "flax_model.msgpack" else Path(scratch) / "source"
        if folder != source:
            folder.mkdir()
            write_torch_vqgan(folder, dict(convert_vqgan(source)[1]), file_format)
        model = _convert(ModelSources(GOLDEN / "tiny_mini", folder), Path(scratch))
        errors = vqgan_errors(load_vqgan(model), read_arrays(source / "golden.npz"))
        return [ParityRow("VQGAN", file_format, *entry) for entry in errors]


def write_torch_vqgan(folder: Path, state: Mapping[str, Tensor], file_format: str) -> None:
    """Write a VQGAN in a format of PyTorch; `state` has taming's names, which are ours."""
    if file_format == "taming .ckpt":
        training = {"loss.discriminator.main.0.weight": torch.ones(1)}
        torch.save({"state_dict": {**state, **training}}, folder / "last.ckpt")
        return
    half = {
        name.removeprefix("quantize."): tensor
        for name, tensor in state.items()
        if name.startswith(("decoder.", "post_quant_conv.", "quantize."))
    }
    torch.save(half, folder / "detoker.pt")


def _convert(sources: ModelSources, scratch: Path) -> Path:
    convert_model(sources, scratch / "model", name="tiny", licence="none")
    return scratch / "model"


@torch.inference_mode()
def dallebart_errors(
    model: DalleBart, inputs: Arrays, jax: Arrays | None, min_dalle: Arrays | None
) -> Iterator[tuple[str, str, float]]:
    """Compare a transformer with the outputs of the references that there are.

    Yields:
        What was compared, with which reference, and its error.
    """
    ids, mask = _tokens(inputs["input_ids"]), _tokens(inputs["attention_mask"]).bool()
    empty_mask = _tokens(inputs["attention_mask_uncond"]).bool()[:1]
    empty = _tokens(inputs["input_ids_uncond"])[:1]
    tokens = _tokens(inputs["dec_in"])
    rows = len(tokens)
    states = model.encode(ids[:rows], mask[:rows])
    empty_states = model.encode(empty, empty_mask)
    stepped, keys, values = _stepped(model, states, mask[:rows], tokens)
    if jax is not None:
        forced = model(ids[:rows], mask[:rows], tokens)
        yield "encoder states", JAX, relative_error(states, jax["enc_hidden"][:rows])
        error = relative_error(empty_states, jax["enc_hidden_uncond"])
        yield "encoder states, empty prompt", JAX, error
        yield "logits, all positions at once", JAX, relative_error(forced, jax["logits"])
        yield "logits, step by step", JAX, relative_error(stepped, jax["logits"])
    if min_dalle is not None:
        both = torch.stack([empty_states[0], states[0]])
        yield (
            "encoder states",
            TORCH,
            relative_error(both, min_dalle["enc_state_uncond_cond"]),
        )
        theirs = min_dalle["logits_tf_uncond"]
        forced = model(empty, empty_mask, tokens[:1, : len(theirs)])[0]
        yield "logits, empty prompt", TORCH, relative_error(forced, theirs)
        yield (
            "cached keys, first layer",
            TORCH,
            relative_error(keys, min_dalle["cache_K_cond_l0"]),
        )
        error = relative_error(values, min_dalle["cache_V_cond_l0"])
        yield "cached values, first layer", TORCH, error


def _stepped(
    model: DalleBart, states: Tensor, mask: Tensor, inputs: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of every step, and the cached keys and values of the first prompt's first layer."""
    rows = len(inputs)
    cache, cross = model.build_cache(rows), model.build_cross_cache(states, mask)
    logits = [
        model.step(tokens, torch.full((rows,), step), cache, cross, torch.arange(rows))
        for step, tokens in enumerate(inputs.T)
    ]
    # (L, R, H, N, D), whose heads the references keep side by side: (N, C).
    keys, values = (c[0, 0].transpose(0, 1).flatten(1) for c in (cache.keys, cache.values))
    return torch.stack(logits, dim=1), keys, values


@torch.inference_mode()
def greedy_errors(model: DalleBart, jax: Arrays) -> list[tuple[str, float]]:
    """Compare the most likely codes under guidance, as dalle-mini draws them with `top_k=1`.

    As there, codes are not cut to those that the VQGAN has. All scales are drawn in one batch.

    Returns:
        What was compared, and the share of codes that differs.
    """
    names = [name for name in jax if name.startswith("gen_k1_s")]
    prompts = len(jax[names[0]])
    rows = len(names) * prompts
    ids, mask = _with_empty(jax, "input_ids", prompts), _with_empty(jax, "attention_mask", prompts)
    mask = mask.bool()
    cross = model.build_cross_cache(model.encode(ids, mask), mask)
    empty = torch.full((rows,), prompts)
    prompt_of_row = torch.cat([torch.arange(prompts).repeat(len(names)), empty])
    scales = [float(name.removeprefix("gen_k1_s")) for name in names]
    scale = torch.tensor(scales).repeat_interleave(prompts)[:, None]
    cache = model.build_cache(2 * rows)
    codes = torch.full((rows, 1), model.config.decoder_start_token_id)
    for step in range(model.config.image_length):
        tokens, positions = codes[:, -1].repeat(2), torch.full((2 * rows,), step)
        logits = model.step(tokens, positions, cache, cross, prompt_of_row)
        conditional, unconditional = logits[:rows], logits[rows:]
        guided = unconditional + scale * (conditional - unconditional)
        codes = torch.cat([codes, guided.argmax(dim=-1, keepdim=True)], dim=1)
    drawn = codes.reshape(len(names), prompts, -1).numpy()
    return [
        (f"greedy codes, condition scale {scale:g}", float((ours != jax[name]).mean()))
        for name, scale, ours in zip(names, scales, drawn, strict=True)
    ]


@torch.inference_mode()
def vqgan_errors(model: VQGAN, jax: Arrays) -> Iterator[tuple[str, str, float, bool]]:
    """Compare a VQGAN, or its decoder half, with the outputs of vqgan-jax.

    Yields:
        What was compared, with which reference, its error, and whether that must be zero.
    """
    yield (
        "pixels of codes",
        VQGAN_JAX,
        relative_error(_decoded(model, _tokens(jax["codes"])), jax["decoded"]),
        False,
    )
    if model.config.has_encoder:
        pixels = torch.from_numpy(jax["pixels"]).permute(0, 3, 1, 2)
        codes = model.encode(pixels)
        share = float((codes.numpy() != jax["enc_indices"]).mean())
        yield "codes of pixels", VQGAN_JAX, share, True
        vectors = model.quantize.embedding(_grid(codes))
        yield (
            "codebook vectors of pixels",
            VQGAN_JAX,
            relative_error(vectors, jax["enc_quant"]),
            False,
        )
        there_and_back = relative_error(_decoded(model, codes), jax["recon"])
        yield "pixels there and back", VQGAN_JAX, there_and_back, False


def _decoded(model: VQGAN, codes: Tensor) -> Tensor:
    """Pixels (B, H, W, 3) of codes (B, N), not clipped, as vqgan-jax gives them."""
    vectors = model.quantize.embedding(_grid(codes))
    return model.decode_features(vectors).permute(0, 2, 3, 1)


def _with_empty(jax: Arrays, name: str, prompts: int) -> Tensor:
    """The rows of the prompts, then one of the empty prompt."""
    return torch.cat([_tokens(jax[name])[:prompts], _tokens(jax[f"{name}_uncond"])[:1]])


def _grid(codes: Tensor) -> Tensor:
    side = math.isqrt(codes.shape[1])
    return codes.reshape(len(codes), side, side)


def _tokens(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(array).long()


def relative_error(ours: Tensor, theirs: NDArray[np.generic]) -> float:
    """The largest error of a tensor's numbers, as the head of this file defines it."""
    expected = torch.from_numpy(theirs)
    assert ours.shape == expected.shape, f"{tuple(ours.shape)} is not {tuple(expected.shape)}"
    return float(((ours - expected).abs() / expected.abs().clamp(min=1)).max())
