"""What a scene is: one or two things, what is special about them, and where they are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scene:
    """A picture to compose, as data. Empty strings mean that nothing is said of that."""

    source: str
    """Set that the things are drawn from."""
    kind: str
    """`single`, `count`, `pair` or `wearing`."""
    things: tuple[str, ...]
    """Labels of the things: one, or two for a relation."""
    relation: str = ""
    """Of `RELATIONS`, for a pair."""
    count: int = 1
    tint: str = ""
    """Of `TINTS`: the colour of the first thing."""
    style: str = ""
    """Of `STYLES`: how the whole picture is drawn."""
    size: str = ""
    """`tiny`, or nothing."""
    place: str = ""
    """Of `PLACES`, or a colour of `BACKDROPS`."""

    def held_out_keys(self) -> tuple[tuple[str, ...], ...]:
        """Return the combinations in this scene that may be held out, as `is_held_out` takes them.

        Pairs are unordered and whatever their relation: two things never seen together.
        """
        first = self.things[0]
        keys: list[tuple[str, ...]] = []
        if len(self.things) == 2:
            keys.append(("pair", *sorted(self.things)))
        if self.count > 1:
            keys.append(("count", str(self.count), first))
        for attribute in ("tint", "style", "size", "place"):
            value = getattr(self, attribute)
            if value:
                keys.append((attribute, value, first))
        return tuple(keys)
