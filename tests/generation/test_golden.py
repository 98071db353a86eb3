"""The loop against what the reference implementations drew from the same tiny weights.

`tiny_mini` and `tiny_mega` were drawn by dalle-mini 0.1.5, `tiny_e2e_mini` by min-dalle 0.4.11.
Greedy codes must be equal. Sampled ones come from other random numbers than ours, so dalle-mini's
cannot be compared; min-dalle's can, since PyTorch still draws them from the distribution we give.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ninefold.checkpoints.dallebart import min_dalle_map
from ninefold.checkpoints.torch_files import TorchFile
from ninefold.generation.generate import TextInput, choose_start_token, generate
from ninefold.generation.params import SamplingParams
from ninefold.generation.sampling import filter_logits, guide_logits
from ninefold.models.dallebart import DalleBart, DalleBartConfig
from ninefold.text import MinDalleTokenizer

NUM_CODES = 16384
E2E_CONFIG = DalleBartConfig(
    encoder_layers=2,
    decoder_layers=2,
    d_model=16,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=42,
    decoder_ffn_dim=42,
    encoder_vocab_size=336,
)


def load(folder: Path, config: DalleBartConfig) -> DalleBart:
    """Load min-dalle's encoder.pt and decoder.pt."""
    files = {side: TorchFile(folder / f"{side}.pt") for side in ("encoder", "decoder")}
    model = DalleBart(config).eval()
    state = {}
    for name in model.state_dict():
        step = min_dalle_map().source_of(name)
        assert step is not None
        side, source = step.source.split(".", 1)
        state[name] = files[side].read(source).float()
    model.load_state_dict(state)
    return model


def load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("model_set", "num_codes", "row", "condition_scale"),
    [
        ("tiny_mini", 512, 0, 10),
        ("tiny_mini", 512, 1, 1),
        ("tiny_mega", 544, 1, 16),  # here dalle-mini drew from rows beyond the codebook as well
    ],
)
def test_greedy_codes_equal_dalle_mini(
    golden: Path, model_set: str, num_codes: int, row: int, condition_scale: int
) -> None:
    folder = golden / model_set
    fields = DalleBartConfig.__dataclass_fields__
    published = load_json(folder / "config.json").items()
    config = DalleBartConfig(**{name: value for name, value in published if name in fields})
    with np.load(folder / "golden.npz") as file:
        names = ("input_ids", "input_ids_uncond", "attention_mask", "attention_mask_uncond")
        ids, ids_without, mask, mask_without = (torch.from_numpy(file[n][row]) for n in names)
        expected = file[f"gen_k1_s{condition_scale}"][row, 1:]  # the first is the start token
    text = TextInput(
        torch.stack([ids, ids_without]).long(), torch.stack([mask, mask_without]).bool()
    )
    params = SamplingParams(count=1, condition_scale=condition_scale, top_k=1)
    codes = generate(load(folder, config), text, params, num_codes)
    np.testing.assert_array_equal(codes[0], expected)


class MinDalleCases:
    """What min-dalle was asked and what it drew."""

    def __init__(self, folder: Path) -> None:
        self.cases: list[dict[str, Any]] = load_json(folder / "cases.json")
        self.model = load(folder, E2E_CONFIG)
        self.tokenizer = MinDalleTokenizer.from_folder(folder, 64, 336)
        with np.load(folder / "golden.npz") as file:
            self.codes: dict[str, NDArray[np.int32]] = dict(file)

    def text(self, case: int) -> TextInput:
        prompt = self.tokenizer.encode(self.cases[case]["text"])
        empty = self.tokenizer.encode_unconditional(prompt)
        return TextInput(
            torch.tensor([prompt.ids, empty.ids]), torch.tensor([prompt.mask, empty.mask])
        )

    def params(self, case: int) -> SamplingParams:
        asked = self.cases[case]
        return SamplingParams(
            count=asked["grid_size"] ** 2,
            condition_scale=asked.get("supercondition_factor", 16),
            temperature=asked.get("temperature", 1),
            top_k=asked.get("top_k", 256),
            dialect="min-dalle",
        )


@pytest.fixture(scope="module")
def min_dalle() -> MinDalleCases:
    return MinDalleCases(Path(__file__).parents[1] / "golden" / "tiny_e2e_mini")


@pytest.mark.parametrize("case", [3, 5])  # the second has a prompt of more than 64 tokens
def test_greedy_codes_equal_min_dalle(min_dalle: MinDalleCases, case: int) -> None:
    codes = generate(min_dalle.model, min_dalle.text(case), min_dalle.params(case), NUM_CODES)
    np.testing.assert_array_equal(codes, min_dalle.codes[f"codes_{case}"])


def weights_along(min_dalle: MinDalleCases, case: int, codes: Tensor) -> Tensor:
    """Return the distribution (256, 16384) of each code after those before it."""
    params, text = min_dalle.params(case), min_dalle.text(case)
    start = torch.tensor([choose_start_token(params, E2E_CONFIG, NUM_CODES)])
    inputs = torch.cat([start, codes[:-1]]).expand(2, -1)
    with torch.inference_mode():
        conditional, unconditional = min_dalle.model(text.tokens, text.mask, inputs)
    guided = guide_logits(conditional, unconditional, params.condition_scale, NUM_CODES)
    kept = filter_logits(guided, params.temperature, params.top_k)
    return torch.zeros(256, NUM_CODES).scatter(1, kept.codes, kept.probabilities.float())


@pytest.mark.parametrize("case", [0, 1, 2, 4, 6])
def test_min_dalle_draws_its_own_codes_from_our_distributions(
    min_dalle: MinDalleCases, case: int
) -> None:
    expected = torch.from_numpy(min_dalle.codes[f"codes_{case}"]).long()  # (pictures, 256)
    weights = torch.stack([weights_along(min_dalle, case, codes) for codes in expected], dim=1)
    torch.manual_seed(min_dalle.cases[case]["seed"])
    drawn = torch.cat([torch.multinomial(step, 1) for step in weights], dim=1)
    assert torch.equal(drawn, expected)
