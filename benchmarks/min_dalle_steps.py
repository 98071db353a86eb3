"""Times the package min-dalle 0.4.11 with random weights; run by `draw_nine.py`.

It computes a step over all of its cache, so that a step's time does not depend on the position; a
few are timed, and the whole is reckoned from the least. Imports nothing of ours: the shape comes as
JSON with the names of a published config.json. Prints one line of JSON.
"""

import argparse
import json
import time

import torch
from min_dalle.models import DalleBartDecoder, DalleBartEncoder, VQGanDetokenizer

MINI = {
    "encoder_layers": 12,
    "decoder_layers": 12,
    "d_model": 1024,
    "encoder_attention_heads": 16,
    "encoder_ffn_dim": 2730,
    "encoder_vocab_size": 50264,
    "image_vocab_size": 16384,
    "max_text_length": 64,
}


def main() -> None:
    """Time text, steps and pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--pictures", type=int, default=9, help="to paint; nine are reckoned")
    parser.add_argument("--shape", type=json.loads, default=MINI)
    parser.add_argument("--processor-time", action="store_true", help="instead of the wall's")
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    shape = options.shape
    width, num_codes = shape["d_model"], shape["image_vocab_size"]
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    torch.nn.Linear.reset_parameters = lambda self: self.weight.data.fill_(0.001)  # type: ignore[method-assign] # not timed
    encoder = DalleBartEncoder(
        layer_count=shape["encoder_layers"],
        embed_count=width,
        attention_head_count=shape["encoder_attention_heads"],
        text_vocab_count=shape["encoder_vocab_size"],
        text_token_count=shape["max_text_length"],
        glu_embed_count=shape["encoder_ffn_dim"],
        device="cpu",
    ).eval()
    decoder = DalleBartDecoder(
        image_vocab_count=num_codes,
        embed_count=width,
        attention_head_count=shape["encoder_attention_heads"],
        glu_embed_count=shape["encoder_ffn_dim"],
        layer_count=shape["decoder_layers"],
        device="cpu",
    ).eval()
    detokenizer = VQGanDetokenizer().eval()
    text = torch.full((2, shape["max_text_length"]), 1)
    text[:, :12] = 5
    begin = clock()
    states = encoder.forward(text)
    text_seconds = clock() - begin
    expanded = [0] * 9 + [1] * 9
    text, states = text[expanded], states[expanded]
    mask = text.not_equal(1)[:, None, None, :]
    cache = torch.zeros(shape["decoder_layers"], 36, 256, width)
    settings = torch.tensor([1.0, 256, 16.0])
    tokens = torch.full((9, 1), num_codes)
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
    codes = torch.randint(num_codes, (options.pictures, 256))
    begin = clock()
    detokenizer.forward(is_seamless=False, z=codes)
    pictures = (clock() - begin) * 9 / options.pictures
    total = text_seconds + 256 * min(steps) + pictures
    result = {"text_s": text_seconds, "step_s": min(steps), "pictures_s": pictures, "nine_s": total}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
