"""Compares our networks with the reference packages themselves: `make parity`.

Installs min-dalle 0.4.11 and dalle-mini 0.1.5 from the package index, each into an environment of
its own under .cache/parity, gives both the same new random weights in their own file formats, and
holds ours to what they compute. CI does without: it compares with outputs that were recorded once.

Upstream's pins of dalle-mini no longer install; those below are the nearest that do, on Python 3.8
to 3.11. A reference that does not install is said to be missing, and the other is compared.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from tests.checkpoints.published_files import nested, pack, published
from tests.parity.comparison import (
    JAX,
    TOLERANCE,
    TORCH,
    ParityRow,
    dallebart_errors,
    greedy_errors,
    read_arrays,
    relative_error,
)
from tests.tiny import randomize
from torch import Tensor

from ninefold.checkpoints import dallebart
from ninefold.checkpoints.convert import convert_flax_dallebart, convert_min_dalle, convert_vqgan
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN, VQGANConfig

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".cache" / "parity"

MIN_DALLE = ("requests", "emoji", "pillow", "numpy")
DALLE_MINI = (
    "jax==0.4.13",
    "jaxlib==0.4.13",
    "flax==0.6.11",
    "numpy==1.26.4",
    "scipy==1.11.4",
    "ml_dtypes==0.2.0",
    "transformers==4.25.1",
    "tokenizers==0.13.3",
    "huggingface_hub==0.16.4",
    "optax==0.1.7",
    "chex==0.1.82",
    "orbax-checkpoint==0.2.7",
    "einops",
    "unidecode",
    "ftfy",
    "emoji",
    "pillow",
    "safetensors",
)

_TINY = DalleBartConfig(
    encoder_layers=2,
    decoder_layers=2,
    d_model=64,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=170,
    decoder_ffn_dim=170,
    encoder_vocab_size=408,
    image_vocab_size=512,
    decoder_start_token_id=512,
)
MODELS = {
    "mini": _TINY,
    "mega": dataclasses.replace(
        _TINY,
        encoder_layers=3,
        decoder_layers=3,
        encoder_attention_heads=8,
        decoder_attention_heads=8,
        image_vocab_size=543,
    ),
}
END_ID = 999  # beyond every row of the logits, so that no drawing ends early


class DoesNotInstallError(Exception):
    """A reference package cannot be installed here."""


def install(name: str, package: str, requirements: tuple[str, ...], *, shares_ours: bool) -> Path:
    """Make an environment for one package, once.

    Args:
        name: of its folder.
        package: the package, installed without what it asks for.
        requirements: what is installed instead.
        shares_ours: whether it finds the packages of this environment, such as torch, as well.

    Returns:
        Its Python.

    Raises:
        DoesNotInstallError: with what pip said last.
    """
    folder = WORK / "environments" / name
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    if stamp.exists():
        return python
    print(f"installing {package} …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    if shares_ours:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        link = folder / "lib" / version / "site-packages" / "ours.pth"
        link.write_text(sysconfig.get_path("purelib") + "\n")
    for arguments in ([*requirements], ["--no-deps", package]):
        command = [str(python), "-m", "pip", "install", "--quiet", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise DoesNotInstallError((lines or ["pip failed"])[-1])
    stamp.touch()
    return python


def run(python: Path, script: str, folder: Path) -> None:
    """Run a script of scripts/references in a reference's environment."""
    path = ROOT / "scripts" / "references" / script
    environment = os.environ | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "PYTHONPATH": ""}
    subprocess.run([str(python), str(path), str(folder)], check=True, env=environment)


def write_model(folder: Path, config: DalleBartConfig, *, is_scanned: bool, seed: int) -> None:
    """Random weights in the files of both references, and random inputs."""
    _empty(folder)
    model = DalleBart(config)
    randomize(model, seed)
    state = model.state_dict()
    flax = published(dallebart.flax_map(is_scanned=is_scanned), state)
    (folder / "flax_model.msgpack").write_bytes(pack(nested(flax)))
    sides: dict[str, dict[str, Tensor]] = {"encoder": {}, "decoder": {}}
    for name, tensor in published(dallebart.min_dalle_map(), state).items():
        side, _, inner = name.partition(".")
        sides[side][inner] = tensor
    for side, tensors in sides.items():
        torch.save(tensors, folder / f"{side}.pt")
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), END_ID)
    length = config.image_length + 1
    values = {
        **dataclasses.asdict(config),
        **ends,
        "model_type": "dallebart",
        "use_scan": is_scanned,
        "normalize_text": True,
        "dropout": 0.0,
        "min_length": length,
        "max_length": length,
    }
    (folder / "config.json").write_text(json.dumps(values))
    np.savez(folder / "inputs.npz", **random_inputs(config, seed))


def random_inputs(config: DalleBartConfig, seed: int) -> dict[str, np.ndarray]:
    """Two prompts of different lengths, the empty one, and codes to go on from."""
    random = np.random.default_rng(seed)
    length, prompts = config.max_text_length, 2
    ids = np.ones((prompts, length), dtype=np.int32)
    for row, words in zip(ids, (9, length), strict=True):
        row[:words] = random.integers(4, config.encoder_vocab_size, words)
        row[0], row[words - 1] = 0, 2
    empty = np.ones_like(ids)
    empty[:, :2] = 0, 2
    codes = random.integers(0, 512, (prompts, config.image_length), dtype=np.int32)
    codes[:, 1:], codes[:, 0] = codes[:, :-1].copy(), config.decoder_start_token_id
    return {
        "input_ids": ids,
        "attention_mask": (ids != 1).astype(np.int32),
        "input_ids_uncond": empty,
        "attention_mask_uncond": (empty != 1).astype(np.int32),
        "dec_in": codes,
    }


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def write_vqgan(folder: Path, seed: int) -> None:
    """The decoder half at its real size, the only one that min-dalle has, and random codes."""
    _empty(folder)
    model = VQGAN(VQGANConfig(has_encoder=False))
    randomize(model, seed)
    state = {name.removeprefix("quantize."): tensor for name, tensor in model.state_dict().items()}
    torch.save(state, folder / "detoker.pt")
    codes = np.random.default_rng(seed).integers(0, 16384, (1, 256))
    np.savez(folder / "inputs.npz", codes=codes)


def model_rows(name: str, folder: Path) -> Iterator[ParityRow]:
    """Compare one transformer, from both formats, with what the references computed."""
    arrays = {
        reference: read_arrays(path)
        for reference, path in (
            (JAX, folder / "dalle_mini.npz"),
            (TORCH, folder / "min_dalle.npz"),
        )
        if path.exists()
    }
    jax, inputs = arrays.get(JAX), read_arrays(folder / "inputs.npz")
    for file_format, convert in (
        ("flax_model.msgpack", convert_flax_dallebart),
        ("encoder.pt, decoder.pt", convert_min_dalle),
    ):
        source = convert(folder)
        model = DalleBart(source.config).eval()
        model.load_state_dict(dict(source.stream))
        for entry in dallebart_errors(model, inputs, jax, arrays.get(TORCH)):
            yield ParityRow(name, file_format, *entry)
        if jax is not None:
            for tensor, share in greedy_errors(model, jax):
                yield ParityRow(name, file_format, tensor, JAX, share, is_exact=True)


@torch.inference_mode()
def vqgan_rows(folder: Path) -> Iterator[ParityRow]:
    """Compare the decoder half with what min-dalle drew."""
    config, stream = convert_vqgan(folder)
    model = VQGAN(config).eval()
    model.load_state_dict(dict(stream))
    theirs = read_arrays(folder / "min_dalle.npz")
    ours = model.decode(torch.from_numpy(read_arrays(folder / "inputs.npz")["codes"]))[0]
    pixels = ours.permute(1, 2, 0)
    error = relative_error(pixels, theirs["decoded"])
    yield ParityRow("VQGAN, real size", "detoker.pt", "pixels, with our epsilon", TORCH, error)


def main() -> int:
    """Install, compute, compare; print the table.

    Returns:
        0 if everything that could be compared is equal, else 1.
    """
    torch.set_num_threads(1)
    pythons: dict[str, Path] = {}
    for name, package, requirements in (
        ("min-dalle", "min-dalle==0.4.11", MIN_DALLE),
        ("dalle-mini", "dalle-mini==0.1.5", DALLE_MINI),
    ):
        try:
            is_torch = name == "min-dalle"
            pythons[name] = install(name, package, requirements, shares_ours=is_torch)
        except DoesNotInstallError as error:
            print(f"{package} does not install here and is not compared: {error}", file=sys.stderr)
    rows: list[ParityRow] = []
    for seed, (name, config) in enumerate(MODELS.items(), start=1):
        folder = WORK / name
        write_model(folder, config, is_scanned=name == "mega", seed=seed)
        for package, python in pythons.items():
            run(python, f"run_{package.replace('-', '_')}.py", folder)
        rows += model_rows(name, folder)
    if "min-dalle" in pythons:
        write_vqgan(WORK / "vqgan", seed=3)
        run(pythons["min-dalle"], "run_min_dalle.py", WORK / "vqgan")
        rows += vqgan_rows(WORK / "vqgan")
    for row in rows:
        where = f"{row.model:16} {row.file_format:22} {row.tensor:36} {row.reference:16}"
        print(f"{where} {row.error:.1e}")
    too_far = [row for row in rows if row.error > (0.0 if row.is_exact else TOLERANCE)]
    print(f"{len(rows)} comparisons, {len(too_far)} beyond {TOLERANCE:g}")
    return 1 if too_far or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
