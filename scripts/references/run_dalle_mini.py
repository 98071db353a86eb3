"""Computes with the package dalle-mini 0.1.5 what `parity_references.py` compares with.

Runs in an environment of its own and imports nothing of ours. Argument: a folder with config.json,
flax_model.msgpack and inputs.npz; writes dalle_mini.npz into it.
"""

import sys
import types
from pathlib import Path

import jax
import numpy as np

# Three things that the package expects and that have moved or cannot be had offline.
jax.experimental.PartitionSpec = jax.sharding.PartitionSpec
sys.modules["wandb"] = types.ModuleType("wandb")
sys.modules["wandb"].run = None
sys.modules["wandb"].Api = type("Api", (), {})

from dalle_mini.model import DalleBart  # noqa: E402 - only after the three

SCALES = (10, 16, 1)


def main() -> None:
    """Write encoder states, logits and greedy codes."""
    folder = Path(sys.argv[1])
    model, params = DalleBart.from_pretrained(str(folder), _do_init=False)
    inputs = dict(np.load(folder / "inputs.npz"))
    text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    empty = {name: inputs[f"{name}_uncond"] for name in ("input_ids", "attention_mask")}
    outputs = dict(inputs)
    rows = len(inputs["dec_in"])
    states = model.encode(**text, params=params)
    outputs["enc_hidden"] = np.asarray(states.last_hidden_state)
    outputs["enc_hidden_uncond"] = np.asarray(
        model.encode(**empty, params=params).last_hidden_state[:1]
    )
    outputs["logits"] = np.asarray(
        model.decode(
            decoder_input_ids=inputs["dec_in"],
            encoder_outputs=states,
            encoder_attention_mask=text["attention_mask"],
            params=params,
        ).logits
    )
    # Under scan every step is compiled and run layer by layer, seventeen times slower.
    if model.config.use_scan:
        params = model.unscan(params)
    for scale in SCALES:
        drawn = model.generate(
            **text,
            input_ids_uncond=empty["input_ids"][:rows],
            attention_mask_uncond=empty["attention_mask"][:rows],
            condition_scale=float(scale),
            top_k=1,
            prng_key=jax.random.PRNGKey(0),
            params=params,
        )
        outputs[f"gen_k1_s{scale}"] = np.asarray(drawn.sequences)
    np.savez(folder / "dalle_mini.npz", **outputs)


if __name__ == "__main__":
    main()
