"""Times the package min-dalle 0.4.11 at mini's size with random weights; run by `draw_nine.py`.

It computes a step over all of its cache, so that a step's time does not depend on the position; a
few are timed, and the whole is reckoned from the least. Imports nothing of ours. Prints one line of
JSON.
"""

import argparse
import json
import time

import torch
from min_dalle.models import DalleBartDecoder, DalleBartEncoder, VQGanDetokenizer


def main() -> None:
    """Time text, steps and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--processor-time", action="store_true", help="instead of the wall's")
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    torch.nn.Linear.reset_parameters = lambda self: self.weight.data.fill_(0.001)  # type: ignore[method-assign] # not timed
    encoder = DalleBartEncoder(
        layer_count=12,
        embed_count=1024,
        attention_head_count=16,
        text_vocab_count=50264,
        text_token_count=64,
        glu_embed_count=2730,
        device="cpu",
    ).eval()
    decoder = DalleBartDecoder(
        image_vocab_count=16384,
        embed_count=1024,
        attention_head_count=16,
        glu_embed_count=2730,
        layer_count=12,
        device="cpu",
    ).eval()
    detokenizer = VQGanDetokenizer().eval()
    text = torch.full((2, 64), 1)
    text[:, :12] = 5
    begin = clock()
    states = encoder.forward(text)
    text_seconds = clock() - begin
    expanded = [0] * 9 + [1] * 9
    text, states = text[expanded], states[expanded]
    mask = text.not_equal(1)[:, None, None, :]
    cache = torch.zeros(12, 36, 256, 1024)
    settings = torch.tensor([1.0, 256, 16.0])
    tokens = torch.full((9, 1), 16384)
    steps = []
    for step in range(options.steps):
        begin = clock()
        tokens, cache = decoder.sample_tokens(
            settings=settings,
            attention_mask=mask,
            encoder_state=states,
            attention_state=cache,
            prev_tokens=tokens.reshape(-1)[:9, None],
            token_index=torch.tensor([step]),
        )
        steps.append(clock() - begin)
    codes = torch.randint(16384, (9, 256))
    begin = clock()
    detokenizer.forward(is_seamless=False, z=codes)
    pictures = clock() - begin
    total = text_seconds + 256 * min(steps) + pictures
    result = {"text_s": text_seconds, "step_s": min(steps), "pictures_s": pictures, "nine_s": total}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
