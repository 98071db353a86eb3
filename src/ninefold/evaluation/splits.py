"""Every split that a model is measured on, by name."""

from collections.abc import Callable
from functools import partial

from ninefold.evaluation.prompts import Corpus, Split, single_objects
from ninefold.evaluation.scene_prompts import SCENE_KINDS, scene_split
from ninefold.evaluation.word_prompts import other_languages, unseen_words

SplitBuilder = Callable[[Corpus, int, int], Split]
"""From a corpus, a number of prompts and a seed to a split."""

SPLITS: dict[str, SplitBuilder] = {
    "single-objects": single_objects,
    "unseen-words": unseen_words,
    "other-languages": other_languages,
    **{kind.name: partial(scene_split, kind) for kind in SCENE_KINDS},
}
