"""Numbers for Prometheus: what was accepted, how it ended, how long people waited.

Counted in every process and added up where they are read, through files in a folder that the
supervisor names (prometheus_client's multiprocess mode). No prompt and no id is ever a label.
Counting never raises: what is counted goes on whatever becomes of a number.
"""

import logging
import os
from collections.abc import Callable

from prometheus_client import REGISTRY as _OWN_PROCESS
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from ninefold.service import metric_files

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that names the folder; prometheus_client reads it when it is imported."""

_WAITS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10)

_log = logging.getLogger(__name__)

metric_files.install()


class Counts:
    """A metric as the service counts by it: one that cannot be counted is left out, and logged."""

    def __init__(self, metric: Counter | Histogram | None) -> None:
        """Count by a metric of the library; by none where it could not be had."""
        self._metric = metric

    def labels(self, *values: str) -> "Counts":
        """Return the metric for these values of its labels."""
        found: list[Counter | Histogram] = []
        metric = self._metric
        if metric is not None:
            _try(lambda: found.append(metric.labels(*values)))
        return Counts(found[0] if found else None)

    def inc(self, amount: float = 1) -> None:
        """Add to a counter."""
        metric = self._metric
        if isinstance(metric, Counter):
            _try(lambda: metric.inc(amount))

    def observe(self, amount: float) -> None:
        """Add a value to a histogram."""
        metric = self._metric
        if isinstance(metric, Histogram):
            _try(lambda: metric.observe(amount))


def _try(count: Callable[[], None]) -> None:
    try:
        count()
    except Exception as error:
        _log.warning("a number could not be counted: %s", type(error).__name__)


ACCEPTED = Counts(Counter("t2i_jobs_accepted_total", "Jobs accepted.", ["surface", "tier"]))
REJECTED = Counts(
    Counter("t2i_jobs_rejected_total", "Requests for jobs that were turned away.", ["code"])
)
ENDED = Counts(Counter("t2i_jobs_total", "Jobs that ended.", ["outcome"]))
PUT_BACK = Counts(Counter("t2i_jobs_put_back_total", "Jobs that were begun and put back."))
PICTURES = Counts(Counter("t2i_images_total", "Pictures stored.", ["outcome"]))
CODES = Counts(Counter("t2i_steps_total", "Codes drawn, over all pictures."))
WAIT = Counts(
    Histogram("t2i_queue_wait_seconds", "From acceptance to the start.", ["lane"], buckets=_WAITS)
)
FIRST_PREVIEW = Counts(
    Histogram("t2i_first_preview_seconds", "From the start to the first preview.", buckets=_WAITS)
)
JOB_SECONDS = Counts(
    Histogram("t2i_job_seconds", "From the start to the end of a job.", buckets=_WAITS)
)
MODERATION = Counts(
    Counter("t2i_moderation_total", "Decisions of the policies.", ["stage", "category", "decision"])
)
REFUSED_CONNECTIONS = Counts(
    Counter("t2i_connections_refused_total", "Connections that were ended for others.", ["reason"])
)
REQUEST_SECONDS = Counts(
    Histogram(
        "t2i_request_seconds",
        "Time to the beginning of an answer.",
        ["method", "route", "status"],
        buckets=_REQUESTS,
    )
)


def render(gauges: dict[str, float]) -> bytes:
    """Return all numbers in Prometheus' text format.

    Args:
        gauges: what is true now rather than counted, by name: queue depth, slots and so on.
    """
    now = CollectorRegistry()
    for name, value in gauges.items():
        Gauge(name, _MEANINGS[name], registry=now).set(value)
    return _counted() + generate_latest(now)


def _counted() -> bytes:
    """Return what all processes counted; nothing where their files cannot be read."""
    try:
        if not os.environ.get(FOLDER):
            return generate_latest(_OWN_PROCESS)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    except Exception as error:
        _log.warning("what was counted cannot be read: %s", type(error).__name__)
        return b""


_MEANINGS = {
    "t2i_queue_depth": "Jobs that wait.",
    "t2i_queue_steps": "Codes that are ahead of a new job.",
    "t2i_workers": "Workers that are alive.",
    "t2i_slots": "Pictures that may be drawn at a time.",
    "t2i_slots_busy": "Pictures that are being drawn.",
    "t2i_steps_per_second": "Codes that all workers draw in a second, measured.",
    "t2i_streams": "Event streams of this gateway.",
}
