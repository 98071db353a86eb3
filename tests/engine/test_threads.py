"""Pictures are painted with one thread each, as many at a time as decoding leaves."""

import threading
from collections.abc import Iterator

import pytest
import torch

from ninefold.engine.threads import ThreadShare, wide_threads
from tests.engine.test_step_threads import calm
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("total", "left"), [(1, 1), (2, 1), (8, 7)])
def test_a_step_takes_what_painting_leaves(total: int, left: int) -> None:
    share = ThreadShare(total, calm(total))
    assert share.enter_step() == torch.get_num_threads() == total
    with share.painting():
        assert torch.get_num_threads() == 1
        assert share.enter_step() == left


@pytest.mark.parametrize(("total", "while_decoding"), [(1, 1), (2, 1), (4, 2)])
def test_fewer_paint_while_there_is_something_to_decode(total: int, while_decoding: int) -> None:
    share = ThreadShare(total)
    may_end = threading.Event()
    began = threading.Semaphore(0)

    def paint() -> None:
        with share.painting():
            began.release()
            assert may_end.wait(PATIENCE_S)

    share.set_decoding(True)
    painters = [threading.Thread(target=paint) for _ in range(total)]
    for painter in painters:
        painter.start()
    assert all(began.acquire(timeout=PATIENCE_S) for _ in range(while_decoding))
    assert not began.acquire(timeout=0.05)
    share.set_decoding(False)
    assert all(began.acquire(timeout=PATIENCE_S) for _ in range(total - while_decoding))
    may_end.set()
    for painter in painters:
        painter.join(PATIENCE_S)


def test_the_last_picture_may_take_idle_threads_for_what_does_not_depend_on_them() -> None:
    share = ThreadShare(3)
    with wide_threads():
        assert torch.get_num_threads() == 1  # nobody paints
    with share.painting():
        with wide_threads():
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 1
        share.set_decoding(True)
        with wide_threads():
            assert torch.get_num_threads() == 1
    with wide_threads():
        assert torch.get_num_threads() == 1
