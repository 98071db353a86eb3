"""Laws of texts: each is read once while anybody uses it, and kept until its entry is needed."""

import pytest

from ninefold.engine.text_table import TextTable


def test_a_text_in_use_is_read_once_and_never_thrown_out() -> None:
    table = TextTable(2)
    assert table.acquire("a") == (0, True)
    assert table.acquire("a") == (0, False)
    table.release("a")
    assert table.acquire("b") == (1, True)
    with pytest.raises(ValueError, match="in use"):
        table.acquire("c")
    table.check_integrity()


def test_the_text_unused_for_longest_makes_room() -> None:
    table = TextTable(2)
    for key in ("a", "b"):
        table.acquire(key)
        table.release(key)
    assert table.acquire("a") == (0, False)
    table.release("a")
    assert table.acquire("c") == (1, True)
    assert table.acquire("b") == (0, True)
    table.check_integrity()


def test_a_text_that_could_not_be_read_is_forgotten() -> None:
    table = TextTable(1)
    table.acquire("a")
    table.forget("a")
    assert table.acquire("a") == (0, True)
    table.check_integrity()
