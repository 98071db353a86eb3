"""Which pictures of the corpus the evaluator never learns from, by hash.

They tell how well it reads real pictures that it has not seen: the upper bound that generated ones
are compared with. Pocket may learn from them; the evaluator judges pocket, not the other way round.
"""

import hashlib

SHARE = 10
"""One picture of so many is held out."""


def is_held_out_picture(source: str, hexcode: str) -> bool:
    """Say whether a picture is kept from the evaluator.

    Args:
        source: the set that draws it, such as "twemoji".
        hexcode: what it draws. Other sets' pictures of the same thing may still be learned.
    """
    digest = hashlib.sha256(f"evaluator {source} {hexcode}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % SHARE == 0
