"""Which phrases name which thing: the table by which a model reads prompts (`text.things`).

A short list of what people type and no dictionary has comes first, then names, then the lexicon's
keywords, kinds, near meanings and names in other languages. Knows nothing of networks.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ninefold.corpus.build import Record
from ninefold.corpus.captions import names_of
from ninefold.corpus.lexicon import Entry
from ninefold.corpus.plain_captions import plural
from ninefold.corpus.scenes.describe import on_colour
from ninefold.corpus.scenes.looks import LOOKS, STYLES, TINTS, Look
from ninefold.corpus.scenes.places import BACKDROPS, GROUNDS, PLACES, colour_of, grounds_of
from ninefold.corpus.scenes.things import GLASSES, HATS, RIDDEN
from ninefold.errors import UserError
from ninefold.text.things import MAX_DESIGNS, MAX_PHRASE, SLOTS, Thing, ThingTable, key_of

MIN_LIKENESS, SURE_LIKENESS = 0.5, 0.62
"""Of words that are near a thing in meaning and nothing else: to be read, and not be doubtful."""
SURE_KIND = 0.85
"""The same of kinds of things: kinds of kinds are doubtful."""
_ADJECTIVE_ENDS = ("less", "ful", "ous", "ish", "able")
OPENINGS = frozenset((
    "picture", "photo", "photograph", "painting", "drawing", "illustration", "image",
    "portrait", "rendering", "render", "art", "artwork", "digital", "scene", "view", "close",
    "up", "closeup", "background", "white", "front", "top", "side", "left", "right", "style",
    "realistic", "photorealistic", "detailed", "trending", "artstation",
))  # fmt: skip
"""Words that tell how a picture is made; no thing is read from them."""
FAMOUS: dict[str, str] = {
    "thanos": "supervillain", "darth vader": "supervillain", "vader": "supervillain",
    "joker": "clown face", "the joker": "clown face", "voldemort": "supervillain",
    "sauron": "eye", "batman": "superhero", "superman": "superhero", "spiderman": "superhero",
    "spider man": "superhero", "iron man": "robot", "hulk": "ogre", "shrek": "ogre",
    "yoda": "alien", "baby yoda": "alien", "grogu": "alien", "luke skywalker": "man",
    "stormtrooper": "robot", "r2d2": "robot", "terminator": "robot", "optimus prime": "robot",
    "godzilla": "t-rex", "king kong": "gorilla", "donkey kong": "gorilla", "harambe": "gorilla",
    "pikachu": "mouse face", "mickey mouse": "mouse face", "minnie mouse": "mouse face",
    "jerry": "mouse face", "garfield": "cat face", "hello kitty": "cat face",
    "grumpy cat": "pouting cat", "snoopy": "dog face", "scooby doo": "dog face",
    "doge": "dog face", "shiba inu": "dog face", "corgi": "dog face", "pepe": "frog",
    "kermit": "frog", "kermit the frog": "frog", "peppa pig": "pig face",
    "winnie the pooh": "bear", "winnie pooh": "bear", "paddington": "bear", "yogi bear": "bear",
    "baloo": "bear", "simba": "lion", "nemo": "tropical fish", "dory": "tropical fish",
    "jaws": "shark", "spongebob": "sponge", "patrick star": "star", "squidward": "squid",
    "sonic": "hedgehog", "mario": "man", "super mario": "man", "luigi": "man",
    "homer simpson": "man", "bart simpson": "boy", "harry potter": "mage", "gandalf": "mage",
    "dumbledore": "mage", "merlin": "mage", "hermione": "mage", "frodo": "elf", "legolas": "elf",
    "gollum": "goblin", "elsa": "princess", "cinderella": "princess", "snow white": "princess",
    "barbie": "princess", "ariel": "mermaid", "santa": "santa claus", "dracula": "vampire",
    "edward cullen": "vampire", "frankenstein": "zombie", "walking dead": "zombie",
    "obama": "man", "trump": "man", "donald trump": "man", "joe biden": "old man",
    "biden": "old man", "putin": "man", "elon musk": "man", "jesus": "man", "einstein": "old man",
    "albert einstein": "old man", "gordon ramsay": "cook", "sherlock holmes": "detective",
    "james bond": "detective", "napoleon": "guard", "viking": "person: beard", "pirate": "skull",
    "knight": "guard", "soldier": "guard", "queen elizabeth": "old woman",
    "queen": "woman", "king": "prince", "walmart": "department store", "ikea": "department store",
    "costco": "department store", "target": "department store", "mcdonalds": "hamburger",
    "mcdonald s": "hamburger", "burger king": "hamburger", "starbucks": "hot beverage",
    "kfc": "poultry leg", "mordor": "volcano", "hell": "volcano", "hogwarts": "castle",
    "disneyland": "castle", "tokyo": "tokyo tower", "paris": "tokyo tower",
    "eiffel tower": "tokyo tower", "new york city": "statue of liberty", "egypt": "camel",
    "pyramid": "mountain", "mount everest": "snow-capped mountain", "big ben": "clock",
    "titanic": "ship", "millennium falcon": "flying saucer", "death star": "full moon",
    "minecraft": "pick", "creeper": "alien monster", "among us": "astronaut",
    "tetris": "joystick", "breakdancing": "man dancing", "breakdance": "man dancing",
    "dancing": "man dancing", "sombrero": "woman’s hat", "hat": "woman’s hat",
    "top hat": "top hat", "cap": "billed cap", "helmet": "rescue worker’s helmet",
    "cowboy hat": "cowboy hat face", "mother": "woman", "mom": "woman", "mum": "woman",
    "father": "man", "dad": "man", "guy": "man", "guys": "man", "dude": "man", "person": "man",
    "people": "woman", "samurai": "ninja", "grandma": "old woman", "grandpa": "old man",
    "granny": "old woman", "kid": "boy", "child": "boy", "toddler": "baby", "lady": "woman",
    "cctv": "video camera", "avocado chair": "avocado", "armchair": "chair",
    "sofa": "couch and lamp", "couch": "couch and lamp", "lighthouse": "tokyo tower",
    "toast": "bread", "toaster": "bread", "space shuttle": "rocket", "spaceship": "rocket",
    "moon landing": "full moon", "dinosaur": "t-rex", "trex": "t-rex", "t rex": "t-rex",
    "kitten": "cat face", "puppy": "dog face", "bunny": "rabbit face", "teddy": "teddy bear",
    "poop": "pile of poo", "poo": "pile of poo", "car": "automobile", "sports car": "racing car",
    "plane": "airplane", "bike": "bicycle", "motorbike": "motorcycle", "train": "locomotive",
    "computer": "laptop", "pc": "laptop", "phone": "mobile phone", "tv": "television",
    "ball": "soccer ball", "football": "soccer ball", "flower": "sunflower",
    "tree": "deciduous tree", "burger": "hamburger", "fries": "french fries",
    "coffee": "hot beverage", "tea": "hot beverage", "beer": "beer mug", "beers": "beer mug",
    "cake": "birthday cake", "donut": "doughnut", "apple": "red apple", "house": "house",
    "sun": "sun", "moon": "full moon", "star": "star", "building": "office building",
    "orange": "tangerine", "oranges": "tangerine", "traffic": "automobile", "trial": "man judge",
    "festival": "fireworks", "skeleton": "skull", "pirate ship": "ship", "viking ship": "ship",
    "mall": "department store", "shopping mall": "department store", "booth": "telephone",
    "phone booth": "telephone", "museum": "classical building",
    "suit": "necktie", "business suit": "necktie", "breakfast": "pancakes",
    "supper": "shallow pan of food", "dinner": "shallow pan of food", "lunch": "hamburger",
    "speech": "microphone", "sword": "dagger", "gun": "water pistol", "book": "closed book",
    "heart": "red heart", "sea": "water wave", "ocean": "water wave", "sky": "cloud",
    "summer": "sun", "autumn": "fallen leaf", "winter": "snowflake", "box": "package",
    "room": "bed", "night": "night with stars", "beach": "beach with umbrella",
    "space": "milky way", "forest": "evergreen tree", "city": "cityscape",
}  # fmt: skip
"""What people type, to the label of what shows it best; compiled by hand."""
SAME_WORDS: dict[str, str] = {
    "selling": "holding", "buying": "looking at", "abducting": "attacking", "stealing": "holding",
    "afraid": "looking at", "around": "near", "across": "near", "behind": "near", "through": "in",
    "into": "in", "made from": "and", "made out": "and", "made": "and", "walking": "next to",
    "made up": "and", "giving hug to": "next to", "hugging": "next to", "on vacation": "visiting",
    "cctv footage of": "black and white", "security footage of": "black and white",
    "security camera footage of": "black and white", "footage of": "photo of",
    "pencil drawing of": "pencil sketch of", "sketch of": "sketch of", "next to": "next to",
    "at north pole": "in snow", "in arctic": "in snow", "in ice": "in snow",
    "on mars": "on moon", "in orbit": "in space", "flying over": "flying over",
    "in park": "in meadow", "on farm": "in meadow", "in antarctica": "in snow",
    "on street": "in city",
    "on mountain": "in mountains", "on lake": "at sea", "in lake": "at sea",
    "in ocean": "underwater", "in water": "underwater", "at concert": "on stage",
    "on hill": "in mountains", "in sunset": "at sunset", "in house": "in room",
    "in savanna": "in meadow", "in night sky": "at night", "in autumn forest": "in forest",
    "in dark forest": "in forest", "in front of ocean": "on beach", "in summer": "in meadow",
    "in swamp": "in forest", "in cave": "at night", "on snowy mountain": "in mountains",
    "on a beach": "on beach", "by sea": "at sea", "in pool": "underwater",
    "in swimming pool": "underwater", "in supermarket": "in shop", "in store": "in shop",
    "in bar": "in room", "in office": "in room", "in classroom": "in room", "in bed": "in room",
    "in woods": "in woods", "battling": "fighting", "versus": "vs", "kissing": "next to",
    "holding hands with": "next to", "talking to": "next to", "playing with": "next to",
    "looking for": "looking for", "searching for": "looking for", "waiting for": "looking for",
    "jumping over": "flying over", "surfing on": "riding", "sitting in": "in",
    "standing in": "in", "stuck in": "in", "hiding in": "in", "dressed as": "dressed up with",
    "dressed like": "dressed up with", "as": "dressed up with", "drinking": "drinking",
    "cooking": "holding", "reading": "holding", "throwing": "holding", "shooting": "holding",
    "couple of": "two", "pair of": "two", "group of": "four", "several": "four", "many": "four",
    "five": "four", "six": "four", "seven": "four", "little": "tiny", "mini": "tiny",
    "grayscale": "grayscale", "monochrome": "monochrome", "8 bit": "8 bit", "gold": "golden",
    "silver": "grey", "brown": "orange", "violet": "purple", "scarlet": "red", "crimson": "red",
    "turquoise": "blue", "cyan": "blue", "magenta": "pink", "beige": "white", "lime": "green",
    "navy": "blue", "dark": "black", "rainy": "in rain", "snowy": "in snow", "sunny": "in meadow",
}  # fmt: skip
"""Words to words of the captions that mean much the same."""


TIMES = ("sky", "sunset", "night", "rain")
"""Places that say when something is, or how the weather is, as much as where."""
CHEERFUL = ("yellow", "pink", "blue", "green", "orange", "purple", "grey")
"""Backgrounds of pictures whose prompt leaves them open."""
USUAL: dict[str, tuple[str, ...]] = {
    "animal-mammal": ("meadow", "forest", "mountains", "snow", "desert"),
    "animal-bird": ("sky", "forest", "meadow"),
    "animal-marine": ("underwater", "sea", "beach"),
    "animal-reptile": ("desert", "forest", "meadow"),
    "animal-amphibian": ("meadow", "forest", "rain"),
    "animal-bug": ("meadow", "forest", "sunset"),
    "monkey-face": ("forest", "meadow", "mountains"),
    "cat-face": ("room", "meadow", "night"),
    "plant": ("meadow", "forest", "mountains"),
    "food": ("room", "meadow", "beach"),
    "drink": ("room", "beach", "sunset"),
    "dishware": ("room",),
    "transport-ground": ("city", "desert", "mountains"),
    "transport-water": ("sea", "sunset", "beach"),
    "transport-air": ("sky", "sunset", "night"),
    "sky-weather": ("sunset", "mountains", "sea"),
    "place": ("meadow", "sunset", "night", "mountains"),
    "hotel": ("city", "night"),
    "person": ("city", "meadow", "beach", "room"),
    "face": ("sky", "night", "beach"),
    "emotion": ("sky", "night"),
    "heart": ("sky", "sunset", "night"),
    "event": ("room", "night", "stage"),
    "game": ("room", "stage"),
    "award": ("stage", "room"),
    "sport": ("meadow", "beach", "stage"),
    "musical": ("stage", "room", "sunset"),
    "music": ("stage", "room"),
    "clothing": ("room", "stage", "beach"),
    "household": ("room", "meadow"),
    "tool": ("room", "desert"),
    "light": ("room", "night"),
    "computer": ("room", "city"),
    "phone": ("room", "city"),
    "book": ("room", "meadow"),
    "writing": ("room",),
    "science": ("room", "space"),
    "money": ("room", "sea"),
    "office": ("room",),
}
"""Beginnings of the names of groups of things to the places where those usually are."""


def build_table(
    records: Sequence[Record],
    lexicon: Sequence[Entry],
    captions: Iterable[str],
    wordnet: Path,
    sketch_length: int,
    rims: Sequence[Sequence[float]],
) -> ThingTable:
    """Return the table of the things that `records` show, one design a record, in their order.

    Args:
        records: of the pictures that the model learns.
        lexicon: what single words mean.
        captions: of the training, things as `SLOTS`; their words are those that are read.
        wordnet: folder of WordNet's files.
        sketch_length: entries of each sketch.
        rims: mean red, green and blue of each record's picture along its outline.

    Raises:
        UserError: WordNet is not there.
    """
    designs: dict[str, list[int]] = {}
    for number, record in enumerate(records):
        designs.setdefault(record.label, []).append(number)
    labels = list(designs)
    numbers = {label: number for number, label in enumerate(labels)}
    words = frozenset(word for text in captions for word in text.split()) - set(SLOTS)
    places = _places()
    of_places = {word for phrase in places for word in phrase.split()}
    reserved = (words - of_places) | OPENINGS | {_key(phrase) for phrase in SAME_WORDS}
    phrases: dict[str, int | str] = dict(places)
    for phrase, same in SAME_WORDS.items():
        meant = places.get(_key(same), _key(same))
        if set(meant.split()) <= words:
            phrases[_key(phrase)] = meant
    parts = _parts_of_speech(wordnet)
    animals = {record.label for record in records if record.group == "animals-nature"}
    names = {
        name: label
        for label in reversed(labels)
        for name in _spellings(label, is_animal=label in animals)
    }
    spoken = {**names, **{plural(name): label for name, label in FAMOUS.items()}, **FAMOUS}
    for phrase, label in spoken.items():
        _add(phrases, phrase, numbers.get(label), reserved)
    hints: dict[str, int | str] = {}
    for entry in lexicon:
        if _is_read(entry):
            is_noun = entry.is_foreign or _part(entry.word, parts) == "n"
            _add(phrases if is_noun else hints, entry.word, numbers.get(entry.label), reserved)
    doubtful = {e.word for e in lexicon if _is_doubtful(e) and e.word not in spoken}
    for record in records:
        for tag in record.tags:
            if " " in tag:
                _add(phrases, tag, numbers[record.label], reserved)
    groups = {record.label: record.subgroup for record in reversed(records)}
    settings = tuple(_settings())
    things = tuple(
        Thing(
            label,
            tuple(designs[label]),
            _settings_of(groups[label], [rims[number] for number in designs[label]]),
        )
        for label in labels
    )
    colours = (frozenset(TINTS) | frozenset(BACKDROPS)) & words
    worn = frozenset(numbers[label] for label in (*HATS, *GLASSES) if label in numbers)
    ridden = frozenset(numbers[label] for label in RIDDEN if label in numbers)
    named = {word: number for word, number in hints.items() if isinstance(number, int)}
    return ThingTable(
        things,
        phrases,
        words,
        colours,
        sketch_length,
        worn,
        ridden,
        frozenset(doubtful & phrases.keys()),
        named,
        len(LOOKS),
        {tint: LOOKS.index(Look(tint=tint)) for tint in TINTS},
        {
            _key(phrase): (LOOKS.index(Look.of_style(style)), _where(Look.of_style(style)))
            for style, said in STYLES.items()
            for phrase in said
        },
        {
            meant: (LOOKS.index(Look(above)), LOOKS.index(Look(below)))
            for meant, (above, below) in _grounds().items()
        },
        settings,
    )


def _settings() -> dict[str, tuple[str, str]]:
    """Return what captions say of the backgrounds and places of `CHEERFUL` and `USUAL`."""
    usual = dict.fromkeys(place for places in USUAL.values() for place in places)
    said = {_key(on_colour(colour)): grounds_of(colour) for colour in CHEERFUL}
    return said | {_key(PLACES[place][0]): grounds_of(place) for place in usual}


def _settings_of(group: str, rims: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """Return where a thing of a group is drawn when that is open: three colours, three places.

    Those that its outline stands out from most, in the design that stands out least.
    """
    settings = _settings()
    numbers = {phrase: number for number, phrase in enumerate(settings)}

    def contrast(phrase: str) -> float:
        grounds = [colour_of(ground) for ground in settings[phrase]]
        return min(math.dist(rim, ground) for rim in rims for ground in grounds)

    def clearest(phrases: Iterable[str]) -> list[int]:
        ordered = sorted(phrases, key=lambda phrase: (-contrast(phrase), phrase))
        return [numbers[phrase] for phrase in ordered[:MAX_DESIGNS]]

    name = next((name for name in USUAL if group.startswith(name)), None)
    places = () if name is None else USUAL[name]
    return (
        *clearest(_key(on_colour(colour)) for colour in CHEERFUL),
        *clearest(_key(PLACES[place][0]) for place in places),
    )


def _where(look: Look) -> str:
    """The words that say what a style stands on, where that is not white."""
    return "" if look.ground == GROUNDS[0] else _key(on_colour(look.ground))


def _places() -> dict[str, str]:
    """Phrases of places and of backgrounds, to those that captions of the training say."""
    found: dict[str, str] = {}
    for said in PLACES.values():
        meant = _key(said[0])
        found |= {_key(phrase): meant for phrase in said}
    for phrase, meant in list(found.items()):
        preposition, _, place = phrase.partition(" ")
        if preposition == "in" and place:
            found |= {f"{other} {place}": found.get(f"{other} {place}", meant) for other in _IN}
    for colour in BACKDROPS:
        meant = _key(on_colour(colour))
        said = ("on {} background", "against {} background", "with {} background",
                "{} background", "against {}", "in front of {} background")  # fmt: skip
        found |= {_key(phrase.format(colour)): meant for phrase in said}
    return {phrase: meant for phrase, meant in found.items() if len(phrase.split()) <= MAX_PHRASE}


_IN = ("in", "on", "into", "through", "inside", "across", "over", "above")
"""Words that lead to the place where something is."""


def _grounds() -> dict[str, tuple[str, str]]:
    """What captions of the training say of places and backgrounds, to the colours there.

    Of several in a prompt the first of these is drawn: where something is before when it is.
    """
    places = sorted(PLACES, key=lambda place: place in TIMES)
    said = {_key(PLACES[place][0]): grounds_of(place) for place in places}
    return said | {_key(on_colour(colour)): grounds_of(colour) for colour in BACKDROPS}


def _key(phrase: str) -> str:
    return key_of(phrase.lower().replace("’", " ").replace("'", " ").replace("-", " "))


def _spellings(label: str, *, is_animal: bool) -> list[str]:
    names = names_of(label)
    if label.endswith(" face") and not is_animal:
        # "sleeping face" is not what "sleeping" means.
        names = (label,)
    return [*names, *(plural(name) for name in names)]


def _add(
    phrases: dict[str, int | str], phrase: str, number: int | None, reserved: frozenset[str]
) -> None:
    key = _key(phrase)
    is_colour = key in TINTS
    if number is None or not key or len(key.split()) > MAX_PHRASE:
        return
    if key in reserved and not is_colour:
        return
    phrases.setdefault(key, number)


def _is_read(entry: Entry) -> bool:
    is_near = entry.way != "near" or entry.likeness >= MIN_LIKENESS
    return is_near and entry.word not in TINTS


def _is_doubtful(entry: Entry) -> bool:
    surest = {"near": SURE_LIKENESS, "kind": SURE_KIND}
    return entry.likeness < surest.get(entry.way, 0)


def _part(word: str, parts: Mapping[str, str]) -> str:
    """The part of speech of a word; a participle is what its verb is."""
    stem = word.removesuffix("ing")
    doubled = stem[:-1] if stem[-2:-1] == stem[-1:] else stem
    if stem != word and any(parts.get(verb) for verb in (stem, f"{stem}e", doubled)):
        # "running" is a noun too; what it does in a prompt is what its verb does.
        return "v"
    if word in parts:
        return parts[word]
    return "a" if word.endswith(_ADJECTIVE_ENDS) else "n"


def _parts_of_speech(folder: Path) -> Mapping[str, str]:
    """Words to the part of speech that WordNet has most meanings in: "n", "v", "a" or "r"."""
    best: dict[str, tuple[int, str]] = {}
    for name, part in (("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")):
        try:
            lines = (folder / f"index.{name}").read_text("latin-1").splitlines()
        except OSError:
            raise UserError(
                f"{folder} holds no WordNet; install Debian's package wordnet-base, or give its "
                "folder."
            ) from None
        for line in lines:
            if line.startswith(" "):
                continue
            fields = line.split()
            # The last counts: meanings, and those of them that were found in a tagged text.
            tagged = int(fields[4 + int(fields[3]) + 1])
            # Of parts that no tagged text has, that with the most meanings.
            weight = 1000 * tagged + int(fields[2])
            if weight > best.get(fields[0], (-1, ""))[0]:
                best[fields[0]] = (weight, part)
    return {word: part for word, (_, part) in best.items()}
