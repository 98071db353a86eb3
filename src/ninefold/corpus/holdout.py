"""Which combinations and words training must never see, so that they can be used to measure it.

Membership follows from a hash of the names alone: no list to keep, and the same on every machine.
"""

import hashlib

SHARE = 20
"""One in this many is held out."""


def is_held_out(*parts: str) -> bool:
    """Say whether a combination (its kind, then its names) or a word is kept from training.

    >>> is_held_out("pair", "cat", "dog") == is_held_out("pair", "cat", "dog")
    True
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") % SHARE == 0
