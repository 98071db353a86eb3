"""What people might type to get a picture of an emoji: names, keywords, phrasings, styles.

A caption is drawn by a counter-based random stream, so caption `n` of a picture is always the same.
Captions are plain text; the normaliser and the tokenizer see them like any other prompt.
"""

import re
from collections.abc import Sequence

import numpy as np

PHRASES = (
    "{name}", "{name}", "{name}", "{article} {name}", "{article} {name}", "the {name}",
    "a picture of {article} {name}", "an image of {article} {name}",
    "a drawing of {article} {name}", "an illustration of {article} {name}",
    "{name} emoji", "a cute {name}", "one {name}", "{article} {name} on a white background",
    "{name}, {tag}", "{article} {name} and {tag}", "a photo of {article} {name}",
    "a painting of {article} {name}", "{tag} {name}", "{name} icon", "draw {article} {name}",
    "my {name}", "a small {name}", "a sketch of {article} {name}",
)  # fmt: skip
"""Phrasings of a name, with a keyword in some; repeated ones are drawn more often."""

STYLE_PHRASES = ("{caption}, {style} style", "{style} {caption}", "{caption} in {style} style")

SYNONYMS: dict[str, tuple[str, ...]] = {
    "automobile": ("car", "red car"),
    "airplane": ("aeroplane", "plane", "jet"),
    "bicycle": ("bike",),
    "dog face": ("dog", "puppy"),
    "dog": ("hound", "labrador"),
    "cat face": ("cat", "kitten"),
    "mouse face": ("mouse",),
    "rabbit face": ("rabbit", "bunny"),
    "tiger face": ("tiger",),
    "cow face": ("cow",),
    "pig face": ("pig",),
    "monkey face": ("monkey",),
    "horse face": ("horse", "pony"),
    "hot beverage": ("coffee", "tea", "cup of coffee"),
    "french fries": ("fries", "chips"),
    "mobile phone": ("phone", "smartphone", "cell phone"),
    "laptop": ("computer", "notebook computer"),
    "flying saucer": ("ufo", "alien spaceship"),
    "soccer ball": ("football", "ball"),
    "mage": ("wizard", "magician"),
    "person": ("human",),
    "locomotive": ("steam train", "steam engine"),
    "snow-capped mountain": ("mountain", "snowy mountain"),
    "shortcake": ("cake", "slice of cake"),
    "birthday cake": ("cake", "cake with candles"),
    "t-rex": ("dinosaur", "tyrannosaurus", "godzilla"),
    "sauropod": ("dinosaur", "brontosaurus"),
    "woman’s hat": ("hat", "sun hat", "sombrero"),
    "cowboy hat face": ("cowboy", "man in a hat"),
    "tokyo tower": ("tokyo",),
    "department store": ("walmart", "shop", "supermarket"),
    "video camera": ("cctv", "cctv camera", "security camera"),
    "man dancing": ("dancing man", "breakdancing", "dancer"),
    "woman dancing": ("dancing woman", "dancer"),
    "supervillain": ("darth vader", "thanos", "villain"),
    "volcano": ("mordor", "erupting volcano"),
    "beer mug": ("beer", "glass of beer"),
    "woozy face": ("drunk", "drunk man"),
    "superhero": ("batman", "superman", "spiderman"),
}
"""Everyday words for emoji whose CLDR name is not what people type; compiled by hand."""

_AN = re.compile(r"^(?!uni|use|one|eu)[aeiou]|^hour")


def article(name: str) -> str:
    """Return the indefinite article of a noun phrase, by its spelling.

    >>> article("octopus"), article("unicorn"), article("red apple")
    ('an', 'a', 'a')
    """
    return "an" if _AN.match(name) else "a"


def names_of(label: str) -> tuple[str, ...]:
    """Return the names that people use for an emoji: its own, without "face", and everyday ones."""
    names = [label.replace("’", "'")]
    if label.endswith(" face") and label.count(" ") == 1:
        names.append(label.removesuffix(" face"))
    return (*names, *SYNONYMS.get(label, ()))


def write_caption(label: str, tags: Sequence[str], style: str, seed: int, index: int) -> str:
    """Return caption number `index` of a picture.

    Args:
        label: CLDR name of the emoji.
        tags: its CLDR keywords; a keyword alone stands in for the name in one caption of six.
        style: word for the way its set draws; one caption of five names it.
        seed: of the picture, so that pictures of one emoji get different captions.
        index: which caption.
    """
    draw = np.random.Generator(np.random.Philox(key=[seed, index]))
    names = names_of(label)
    name = names[int(draw.integers(len(names)))]
    usable = [tag for tag in tags if tag not in name] or [name]
    tag = usable[int(draw.integers(len(usable)))]
    if draw.random() < 1 / 6:
        name, tag = tag, name
    phrase = PHRASES[int(draw.integers(len(PHRASES)))]
    caption = phrase.format(name=name, tag=tag, article=article(name))
    if style and draw.random() < 1 / 5:
        frame = STYLE_PHRASES[int(draw.integers(len(STYLE_PHRASES)))]
        caption = frame.format(caption=caption, style=style)
    return caption
