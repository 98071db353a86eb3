"""Greedy drawings of min-dalle 0.4.11 follow from the tokens of the compatibility tokenizer.

The set was drawn by the reference's own class on random weights. The second prompt is truncated, so
it also shows what min-dalle puts in the place of the unconditional text then.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ninefold.checkpoints.dallebart import min_dalle_map
from ninefold.checkpoints.torch_files import TorchFile
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.text import MinDalleTokenizer

START = 16383
"""What min-dalle 0.4.11 puts before the first image token."""


def build_model(folder: Path) -> DalleBart:
    """The model of the set, whose files are those of min-dalle and whose heads are two."""
    config = DalleBartConfig(
        encoder_layers=2,
        decoder_layers=2,
        d_model=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=42,
        decoder_ffn_dim=42,
        encoder_vocab_size=336,
    )
    model = DalleBart(config)
    sides = {side: TorchFile(folder / f"{side}.pt") for side in ("encoder", "decoder")}
    table = min_dalle_map()
    state: dict[str, Tensor] = {}
    for name in model.state_dict():
        step = table.source_of(name)
        assert step is not None
        side, source = step.source.split(".", 1)
        state[name] = step.layout.apply(sides[side].read(source)).float()
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("case_index", [3, 5], ids=["short prompt", "truncated prompt"])
def test_a_greedy_drawing_of_min_dalle_follows_from_these_tokens(
    golden: Path, case_index: int
) -> None:
    folder = golden / "tiny_e2e_mini"
    case = json.loads((folder / "cases.json").read_text(encoding="utf-8"))[case_index]
    with np.load(folder / "golden.npz") as arrays:
        codes = torch.from_numpy(arrays[f"codes_{case_index}"][0]).long()  # (256,)
    tokenizer = MinDalleTokenizer.from_folder(folder)
    prompt = tokenizer.encode(case["text"])
    rows = (tokenizer.encode_unconditional(prompt), prompt)
    with torch.no_grad():
        logits = build_model(folder)(
            torch.tensor([row.ids for row in rows]),
            torch.tensor([row.mask for row in rows]),
            torch.cat([torch.tensor([START]), codes[:-1]]).expand(2, -1),
        )[..., :16384]
    scale = case.get("supercondition_factor", 16)
    guided = logits[0] * (1 - scale) + logits[1] * scale
    assert torch.equal(guided.argmax(-1), codes)
