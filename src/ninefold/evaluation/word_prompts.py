"""Prompts of words that training never saw: "a viper", whose picture is that of a snake.

The English words are held out of training by hash (`corpus.holdout`), and no emoji has them among
its names and keywords. They were read through by a person: of the held-out words of the lexicon,
those that mean what it says, so that the model is measured and not the lexicon. Words of other
languages are in no caption at all. The evaluator need not know any of them: it looks for the
caption of the thing.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ninefold.corpus.captions import article
from ninefold.errors import UserError
from ninefold.evaluation.prompts import Corpus, Split, things_of

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


OTHER_LANGUAGES: dict[str, str] = {
    "gato": "cat", "pulpo": "octopus", "cohete": "rocket", "llave": "key", "tijeras": "scissors",
    "tiburón": "shark", "caballo": "horse", "león": "lion", "borboleta": "butterfly",
    "cenoura": "carrot", "tartaruga": "turtle", "castelo": "castle", "morango": "strawberry",
    "martelo": "hammer", "grenouille": "frog", "champignon": "mushroom", "étoile": "star",
    "couronne": "crown", "cloche": "bell", "pingouin": "penguin", "banane": "banana",
    "eule": "owl", "gespenst": "ghost", "regenschirm": "umbrella", "schiff": "ship",
    "geige": "violin", "fahrrad": "bicycle", "birne": "pear", "candela": "candle",
    "chitarra": "guitar", "vulcano": "volcano", "ragno": "spider", "fotocamera": "camera",
    "tromba": "trumpet", "арбуз": "watermelon", "слон": "elephant", "поезд": "train",
    "самолет": "airplane", "солнце": "sun", "いぬ": "dog", "へび": "snake", "ぶどう": "grapes",
    "レモン": "lemon", "ピザ": "pizza", "물고기": "fish", "장미꽃": "rose", "튤립": "tulip",
    "버스": "bus", "눈사람": "snowman", "체리": "cherries", "दांत": "tooth", "ड्रम": "drum",
    "मगरमच्छ": "crocodile", "बाज": "eagle",
}  # fmt: skip
"""Word of Spanish, Portuguese, French, German, Italian, Russian, Japanese, Korean or Hindi to the
label of what it means."""


def unseen_words(corpus: Corpus, count: int, seed: int) -> Split:
    """Draw held-out words; the evaluator tells them by the plain names of their things.

    Raises:
        UserError: the corpus lacks the things that the words mean.
    """
    prompts = {f"{article(word)} {word}": label for word, label in UNSEEN_WORDS.items()}
    chosen = _choose(corpus, prompts, count, seed)
    return _split("unseen-words", "Unseen words", corpus, chosen, target=0.5)


def other_languages(corpus: Corpus, count: int, seed: int) -> Split:
    """Draw names of things in other languages than English, told by their plain English names.

    Raises:
        UserError: the corpus lacks the things that the words mean.
    """
    chosen = _choose(corpus, OTHER_LANGUAGES, count, seed)
    return _split("other-languages", "Other languages", corpus, chosen, target=None)


def _choose(corpus: Corpus, prompts: Mapping[str, str], count: int, seed: int) -> dict[str, str]:
    """Return `count` prompts, or as many as the corpus has things of, with their labels."""
    things = {label for label, case in things_of(corpus) if case.crowd}
    known = [prompt for prompt, label in prompts.items() if label in things]
    draw = np.random.Generator(np.random.Philox(key=[seed, 4]))
    chosen = (known[int(number)] for number in draw.permutation(len(known))[:count])
    return {prompt: prompts[prompt] for prompt in chosen}


def _split(
    name: str, title: str, corpus: Corpus, prompts: Mapping[str, str], target: float | None
) -> Split:
    things = {label: case for label, case in things_of(corpus) if case.crowd}
    cases = [
        replace(things[label], caption=prompt, told_by=things[label].caption)
        for prompt, label in prompts.items()
    ]
    if len([case for case in cases if case.real]) < 2:
        raise UserError(
            f"The corpus lacks the things that words mean; build the whole one with "
            f"`ninefold corpus build`, or leave out the split {name}."
        )
    meant = set(prompts.values())
    others = tuple((t.caption, t.keys) for label, t in things.items() if label not in meant)
    return Split(name, title, tuple(cases), others, target)
