"""Laws of painting beside decoding: pictures before previews, few previews, no result is lost."""

import queue
import threading
from collections.abc import Iterator

import pytest
import torch
from PIL import Image
from torch import Tensor

from ninefold.drawing import Picture, Preview
from ninefold.engine.image_decoder import ImageDecoder, PaintJob, PaintResult, PreviewJob
from ninefold.engine.threads import ThreadShare
from ninefold.errors import NinefoldError
from ninefold.painting import Painter
from tests.engine.harness import CONFIG
from tests.patience import PATIENCE_S
from tests.tiny import build_vqgan

CODES = tuple(range(16))


class SlowPainter(Painter):
    """Paints when it is let to, and keeps the order."""

    def __init__(self) -> None:
        super().__init__(CONFIG, build_vqgan())
        self.may_paint = threading.Semaphore(0)
        self.has_begun = threading.Semaphore(0)
        self.log: list[str] = []
        self.failure: Exception | None = None

    def wait(self, what: str) -> None:
        self.has_begun.release()
        assert self.may_paint.acquire(timeout=PATIENCE_S)
        self.log.append(what)
        if self.failure is not None:
            raise self.failure

    def paint(self, codes: Tensor, image_index: int, prompt: str | None = None) -> Picture:
        assert prompt is None
        self.wait(f"picture {image_index}")
        return Picture(Image.new("RGB", (1, 1)), image_index, None, tuple(codes.tolist()))

    def preview(self, codes: Tensor, image_index: int) -> Preview:
        self.wait(f"preview {image_index} of {len(codes)}")
        return Preview(Image.new("RGB", (1, 1)), image_index, len(codes))


@pytest.fixture
def results() -> "queue.Queue[PaintResult]":
    return queue.Queue()


@pytest.fixture
def painter() -> SlowPainter:
    return SlowPainter()


@pytest.fixture
def decoder(painter: SlowPainter, results: "queue.Queue[PaintResult]") -> Iterator[ImageDecoder]:
    decoder = ImageDecoder(painter, results.put, max_previews=2, threads=ThreadShare(1))
    yield decoder
    painter.may_paint.release(100)
    decoder.close()


def picture(name: str, index: int) -> PaintJob:
    return PaintJob(name, (index,), (CODES,), None)


def test_pictures_go_before_previews_and_the_oldest_previews_are_dropped(
    decoder: ImageDecoder, painter: SlowPainter, results: "queue.Queue[PaintResult]"
) -> None:
    decoder.paint(picture("a", 0))
    assert painter.has_begun.acquire(timeout=PATIENCE_S)
    for index in (1, 2, 3):
        decoder.preview(PreviewJob("a", index, CODES[:4]))
    decoder.preview(PreviewJob("a", 3, CODES[:8]))  # newer than the one that waits
    decoder.paint(picture("a", 2))  # its preview is of no use any more
    decoder.paint(picture("b", 5))
    painter.may_paint.release(100)
    told = [results.get(timeout=PATIENCE_S) for _ in range(4)]
    assert painter.log == ["picture 0", "picture 2", "picture 5", "preview 3 of 8"]
    assert [bool(result.pictures) for result in told] == [True, True, True, False]
    assert decoder.num_previews_dropped == 2
    assert decoder.seconds_per_picture > 0


def test_nothing_is_painted_for_a_request_that_was_ended(
    decoder: ImageDecoder, painter: SlowPainter, results: "queue.Queue[PaintResult]"
) -> None:
    decoder.paint(picture("a", 0))
    assert painter.has_begun.acquire(timeout=PATIENCE_S)
    decoder.paint(picture("gone", 1))
    decoder.preview(PreviewJob("gone", 2, CODES[:4]))
    decoder.paint(picture("b", 3))
    decoder.forget("gone")
    painter.may_paint.release(100)
    assert [results.get(timeout=PATIENCE_S).request_id for _ in range(2)] == ["a", "b"]
    assert painter.log == ["picture 0", "picture 3"]


@pytest.mark.parametrize(
    ("error", "message"),
    [(NinefoldError("No numbers."), "No numbers."), (MemoryError(), "failed inside ninefold")],
)
def test_a_failure_is_a_result_and_the_next_job_is_done(
    decoder: ImageDecoder,
    painter: SlowPainter,
    results: "queue.Queue[PaintResult]",
    error: Exception,
    message: str,
) -> None:
    painter.failure = error
    painter.may_paint.release(1)
    decoder.paint(picture("a", 0))
    assert message in results.get(timeout=PATIENCE_S).failure
    painter.failure = None
    painter.may_paint.release(1)
    decoder.preview(PreviewJob("a", 1, CODES[:2]))
    assert results.get(timeout=PATIENCE_S).preview is not None


def test_squares_are_painted_as_one_picture_after_another_and_whole() -> None:
    results: queue.Queue[PaintResult] = queue.Queue()
    painter = Painter(CONFIG, build_vqgan())
    decoder = ImageDecoder(painter, results.put, max_previews=2, threads=ThreadShare(1))
    codes = tuple(tuple((index + shift) % 64 for index in range(16)) for shift in range(4))
    decoder.paint(PaintJob("a", (0, 1, 2, 3), codes, None, is_square=True))
    pictures = results.get(timeout=PATIENCE_S).pictures
    expected = painter.paint_square(torch.tensor(codes), (0, 1, 2, 3))
    assert [p.image.tobytes() for p in pictures] == [p.image.tobytes() for p in expected]
    decoder.close()
