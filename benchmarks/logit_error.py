"""How far bfloat16 and eight bits move the logits of a full-size decoder with random weights.

Regime: mini's size, weights as large as those that training starts from, three pictures with
guidance along codes that are the same for all, some positions; compared with `eager` in float32.
Trained weights have outliers that random ones lack: `tests/engine/test_pocket.py` holds the bands
for those of pocket.

    python benchmarks/logit_error.py [--kinds float32,bfloat16,int8] [--positions 16]

Prints a table and ends with one JSON line.
"""

import argparse
import json
from typing import cast

import torch
from random_models import MINI
from torch import Tensor
from trace_step import NUM_CODES, random_mini

from ninefold.engine.backend import Backend, Rows
from ninefold.engine.eager import EagerBackend
from ninefold.engine.native.decoder import NativeBackend
from ninefold.engine.native.structures import Kind

NUM_IMAGES, SCALE, TOP_K = 3, 10.0, 50


def logits_of(backend: Backend, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Conditional and guided logits (positions · pictures, V) along codes (pictures, positions)."""
    tokens = torch.arange(MINI.max_text_length) * 97 % MINI.encoder_vocab_size
    for entry, length in ((0, 12), (1, 2)):
        backend.read_text(entry, tokens.roll(entry), torch.arange(MINI.max_text_length) < length)
    places, texts = torch.arange(2 * NUM_IMAGES), torch.arange(2 * NUM_IMAGES) % 2
    last = torch.full((2 * NUM_IMAGES,), MINI.decoder_start_token_id)
    plain, guided = [], []
    for position in range(codes.shape[1]):
        logits = backend.step(Rows(places, last, torch.full_like(places, position), texts))
        conditional, unconditional = logits[0::2], logits[1::2]
        plain.append(conditional.clone())
        guided.append(unconditional + SCALE * (conditional - unconditional))
        last = codes[:, position].repeat_interleave(2)
    return torch.cat(plain), torch.cat(guided)


def compare(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Return errors relative to the spread of the logits, and what they do to the choice."""
    (plain, guided), (plain_expected, guided_expected) = found, expected
    likely, likely_expected = guided.topk(TOP_K).indices, guided_expected.topk(TOP_K).indices
    shared = (likely[:, :, None] == likely_expected[:, None]).any(2).float().mean()
    distance = (guided.softmax(1) - guided_expected.softmax(1)).abs().sum(1).mean() / 2
    return {
        "logits": _relative(plain, plain_expected),
        "guided logits": _relative(guided, guided_expected),
        "likeliest code the same": float((likely[:, 0] == likely_expected[:, 0]).float().mean()),
        f"shared of {TOP_K} likeliest": float(shared),
        "total variation": float(distance),
    }


def _relative(found: Tensor, expected: Tensor) -> float:
    centred = expected - expected.mean(dim=1, keepdim=True)
    return float((found - expected).norm() / centred.norm())


def main() -> None:
    """Compare each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default="float32,bfloat16,int8")
    parser.add_argument("--positions", type=int, default=16)
    options = parser.parse_args()
    model = random_mini()
    generator = torch.Generator().manual_seed(0)
    # Its rows repeat as well, so that codes would tie for the likeliest.
    head = torch.randn(model.lm_head.weight.shape, generator=generator)
    model.lm_head.weight = torch.nn.Parameter(head * MINI.d_model**-0.5, requires_grad=False)
    codes = torch.randint(NUM_CODES, (NUM_IMAGES, options.positions), generator=generator)
    expected = logits_of(EagerBackend(model, NUM_CODES, NUM_IMAGES), codes)
    results = {
        kind: compare(
            logits_of(NativeBackend(model, NUM_CODES, NUM_IMAGES, cast("Kind", kind)), codes),
            expected,
        )
        for kind in options.kinds.split(",")
    }
    print(f"| against eager float32 | {' | '.join(results)} |")
    print(f"|---|{'---|' * len(results)}")
    for name in next(iter(results.values())):
        print(f"| {name} | {' | '.join(f'{result[name]:.2g}' for result in results.values())} |")
    print(json.dumps({"benchmark": "logit_error", "torch": torch.__version__, **results}))


if __name__ == "__main__":
    main()
