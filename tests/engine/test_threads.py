"""Decoding and painting have all threads alone, and a part each together."""

import pytest
import torch

from ninefold.engine.threads import ThreadShare


@pytest.mark.parametrize(("total", "painting", "decoding"), [(1, 1, 1), (2, 1, 1), (8, 4, 4)])
def test_together_each_has_a_part(total: int, painting: int, decoding: int) -> None:
    share = ThreadShare(total)
    before = torch.get_num_threads()
    try:
        with share.decoding():
            assert torch.get_num_threads() == total
            with share.painting():
                assert torch.get_num_threads() == painting
                with share.decoding():
                    assert torch.get_num_threads() == decoding
        with share.painting():
            assert torch.get_num_threads() == total
    finally:
        torch.set_num_threads(before)
