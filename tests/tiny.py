"""Tiny models with random weights: whole, quick, and of no use but to tests.

Pictures have 4×4 codes of 4×4 pixels. The weights are larger than those that training starts from,
so that every input matters and no two rows of logits are alike.
"""

from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn

from ninefold.checkpoints.model_folder import ModelConfig, Network, save_model
from ninefold.corpus.scenes.looks import LOOKS, Look
from ninefold.corpus.scenes.places import GROUNDS
from ninefold.models.clip import CLIP, CLIPConfig
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.models.sketches import NUM_PLACES, SketchEmbedding, packed_size
from ninefold.models.vqgan import VQGAN, VQGANConfig
from ninefold.text.things import THINGS_FILE, Thing, ThingTable
from ninefold.training.sketches import BLOCK, LENGTH, plain_code_of_looks

DALLEBART = DalleBartConfig(
    encoder_layers=2,
    decoder_layers=2,
    d_model=32,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=48,
    decoder_ffn_dim=48,
    encoder_vocab_size=300,
    image_vocab_size=66,
    max_text_length=24,
    image_length=16,
    decoder_start_token_id=64,
)
"""The codebook has 64 codes; of the logits' 67 rows the last three are never drawn."""

VQGAN_CONFIG = VQGANConfig(
    ch=8,
    ch_mult=(1, 1, 2),
    num_res_blocks=1,
    resolution=16,
    attn_resolutions=(4,),
    z_channels=8,
    embed_dim=8,
    n_embed=64,
    norm_groups=4,
)

LOCAL_VQGAN = replace(
    VQGAN_CONFIG,
    resolution=64,
    attn_resolutions=(),
    mid_attention=False,
    encoder_middle=False,
    norm="position",
)
"""As pocket's: 16×16 codes that depend on the pixels around them."""

THINGS_DALLEBART = replace(
    DALLEBART,
    sketch_looks=len(LOOKS),
    sketch_grounds=len(GROUNDS),
    sketch_length=LENGTH,
    sketch_codes=BLOCK**2,
    sketch_width=LOCAL_VQGAN.embed_dim,
    image_vocab_size=LOCAL_VQGAN.n_embed,
    max_text_length=256,
    image_length=256,
)
"""As pocket's: it reads things by their sketches, whose number is yet to be set."""

CLIP_CONFIG = CLIPConfig(
    projection_dim=16,
    image_size=16,
    patch_size=8,
    vision_width=24,
    vision_layers=1,
    vision_heads=2,
    vision_intermediate_size=32,
    vocab_size=300,
    max_positions=24,
    text_width=24,
    text_layers=1,
    text_heads=2,
    text_intermediate_size=32,
    eos_token_id=2,
)


def randomize(model: nn.Module, seed: int) -> None:
    """Give every parameter random values of a size that keeps activations near 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        is_matrix = parameter.dim() > 1 and "embed" not in name
        with torch.no_grad():
            if is_matrix:
                parameter.copy_(noise * parameter[0].numel() ** -0.5)
            elif name.endswith("weight") and parameter.dim() == 1:
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(noise)


def build_dallebart(config: DalleBartConfig = DALLEBART, seed: int = 0) -> DalleBart:
    """Return a random transformer in evaluation mode."""
    model = DalleBart(config).eval()
    randomize(model, seed)
    return model


def build_vqgan(config: VQGANConfig = VQGAN_CONFIG, seed: int = 0) -> VQGAN:
    """Return a random VQGAN whose pictures are neither black nor white."""
    vqgan = VQGAN(config).eval()
    randomize(vqgan, seed)
    with torch.no_grad():
        vqgan.get_parameter("decoder.conv_out.weight").mul_(0.3)
        vqgan.get_parameter("decoder.conv_out.bias").fill_(0.5)
    return vqgan


def build_clip(config: CLIPConfig = CLIP_CONFIG, seed: int = 0) -> CLIP:
    """Return a random CLIP in evaluation mode."""
    clip = CLIP(config).eval()
    randomize(clip, seed)
    return clip


def tiny_tokenizer_json() -> bytes:
    """Return a tokenizer.json of bytes, the special tokens and one merge."""
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokens = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet()), "\u0120a"]
    vocab = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[("\u0120", "a")], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return str(tokenizer.to_str()).encode()


def tiny_model_folder(
    parent: Path, *, name: str = "tiny", has_clip: bool = True, picture_size: int = 32
) -> Path:
    """Write a whole model into `parent / name` and return that folder.

    It draws 16 pixels and gives `picture_size`. Its preset is pocket's.
    """
    networks: dict[Network, nn.Module] = {"dallebart": build_dallebart(), "vqgan": build_vqgan()}
    if has_clip:
        networks["clip"] = build_clip()
    config = ModelConfig(
        name=name,
        licence="Apache-2.0",
        preset="pocket",
        dallebart=DALLEBART,
        vqgan=VQGAN_CONFIG,
        clip=CLIP_CONFIG if has_clip else None,
        picture_size=picture_size,
    )
    states = {network: model.state_dict() for network, model in networks.items()}
    save_model(parent / name, config, states, {"tokenizer.json": tiny_tokenizer_json()})
    return parent / name


def tiny_things_folder(parent: Path, *, name: str = "tiny-things", has_clip: bool = True) -> Path:
    """Write a whole model that reads things by their sketches, as pocket does.

    It draws 64 pixels, knows cats, dogs and hats, and has 262 entries for words.
    """
    names = ("cat face", "dog face", "top hat")
    phrases: dict[str, int | str] = {"cat": 0, "dog": 1, "hat": 2, "sofa": 2}
    things = tuple(Thing(label, (number,)) for number, label in enumerate(names))
    words = frozenset(("in", "and", "grey", "blue", "wearing", "on", "meadow"))
    table = ThingTable(
        things,
        {**phrases, "in park": "in meadow", "in meadow": "in meadow"},
        words,
        frozenset(("grey", "blue")),
        LENGTH,
        hints={"happy": 1},
        num_looks=len(LOOKS),
        tints={"blue": LOOKS.index(Look(tint="blue"))},
        places={"in meadow": (LOOKS.index(Look("sky")), LOOKS.index(Look("green")))},
    )
    vqgan = build_vqgan(LOCAL_VQGAN)
    dallebart = replace(
        THINGS_DALLEBART,
        num_sketches=table.num_designs,
        encoder_vocab_size=262 + NUM_PLACES * table.num_sketches * LENGTH,
    )
    generator = torch.Generator().manual_seed(0)
    shape = (table.num_designs, len(LOOKS), LENGTH, BLOCK**2)
    sketches = torch.randint(64, shape, generator=generator)
    plain = torch.from_numpy(plain_code_of_looks())
    dallebart = replace(dallebart, sketch_bytes=packed_size(sketches, plain, len(GROUNDS)))
    drawing = build_dallebart(dallebart)
    embedding = drawing.encoder.embed_tokens
    assert isinstance(embedding, SketchEmbedding)
    embedding.keep(sketches, plain)
    embedding.vectors.copy_(vqgan.quantize.embedding.weight.detach())
    networks: dict[Network, nn.Module] = {"dallebart": drawing, "vqgan": vqgan}
    clip = replace(CLIP_CONFIG, vocab_size=262 + len(things), max_positions=32)
    if has_clip:
        networks["clip"] = build_clip(clip)
    config = ModelConfig(
        name=name,
        licence="Apache-2.0",
        preset="pocket",
        dallebart=dallebart,
        vqgan=LOCAL_VQGAN,
        clip=clip if has_clip else None,
        picture_size=64,
        has_plain_codes=True,
    )
    states = {network: model.state_dict() for network, model in networks.items()}
    files = {"tokenizer.json": tiny_tokenizer_json(), THINGS_FILE: table.to_json().encode()}
    save_model(parent / name, config, states, files)
    return parent / name
