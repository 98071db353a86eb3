"""Every split that a model is measured on, by name."""

from collections.abc import Callable

from ninefold.evaluation.prompts import Corpus, Split, single_objects
from ninefold.evaluation.word_prompts import unseen_words

SplitBuilder = Callable[[Corpus, int, int], Split]
"""From a corpus, a number of prompts and a seed to a split."""

SPLITS: dict[str, SplitBuilder] = {
    "single-objects": single_objects,
    "unseen-words": unseen_words,
}
