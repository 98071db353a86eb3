"""Prompts of words that training never saw: "a viper", whose picture is that of a snake.

The words are held out of training by hash (`corpus.holdout`), and no emoji has them among its names
and keywords. They were read through by a person: of the held-out words of the lexicon, those that
mean what it says, so that the model is measured and not the lexicon. The evaluator need not know
them: it looks for the caption of the thing.
"""

import numpy as np

from ninefold.corpus.captions import article
from ninefold.errors import UserError
from ninefold.evaluation.prompts import Case, Corpus, Split, things_of

UNSEEN_WORDS: dict[str, str] = {
    "blaze": "fire", "bloodhound": "dog", "boutique": "department store", "chord": "guitar",
    "cleaver": "kitchen knife", "cobra": "snake", "convertible": "automobile",
    "crossbow": "bow and arrow", "detergent": "soap", "driftwood": "wood", "drummer": "drum",
    "dugout": "hut", "earpiece": "headphone", "firestone": "fire", "freeway": "motorway",
    "grove": "evergreen tree", "hermitage": "house", "holstein": "cow", "icebreaker": "ship",
    "intercom": "telephone", "invitation": "love letter", "manufacturing": "factory",
    "martian": "alien", "minivan": "automobile", "mutt": "dog face", "orbiter": "satellite",
    "penny": "coin", "petrol": "fuel pump", "poster": "placard", "puff": "wind face",
    "rainwater": "cloud with rain", "recharge": "battery", "retina": "eyes", "roast": "cut of meat",
    "sahara": "desert", "scaffolding": "construction", "schoolhouse": "school",
    "shiv": "kitchen knife", "shopper": "shopping cart", "skillet": "shallow pan of food",
    "sofa": "couch and lamp", "speedway": "motorway", "stag": "moose", "suzuki": "motorcycle",
    "swimwear": "one-piece swimsuit", "swordsman": "person fencing", "tabor": "drum",
    "thermostat": "thermometer", "tsar": "person with crown", "ukulele": "guitar",
    "viper": "snake", "warlock": "mage", "website": "laptop", "wristwatch": "watch",
}  # fmt: skip
"""Word to the label of what it means."""


def unseen_words(corpus: Corpus, count: int, seed: int) -> Split:
    """Draw held-out words; the evaluator tells them by the plain names of their things.

    Raises:
        UserError: the corpus lacks the things that the words mean.
    """
    things = {label: case for label, case in things_of(corpus) if case.crowd}
    words = [word for word, label in UNSEEN_WORDS.items() if label in things]
    draw = np.random.Generator(np.random.Philox(key=[seed, 4]))
    chosen = [words[int(number)] for number in draw.permutation(len(words))[:count]]
    cases = []
    for word in chosen:
        thing = things[UNSEEN_WORDS[word]]
        cases.append(
            Case(
                caption=f"{article(word)} {word}",
                keys=thing.keys,
                real=thing.real,
                crowd=thing.crowd,
                told_by=thing.caption,
            )
        )
    if len([case for case in cases if case.real]) < 2:
        raise UserError(
            "The corpus lacks the things that the unseen words mean; build the whole one with "
            "`ninefold corpus build`, or leave out the split unseen-words."
        )
    meant = {UNSEEN_WORDS[word] for word in chosen}
    others = tuple((t.caption, t.keys) for label, t in things.items() if label not in meant)
    return Split("unseen-words", "Unseen words", tuple(cases), others, target=0.5)
