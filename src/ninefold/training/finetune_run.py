"""A trained model taught a person's own pictures, as a model folder of its own."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ninefold.checkpoints.model_folder import (
    ModelConfig,
    Network,
    load_state,
    read_config,
    save_model,
    weights_file,
)
from ninefold.corpus.build import MANIFEST_FILE
from ninefold.errors import UserError
from ninefold.training.recipes.finetune import finetune_recipe
from ninefold.training.trainer import train

NETWORKS: tuple[Network, ...] = ("dallebart", "vqgan", "clip")


@dataclass(frozen=True)
class FinetuneRun:
    """The folder of a run and what is called while it trains."""

    root: Path
    corpus: Path
    base: Path
    """Folder of the model that is taught."""
    num_steps: int
    should_stop: Callable[[], bool] = lambda: False
    on_log: Callable[[dict[str, float]], None] = lambda _row: None

    def __post_init__(self) -> None:
        require_corpus(self.corpus)

    def train(self, folder: Path) -> ModelConfig | None:
        """Teach the model, or go on, and write it into `folder` when it is finished.

        Returns:
            What was written; None where the run was stopped before its end.

        Raises:
            UserError: the corpus is of another size than the model draws, or the folder of the run
                holds one of another corpus or model.
        """
        task, config = finetune_recipe(self.corpus, self.base, self.root, self.num_steps)
        average = train(task, config, self.root, self.should_stop, self.on_log, task.inputs)
        if self.should_stop():
            return None
        return self._save(folder, average)

    def _save(self, folder: Path, dallebart: dict[str, Tensor]) -> ModelConfig:
        base = read_config(self.base)
        networks: dict[Network, dict[str, Tensor]] = {
            name: dallebart if name == "dallebart" else load_state(self.base, name)
            for name in NETWORKS
            if name != "clip" or base.clip is not None
        }
        weights = {weights_file(name) for name in NETWORKS}
        files: dict[str, Path | bytes] = {
            name: self.base / name for name in base.files if name not in weights
        }
        licence = f"{base.licence}; fine-tuned on further pictures"
        made = replace(base, name=f"{base.name}-finetuned", licence=licence)
        return save_model(folder, made, networks, files, dtype=torch.float16, replace=True)


def require_corpus(folder: Path) -> None:
    """Raise UserError, saying how to make one, where a folder holds no corpus."""
    if not (folder / MANIFEST_FILE).is_file():
        raise UserError(
            f"{folder} holds no corpus; make one of your pictures with `ninefold corpus "
            f"build --from PICTURES --out {folder}`."
        )
