"""What speculative Jacobi decoding would give: codes that one pass of the decoder settles.

A pass reads the last code and a window of guesses at once. The guesses are what the pass before
would have drawn there; those that a check accepts are settled, and one more code is drawn after
them. Two exact checks: *rejection* takes a guess x that was drawn from q with probability
min(1, p(x) / q(x)) and draws from max(0, p - q) otherwise (Teng et al., "Accelerating
Auto-regressive Text-to-Image Generation with Training-free Speculative Jacobi Decoding", 2024,
arXiv 2410.01699); *same number* takes it if the picture's own random number draws it from p too,
so that the codes are those of plain decoding (Wiggers and Hoogeboom, "Predictive Sampling with
Forecasting Autoregressive Models", 2020, arXiv 2002.09928).

Regime: the weights of pocket, pictures of some prompts side by side, in float32; only passes are
counted. Then steps of native backends, 2 rows by the window and the windows in turns, the least
of some, processor time of one thread: what a pass costs beside a step of one picture.

    python benchmarks/jacobi.py [--pictures 4] [--kinds int8,bfloat16]

Prints tables and ends with one JSON line.
"""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from trace_step import NUM_CODES, least, random_mini

from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.model_folder import read_config
from ninefold.checkpoints.registry import find_model
from ninefold.engine.backend import Rows
from ninefold.engine.native.decoder import NativeBackend
from ninefold.engine.native.structures import Kind
from ninefold.generation.params import SamplingParams, get_preset
from ninefold.generation.sampling import build_uniforms, filter_logits, guide_logits
from ninefold.models.dallebart import DalleBart
from ninefold.models.kv_cache import CrossCache, KVCache
from ninefold.text.reader import PromptReader

WINDOWS = (2, 4, 8, 16)
PROMPTS = (
    "a red apple",
    "a cat with a hat",
    "the sun over the sea",
    "a green house on a hill",
    "two blue circles",
    "a nurse",
    "a slice of pizza",
    "a snowy forest at night",
)
SETTINGS = {
    "pocket's preset": get_preset("pocket").params,
    "scale 10, 256 likeliest": SamplingParams(condition_scale=10.0, top_k=256),
}
ROUNDS = 40


@dataclass
class Network:
    """The model, and what it keeps of P pictures: rows with prompts, then with the empty text."""

    model: DalleBart
    num_codes: int
    texts: CrossCache
    cache: KVCache
    """Longer than a picture by the widest window, so that a window may reach beyond its end."""

    def distributions(self, tokens: Tensor, begins: Tensor, params: SamplingParams) -> Tensor:
        """Read `tokens` (P, W) at positions from `begins` (P,) on.

        Returns:
            Distributions (P, W, V) of the codes that follow them.
        """
        decoder, length = self.model.decoder, self.cache.keys.shape[3]
        positions = (begins[:, None] + torch.arange(tokens.shape[1])).repeat(2, 1)
        rows = torch.arange(len(positions))[:, None]
        seen = (torch.arange(length) <= positions[..., None])[:, None]
        text_seen = self.texts.mask[:, None, None]
        last = self.model.config.image_length - 1
        x = decoder.embed(tokens.repeat(2, 1), positions.clamp(max=last))
        for index, layer in enumerate(decoder.typed_layers()):
            own, text = layer.self_attn, layer.cross_attn
            h = own.pre_ln(x)
            keys, values = own.keys_values(h)
            self.cache.keys[index, rows, :, positions] = keys.transpose(1, 2)
            self.cache.values[index, rows, :, positions] = values.transpose(1, 2)
            past = self.cache.keys[index], self.cache.values[index]
            x = x + own.attend(own.queries(h), *past, seen)
            text_past = self.texts.keys[index], self.texts.values[index]
            x = x + text.attend(text.queries(text.pre_ln(x)), *text_past, text_seen)
            x = x + layer.ffn(x)
        logits = self.model.lm_head(decoder.final_ln(x)).flatten(0, 1)
        guided = guide_logits(*logits.chunk(2), params.condition_scale, self.num_codes)
        kept = filter_logits(guided, params.temperature, params.top_k, params.top_p)
        dense = torch.zeros(guided.shape, dtype=torch.float64)
        dense.scatter_(1, kept.codes, kept.probabilities)
        return dense.view(*tokens.shape, -1)


def draw(probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """Return codes (…) by inverse CDF from (…, V) and numbers (…)."""
    cumulative = probabilities.cumsum(dim=-1)
    exceeds = cumulative > uniforms[..., None] * cumulative[..., -1:]
    return exceeds.to(torch.uint8).argmax(dim=-1)


@dataclass
class Picture:
    """What is settled of one picture, and what is guessed of the rest."""

    numbers: Tensor
    """(N,) random numbers that decide its codes in plain decoding."""
    length: int = 0
    """Codes that are settled."""
    passes: int = 0
    log_probability: float = 0.0
    """Of the settled codes, under the distributions that they were settled by."""
    predicted: dict[int, Tensor] = field(default_factory=dict)
    """By position, the distribution (V,) that the last pass gave, or that was settled by."""


Guess = Callable[[Picture, int], Tensor]
"""(picture, position of the code above) → the distribution of a guess that no pass has seen yet."""


def copy_left(picture: Picture, _: int) -> Tensor:
    """Guess a code from the last distribution before it."""
    return picture.predicted[max(picture.predicted)]


def copy_above(picture: Picture, above: int) -> Tensor:
    """Guess a code from the distribution of the one above, or of the one before in the top row."""
    return picture.predicted[above] if above >= 0 else copy_left(picture, above)


GUESSES: dict[str, Guess] = {"left": copy_left, "above": copy_above}


def settle(
    picture: Picture,
    given: Tensor,
    guessed: dict[int, Tensor],
    codes: Tensor,
    random: torch.Generator | None,
) -> None:
    """Settle what a pass decides: at least one code, and one more for each guess that is right.

    Args:
        picture: gets longer.
        given: (W, V), distributions that the pass gave from the picture's length on.
        guessed: by position of the guesses, the distributions that they were drawn from.
        codes: (N,) holds the guesses, and is corrected where they end.
        random: for rejection; None for the same number.
    """
    for p in given[: len(codes) - picture.length]:
        at = picture.length
        q = guessed.get(at)
        code = int(codes[at])
        if random is None:
            drawn = int(draw(p, picture.numbers[at]))
            is_accepted = q is not None and code == drawn
        else:
            number = torch.rand(2, generator=random, dtype=torch.float64)
            is_accepted = q is not None and bool(number[0] * q[code] < p[code])
            rest = p if q is None else (p - q).clamp(min=0.0)
            drawn = code if is_accepted else int(draw(rest, number[1]))
        codes[at] = drawn
        picture.log_probability += math.log(float(p[drawn]))
        picture.length += 1
        if not is_accepted:
            return


def decode(
    network: Network, params: SamplingParams, window: int, guess: Guess, *, is_rejection: bool
) -> tuple[Tensor, list[Picture]]:
    """Draw the pictures by passes that read `window` codes each; returns the codes (P, N) too."""
    config, num = network.model.config, network.cache.keys.shape[1] // 2
    length, side = config.image_length, math.isqrt(config.image_length)
    pictures = [Picture(torch.from_numpy(build_uniforms(0, i, length))) for i in range(num)]
    random = torch.Generator().manual_seed(1) if is_rejection else None
    # A token before each code: the start token, then the codes.
    tokens = torch.full((num, 1 + length + max(WINDOWS)), config.decoder_start_token_id)
    guessed: list[dict[int, Tensor]] = [{} for _ in pictures]
    while any(picture.length < length for picture in pictures):
        # The first pass has nothing to guess from.
        width = window if guessed[0] or pictures[0].length else 1
        begins = torch.tensor([picture.length for picture in pictures])
        read = tokens.gather(1, begins[:, None] + torch.arange(width))
        given = network.distributions(read, begins, params)
        for i, picture in enumerate(pictures):
            begin = picture.length
            if begin == length:
                continue
            codes = tokens[i, 1 : 1 + length]
            picture.passes += 1
            settle(picture, given[i], guessed[i], codes, random)
            picture.predicted.update({begin + j: p for j, p in enumerate(given[i])})
            guessed[i] = {}
            for at in range(picture.length, min(picture.length + window - 1, length)):
                q = picture.predicted.get(at)
                if q is None:
                    q = picture.predicted[at] = guess(picture, at - side)
                guessed[i][at] = q
                number = picture.numbers[at]
                if random is not None:
                    number = torch.rand((), generator=random, dtype=torch.float64)
                codes[at] = draw(q, number)
    return tokens[:, 1 : 1 + length], pictures


def load_network(pictures_a_prompt: int) -> Network:
    """Load pocket and read the prompts, each for some pictures."""
    folder = find_model("pocket")
    config = read_config(folder)
    sizes = config.dallebart
    reader = PromptReader(
        folder,
        sizes.max_text_length,
        sizes.encoder_vocab_size,
        has_normalizer=config.normalize_text,
    )
    read = [reader.read(prompt, "", "dalle-mini") for prompt in PROMPTS]
    read = [text for text in read for _ in range(pictures_a_prompt)]
    texts = [text.prompt for text in read] + [text.unconditional for text in read]
    tokens = torch.tensor([text.ids for text in texts])
    mask = torch.tensor([text.mask for text in texts])
    model = load_dallebart(folder)
    texts = model.build_cross_cache(model.encode(tokens, mask), mask)
    heads, width = sizes.decoder_attention_heads, sizes.decoder_head_width
    length = sizes.image_length + max(WINDOWS)
    empty = [torch.zeros(sizes.decoder_layers, len(tokens), heads, length, width) for _ in "kv"]
    return Network(model, config.vqgan.n_embed, texts, KVCache(*empty))


def count(network: Network, params: SamplingParams) -> list[dict[str, Any]]:
    """Count settled codes a pass for each check, guess and window."""
    plain, pictures = decode(network, params, 1, copy_left, is_rejection=False)
    rows = [{"check": "plain decoding", "log_probability": log_probability(pictures)}]
    for is_rejection in (False, True):
        for name, guess in GUESSES.items():
            drawn = [decode(network, params, w, guess, is_rejection=is_rejection) for w in WINDOWS]
            passes = [sum(picture.passes for picture in pictures) for _, pictures in drawn]
            rows.append(
                {
                    "check": "rejection" if is_rejection else "same number",
                    "guess": name,
                    "codes_a_pass": [plain.numel() / n for n in passes],
                    "log_probability": log_probability([p for _, all_p in drawn for p in all_p]),
                    "as_plain": min(float((c == plain).double().mean()) for c, _ in drawn),
                }
            )
    return rows


def log_probability(pictures: list[Picture]) -> float:
    """Return the mean over the codes, which an exact check leaves as it is but for chance."""
    codes = sum(picture.length for picture in pictures)
    return sum(picture.log_probability for picture in pictures) / codes


def cost(backend: NativeBackend) -> list[float]:
    """Return the processor seconds of a pass for one picture, of plain decoding and by window.

    Of rows at a place each, at position 0: attention over the cache, of which a window reads the
    same, is left out.
    """
    mask = torch.arange(backend.config.max_text_length) < 12
    for entry in (0, 1):
        backend.read_text(entry, torch.full(mask.shape, 5), mask)
    seconds = [math.inf] * (1 + len(WINDOWS))
    for _ in range(ROUNDS):
        for number, window in enumerate((1, *WINDOWS)):
            places = torch.arange(2 * window)
            rows = Rows(places, places, torch.zeros_like(places), places % 2)
            seconds[number] = min(seconds[number], least(lambda rows=rows: backend.step(rows), 1))
    return seconds


def costs(kind: Kind) -> dict[str, list[float]]:
    """Return the processor seconds of passes of pocket and of mini's size with random weights."""
    most = max(WINDOWS)
    pocket = load_dallebart(find_model("pocket"))
    return {
        "pocket": cost(NativeBackend(pocket, pocket.config.image_vocab_size, most, kind)),
        "mini": cost(NativeBackend(random_mini(), NUM_CODES, most, kind)),
    }


def main() -> None:
    """Count, then measure the cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=4, help="of each prompt; 0 counts nothing")
    parser.add_argument("--kinds", default="int8,bfloat16", help="number formats of the costs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    if options.pictures:
        with torch.inference_mode():
            network = load_network(options.pictures)
            results = {name: count(network, params) for name, params in SETTINGS.items()}
    print(f"| codes a pass | {' | '.join(f'window {w}' for w in WINDOWS)} | log p |")
    print(f"|---|{'---|' * len(WINDOWS)}---|")
    for name, (plain, *rows) in results.items():
        print(f"| {name}, plain decoding |{' |' * len(WINDOWS)} {plain['log_probability']:.3f} |")
        for row in rows:
            cells = " | ".join(f"{n:.2f}" for n in row["codes_a_pass"])
            title = f"{name}, {row['check']}, guess from {row['guess']}"
            print(f"| {title} | {cells} | {row['log_probability']:.3f} |")
    seconds = {kind: costs(cast("Kind", kind)) for kind in options.kinds.split(",") if kind}
    for kind, models in seconds.items():
        for model, (one, *wider) in models.items():
            cells = " | ".join(f"{s / one:.2f}" for s in wider)
            print(f"| cost of a pass, {model}, {kind}, of {1e3 * one:.2f} ms | {cells} | |")
    print(json.dumps({"benchmark": "jacobi", "codes": results, "cost_s": seconds}))


if __name__ == "__main__":
    main()
