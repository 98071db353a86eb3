"""Computes with the package min-dalle 0.4.11 what `parity_references.py` compares with.

Runs in an environment of its own and imports nothing of ours. Argument: a folder with encoder.pt,
decoder.pt, config.json and inputs.npz, perhaps detoker.pt; writes min_dalle.npz into it.
"""

import json
import sys
from pathlib import Path

import min_dalle.models as reference
import numpy as np
import torch

NUM_FORCED = 64  # positions of the pass over many tokens at once


def build(folder: Path) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The package's two classes at the size of the folder's weights, and with these."""
    config = json.loads((folder / "config.json").read_text())
    encoder = reference.DalleBartEncoder(
        layer_count=config["encoder_layers"],
        embed_count=config["d_model"],
        attention_head_count=config["encoder_attention_heads"],
        text_vocab_count=config["encoder_vocab_size"],
        text_token_count=config["max_text_length"],
        glu_embed_count=config["encoder_ffn_dim"],
        device="cpu",
    )
    decoder = reference.DalleBartDecoder(
        image_vocab_count=config["image_vocab_size"],
        embed_count=config["d_model"],
        attention_head_count=config["decoder_attention_heads"],
        glu_embed_count=config["decoder_ffn_dim"],
        layer_count=config["decoder_layers"],
        device="cpu",
    )
    for model, name in ((encoder, "encoder.pt"), (decoder, "decoder.pt")):
        state = torch.load(folder / name, weights_only=True)
        missing, unexpected = model.load_state_dict(state, strict=False)
        # The package leaves the scales of some norms at one; nothing else may be left out.
        assert not unexpected
        assert all(key.endswith(".weight") and "l" in key for key in missing), missing
    return encoder.eval(), decoder.eval()


def transformer_outputs(folder: Path) -> dict[str, np.ndarray]:
    """Encoder states, logits of the empty prompt, and the cache of the first layer."""
    encoder, decoder = build(folder)
    inputs = np.load(folder / "inputs.npz")
    text = torch.from_numpy(np.stack([inputs["input_ids_uncond"][0], inputs["input_ids"][0]]))
    tokens = torch.from_numpy(inputs["dec_in"][:1])
    states = encoder.forward(text)
    mask = text.not_equal(1)[:, None, None, :]
    length, width = tokens.shape[1], states.shape[-1]
    # Keys of both rows, then values of both rows.
    cache = torch.zeros(decoder.layer_count, 4, length, width)
    forced, _ = decoder.forward(
        attention_mask=mask,
        encoder_state=states,
        attention_state=cache.clone(),
        prev_tokens=tokens[:, :NUM_FORCED],
        token_index=torch.arange(NUM_FORCED),
    )
    for step in range(length):
        _, cache = decoder.forward(
            attention_mask=mask,
            encoder_state=states,
            attention_state=cache,
            prev_tokens=tokens[:, [step]],
            token_index=torch.tensor([step]),
        )
    return {
        "enc_state_uncond_cond": states.numpy(),
        "logits_tf_uncond": forced[0].numpy(),
        "cache_K_cond_l0": cache[0, 1].numpy(),
        "cache_V_cond_l0": cache[0, 3].numpy(),
    }


def vqgan_outputs(folder: Path) -> dict[str, np.ndarray]:
    """Pixels in [0, 1], with the epsilon of vqgan-jax and with the package's own."""
    model = reference.VQGanDetokenizer()
    model.load_state_dict(torch.load(folder / "detoker.pt", weights_only=True))
    codes = torch.from_numpy(np.load(folder / "inputs.npz")["codes"])
    own = model.forward(False, codes) / 255
    for module in model.modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.eps = 1e-6
    return {"decoded_own_eps": own.numpy(), "decoded": (model.forward(False, codes) / 255).numpy()}


def main() -> None:
    """Write what the folder has weights for."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)  # importing the package set it to all cores
    outputs = {}
    if (folder / "encoder.pt").exists():
        outputs |= transformer_outputs(folder)
    if (folder / "detoker.pt").exists():
        outputs |= vqgan_outputs(folder)
    np.savez(folder / "min_dalle.npz", **outputs)


if __name__ == "__main__":
    main()
