"""Captions name what is in the picture, and are always the same for the same number."""

from hypothesis import given
from hypothesis import strategies as st

from ninefold.corpus.captions import SYNONYMS, article, names_of, write_caption

TAGS = ("fruit", "food")


def test_a_caption_is_the_same_whenever_it_is_written() -> None:
    first = [write_caption("red apple", TAGS, "flat", 3, index) for index in range(20)]
    assert first == [write_caption("red apple", TAGS, "flat", 3, index) for index in range(20)]
    assert len(set(first)) > 10


@given(st.integers(0, 2**32), st.integers(0, 1000))
def test_a_caption_names_the_thing_or_one_of_its_keywords(seed: int, index: int) -> None:
    caption = write_caption("red apple", TAGS, "flat", seed, index)
    assert any(word in caption for word in ("red apple", *TAGS))
    assert "{" not in caption


def test_styles_are_named_in_some_captions_only() -> None:
    captions = [write_caption("dog", ("pet",), "cartoon", 0, index) for index in range(400)]
    share = sum("cartoon" in caption for caption in captions) / len(captions)
    assert 0.1 < share < 0.3


def test_everyday_names_stand_beside_the_official_one() -> None:
    assert names_of("dog face") == ("dog face", "dog", *SYNONYMS["dog face"])
    assert names_of("hammer") == ("hammer",)


def test_an_emoji_without_keywords_has_captions() -> None:
    assert all("hammer" in write_caption("hammer", (), "", 0, index) for index in range(50))


def test_articles_follow_the_spelling() -> None:
    words = ("octopus", "hourglass", "unicorn", "euro", "tree")
    assert [article(word) for word in words] == ["an", "an", "a", "a", "a"]
