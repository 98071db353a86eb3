"""A rendered picture fills its square and keeps its colours."""

import numpy as np

from ninefold.corpus.render import flatten, render

SQUARE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
    '<rect x="40" y="40" width="10" height="10" fill="#ff0000"/></svg>'
)


def test_a_small_drawing_is_brought_to_full_size() -> None:
    rgba = render(SQUARE, 50, margin=0.1)
    assert rgba is not None
    assert rgba.shape == (50, 50, 4)
    rows, columns = np.nonzero(rgba[..., 3] > 128)
    assert (rows.min(), rows.max()) == (5, 44)
    assert (columns.min(), columns.max()) == (5, 44)
    assert tuple(rgba[25, 25]) == (255, 0, 0, 255)


def test_an_empty_drawing_gives_none() -> None:
    assert render('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>', 16) is None


def test_the_background_shows_where_the_picture_is_clear() -> None:
    rgba = np.zeros((1, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    rgb = flatten(rgba, (200, 100, 0))
    assert rgb.tolist() == [[[10, 20, 30], [200, 100, 0]]]
