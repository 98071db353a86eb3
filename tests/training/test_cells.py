"""Plain cells have codes of their own, whatever the encoder says."""

import numpy as np
import torch

from ninefold.corpus.scenes.places import PALETTE
from ninefold.training.cells import plain_codes, settle


def test_a_cell_of_one_colour_of_the_palette_has_that_colours_code() -> None:
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    picture[0, :16, :16] = PALETTE[0]
    picture[0, :16, 16:] = PALETTE[3]
    picture[0, 16:, :16] = PALETTE[1]
    picture[0, 20, 3] = (1, 2, 3)  # one pixel of something
    picture[0, 16:, 16:] = (1, 2, 3)
    assert plain_codes(picture, 16).tolist() == [[[0, 3], [-1, -1]]]


def test_settling_leaves_the_encoders_codes_elsewhere() -> None:
    plain = torch.tensor([[[0, -1]]])
    assert settle(torch.tensor([[[9, 9]]]), plain).tolist() == [[[0, 9]]]
