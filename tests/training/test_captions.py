"""Captions of a corpus's pictures: a person's own as they are, others of name and keywords."""

from dataclasses import replace

from ninefold.corpus.build import Record
from ninefold.training.captions import CAPTIONS_PER_PICTURE, write_captions

CASTLE = Record("twemoji", "", "1F3F0", "castle", ("tower",), "travel-places", "place-building")


def test_captions_are_made_of_name_and_keywords() -> None:
    [captions] = write_captions([CASTLE], 0)
    assert len(captions) == CAPTIONS_PER_PICTURE
    assert any("castle" in caption for caption in captions)
    assert any("tower" in caption for caption in captions)
    assert write_captions([CASTLE], 0) == [captions]


def test_own_captions_are_normalized_and_nothing_else() -> None:
    [captions] = write_captions([replace(CASTLE, captions=("My HOUSE!", "home"))], 0)
    assert set(captions) == {" my house", " home"}
