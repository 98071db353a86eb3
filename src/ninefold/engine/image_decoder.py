"""Paints beside the decoding steps, in threads of its own: pictures first, then previews.

Previews wait in a short line of their own: while a picture waits none is painted, a newer preview
of a picture takes the place of an older one, and what exceeds the line drops the oldest. Results go
to a callback, from these threads. Knows nothing of slots, steps or events.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ninefold.drawing import Picture, Preview
from ninefold.engine.threads import ThreadShare
from ninefold.errors import NinefoldError
from ninefold.painting import Painter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PaintJob:
    """Codes to be painted as pictures."""

    request_id: str
    image_indices: tuple[int, ...]
    codes: tuple[tuple[int, ...], ...]
    prompt: str | None
    """To score them against; None for no score."""
    is_square: bool = False
    """Whether they run into each other."""


@dataclass(frozen=True)
class PreviewJob:
    """Codes of a picture that is not finished."""

    request_id: str
    image_index: int
    codes: tuple[int, ...]


@dataclass(frozen=True)
class PaintResult:
    """What came of a job."""

    request_id: str
    pictures: tuple[Picture, ...] = ()
    preview: Preview | None = None
    failure: str = ""
    """Why it could not be painted; one sentence."""


class ImageDecoder:
    """The painting threads. `report` is called in them."""

    def __init__(
        self,
        painter: Painter,
        report: Callable[[PaintResult], None],
        *,
        max_previews: int,
        threads: ThreadShare,
    ) -> None:
        self._painter, self._report, self._threads = painter, report, threads
        self._max_previews = max_previews
        self._pictures: deque[PaintJob] = deque()
        self._previews: OrderedDict[tuple[str, int], PreviewJob] = OrderedDict()
        self._changed = threading.Condition()
        self._is_closed = False
        self.seconds_per_picture = 0.0
        """Moving average; 0 before the first."""
        self.num_previews_dropped = 0
        self._workers = [
            threading.Thread(target=self._work, name=f"ninefold-painter-{i}", daemon=True)
            for i in range(threads.total)
        ]
        for worker in self._workers:
            worker.start()

    def paint(self, job: PaintJob) -> None:
        """Paint pictures as soon as those before them are done."""
        with self._changed:
            for index in job.image_indices:
                self._previews.pop((job.request_id, index), None)
            self._pictures.append(job)
            self._changed.notify()

    def preview(self, job: PreviewJob) -> None:
        """Paint a preview if there is time for it."""
        with self._changed:
            key = (job.request_id, job.image_index)
            self.num_previews_dropped += self._previews.pop(key, None) is not None
            self._previews[key] = job
            while len(self._previews) > self._max_previews:
                self._previews.popitem(last=False)
                self.num_previews_dropped += 1
            self._changed.notify()

    def forget(self, request_id: str) -> None:
        """Drop what waits for a request that was ended."""
        with self._changed:
            kept = [job for job in self._pictures if job.request_id != request_id]
            self._pictures = deque(kept)
            for key in [key for key in self._previews if key[0] == request_id]:
                del self._previews[key]

    def close(self) -> None:
        """Stop after what is being painted; drop the rest."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        is_open = True
        while is_open:
            with self._threads.painting():
                job = self._next()
                result = None if job is None else self._do(job)
            if result is not None:
                self._report(result)
            else:
                is_open = self._wait()

    def _wait(self) -> bool:
        """Wait for a job; False once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._pictures or self._previews or self._is_closed)
            return not self._is_closed

    def _next(self) -> PaintJob | PreviewJob | None:
        """Take a job when it is this thread's turn, not before: a picture may come meanwhile."""
        with self._changed:
            if self._is_closed or not (self._pictures or self._previews):
                return None
            if self._pictures:
                return self._pictures.popleft()
            return self._previews.popitem(last=False)[1]

    def _do(self, job: PaintJob | PreviewJob) -> PaintResult:
        begin = time.perf_counter()
        try:
            if isinstance(job, PreviewJob):
                preview = self._painter.preview(torch.tensor(job.codes), job.image_index)
                return PaintResult(job.request_id, preview=preview)
            pictures = self._paint(job)
        except NinefoldError as error:
            return PaintResult(job.request_id, failure=str(error))
        except Exception:
            logger.exception("Painting failed")
            return PaintResult(job.request_id, failure="Painting failed inside ninefold.")
        self._count((time.perf_counter() - begin) / len(pictures))
        return PaintResult(job.request_id, pictures=tuple(pictures))

    def _paint(self, job: PaintJob) -> Sequence[Picture]:
        codes = torch.tensor(job.codes)
        if job.is_square:
            return self._painter.paint_square(codes, job.image_indices)
        return [
            self._painter.paint(row, index, job.prompt)
            for row, index in zip(codes, job.image_indices, strict=True)
        ]

    def _count(self, seconds: float) -> None:
        old = self.seconds_per_picture
        self.seconds_per_picture = seconds if old == 0.0 else 0.8 * old + 0.2 * seconds
