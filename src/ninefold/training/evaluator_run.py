"""The evaluator from nothing to its folder: tokenizer, training, export. Not a stage of pocket."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ninefold.checkpoints.evaluator import TOKENIZER_FILE, EvaluatorConfig, save_evaluator
from ninefold.errors import UserError
from ninefold.training.inputs import hash_corpus, hash_files, is_made, record_inputs
from ninefold.training.recipes.evaluator import EVALUATOR_CLIP, evaluator_recipe, learn_words
from ninefold.training.trainer import train

TRAINED_ON = (
    "Real pictures of pocket's corpus: single things, one picture in ten held out by hash, and "
    "scenes composed of the others."
)


@dataclass(frozen=True)
class EvaluatorRun:
    """The folder of a run and what is called while it trains."""

    root: Path
    corpus: Path
    should_stop: Callable[[], bool] = lambda: False
    on_log: Callable[[dict[str, float]], None] = lambda _row: None

    def __post_init__(self) -> None:
        if not (self.corpus / "manifest.json").is_file():
            raise UserError(
                f"{self.corpus} holds no corpus; run `ninefold corpus build --out {self.corpus}` "
                "first."
            )

    def train(self, folder: Path) -> EvaluatorConfig | None:
        """Train, or go on, and write the evaluator into `folder` when it is finished.

        Returns:
            What was written; None where the run was stopped before its end.

        Raises:
            UserError: the folder of the run holds one of another corpus.
        """
        tokenizer = self.root / "tokenizer"
        words = tokenizer / TOKENIZER_FILE
        inputs = {"corpus": hash_corpus(self.corpus)}
        if not is_made(words, inputs):
            record_inputs(words, inputs)
            learn_words(self.corpus, tokenizer)
        inputs["tokenizer"] = hash_files([words])
        task, config = evaluator_recipe(self.corpus, tokenizer)
        average = train(task, config, self.root, self.should_stop, self.on_log, inputs)
        if self.should_stop():
            return None
        saved = EvaluatorConfig(EVALUATOR_CLIP, TRAINED_ON)
        return save_evaluator(folder, saved, average, words)
