"""The nouns of WordNet: which things a word names a kind of.

Reads the plain files of WordNet 3.0 as Debian's `wordnet-base` installs them (format: wndb(5WN)).
"""

from dataclasses import dataclass
from pathlib import Path

from ninefold.errors import CheckpointError, UserError

DEFAULT_FOLDER = Path("/usr/share/wordnet")
_HYPERNYMS = ("@", "@i")


@dataclass(frozen=True)
class Synset:
    """One meaning: the words for it, and the meanings that it is a kind of."""

    words: tuple[str, ...]
    hypernyms: tuple[int, ...]


class Nouns:
    """Every noun's meanings, the commonest first."""

    def __init__(self, folder: Path = DEFAULT_FOLDER) -> None:
        """Read the files of `folder`.

        Raises:
            UserError: they are not there.
            CheckpointError: they are not what WordNet 3.0 holds.
        """
        try:
            index = (folder / "index.noun").read_text("latin-1").splitlines()
            data = (folder / "data.noun").read_text("latin-1").splitlines()
        except OSError:
            raise UserError(
                f"{folder} holds no WordNet; install Debian's package wordnet-base, or give its "
                "folder."
            ) from None
        try:
            self._meanings = dict(map(_read_index, filter(_is_entry, index)))
            self._synsets = dict(map(_read_synset, filter(_is_entry, data)))
        except (ValueError, IndexError) as error:
            raise CheckpointError(f"The WordNet files in {folder} are damaged ({error}).") from None

    def __contains__(self, word: str) -> bool:
        return word.replace(" ", "_") in self._meanings

    def kinds_of(self, word: str, depth: int) -> list[tuple[int, str]]:
        """Return (steps, word) for the kinds of things that `word` is in its commonest meaning.

        Args:
            word: a noun; words of several parts have spaces.
            depth: how many steps to go up, from kind to kind; synonyms are 0 steps away.
        """
        level = self._meanings.get(word.replace(" ", "_"), ())[:1]
        found: list[tuple[int, str]] = []
        for steps in range(depth + 1):
            synsets = [self._synsets[offset] for offset in level]
            found += [(steps, name) for synset in synsets for name in synset.words]
            level = tuple(offset for synset in synsets for offset in synset.hypernyms)
        return found


def _is_entry(line: str) -> bool:
    return bool(line) and not line.startswith(" ")


def _read_index(line: str) -> tuple[str, tuple[int, ...]]:
    fields = line.split()
    num_synsets = int(fields[2])
    return fields[0], tuple(int(offset) for offset in fields[-num_synsets:])


def _read_synset(line: str) -> tuple[int, Synset]:
    fields = line.split(" | ")[0].split()
    count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * n].replace("_", " ").lower() for n in range(count))
    rest = fields[4 + 2 * count :]
    pointers = [rest[1 + 4 * n : 5 + 4 * n] for n in range(int(rest[0]))]
    hypernyms = tuple(int(p[1]) for p in pointers if p[0] in _HYPERNYMS and p[2] == "n")
    return int(fields[0]), Synset(words, hypernyms)
