"""Whole models of full size with random weights, in a folder of ours, for the other benchmarks.

The weights are as large as those that training starts from, so that activations are of ordinary
size; the numbers repeat every few million, which no operation notices. Mini in float32, mega in
float16, as published; pocket-256 has the shape of pocket at 256 pixels; tiny is for trying the
benchmarks themselves.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from ninefold.checkpoints.empty_model import build_empty
from ninefold.checkpoints.model_folder import ModelConfig, Network, save_model
from ninefold.checkpoints.registry import find_model
from ninefold.checkpoints.tensor_source import TensorSpec, TensorStream
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.vqgan import VQGAN, VQGANConfig

MINI = DalleBartConfig()
MEGA = DalleBartConfig(
    encoder_layers=24,
    decoder_layers=24,
    d_model=2048,
    encoder_attention_heads=32,
    decoder_attention_heads=32,
    encoder_ffn_dim=4096,
    decoder_ffn_dim=4096,
    encoder_vocab_size=50272,
    image_vocab_size=16415,
)
POCKET_256 = DalleBartConfig(
    encoder_layers=3,
    decoder_layers=6,
    d_model=256,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=512,
    decoder_ffn_dim=512,
    encoder_vocab_size=50000,
    image_vocab_size=4096,
    max_text_length=128,
    decoder_start_token_id=4096,
)
TINY = DalleBartConfig(
    encoder_layers=1,
    decoder_layers=2,
    d_model=64,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=96,
    decoder_ffn_dim=96,
    image_vocab_size=512,
    decoder_start_token_id=512,
)
SIZES = {"mini": MINI, "mega": MEGA, "pocket-256": POCKET_256, "tiny": TINY}
VQGANS = {
    "tiny": VQGANConfig(
        ch=32, num_res_blocks=1, z_channels=32, embed_dim=32, n_embed=512, has_encoder=False
    ),
    "pocket-256": VQGANConfig(
        ch=32,
        ch_mult=(1, 2, 4),
        num_res_blocks=1,
        attn_resolutions=(),
        mid_attention=False,
        pixel_shuffle=4,
        z_channels=128,
        embed_dim=16,
        n_embed=4096,
        norm="position",
        decoder_ch=48,
        has_encoder=False,
    ),
}
"""Of models that do not have the published one."""
BLOCK = 1 << 22


def random_model(folder: Path, name: str) -> Path:
    """Write the model `name` into `folder / name` if it is not there, and return that folder."""
    place = folder / name
    if (place / "config.json").is_file():
        return place
    config = ModelConfig(
        name=f"random-{name}",
        licence="none",
        preset="dalle-mini",
        dallebart=SIZES[name],
        vqgan=VQGANS.get(name, VQGANConfig(has_encoder=False)),
    )
    networks: dict[Network, TensorStream] = {
        "dallebart": random_stream(build_empty(DalleBart, config.dallebart)),
        "vqgan": random_stream(build_empty(VQGAN, config.vqgan)),
    }
    tokenizer = (find_model("pocket") / "tokenizer.json").read_bytes()
    dtype = torch.float16 if name == "mega" else None
    save_model(place, config, networks, {"tokenizer.json": tokenizer}, dtype=dtype)
    return place


def random_stream(model: nn.Module) -> TensorStream:
    """Return random tensors of a network's names and shapes, one at a time."""
    noise = torch.randn(BLOCK, generator=torch.Generator().manual_seed(0))
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}

    def tensors() -> Iterator[tuple[str, Tensor]]:
        for number, (name, shape) in enumerate(shapes.items()):
            yield name, random_tensor(name, shape, noise.roll(number))

    specs = {name: TensorSpec(tuple(shape), torch.float32) for name, shape in shapes.items()}
    return TensorStream(specs, tensors)


def random_tensor(name: str, shape: torch.Size, noise: Tensor) -> Tensor:
    """Return one tensor: scales are one, biases zero, matrices of norm-keeping deviation."""
    if len(shape) == 1:
        return torch.full(shape, 1.0 if name.endswith("weight") else 0.0)
    size = shape.numel()
    deviation = 0.02 if "embed" in name else shape[1:].numel() ** -0.5
    return (noise.repeat(-(-size // BLOCK))[:size] * deviation).view(shape)
