"""Numbers for Prometheus: what was accepted, how it ended, how long people waited.

Counted in every process and added up where they are read, through files in a folder that the
supervisor names (prometheus_client's multiprocess mode). No prompt and no id is ever a label.
"""

import os

from prometheus_client import REGISTRY as _OWN_PROCESS
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that names the folder; prometheus_client reads it when it is imported."""

_WAITS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10)

ACCEPTED = Counter("t2i_jobs_accepted_total", "Jobs accepted.", ["surface", "tier"])
REJECTED = Counter("t2i_jobs_rejected_total", "Requests for jobs that were turned away.", ["code"])
ENDED = Counter("t2i_jobs_total", "Jobs that ended.", ["outcome"])
PUT_BACK = Counter("t2i_jobs_put_back_total", "Jobs that were begun and put back.")
PICTURES = Counter("t2i_images_total", "Pictures stored.", ["outcome"])
STEPS = Counter("t2i_steps_total", "Image steps drawn: one code of one picture.")
WAIT = Histogram(
    "t2i_queue_wait_seconds", "From acceptance to the start.", ["lane"], buckets=_WAITS
)
FIRST_PREVIEW = Histogram(
    "t2i_first_preview_seconds", "From the start to the first preview.", buckets=_WAITS
)
JOB_SECONDS = Histogram("t2i_job_seconds", "From the start to the end of a job.", buckets=_WAITS)
MODERATION = Counter(
    "t2i_moderation_total", "Decisions of the policies.", ["stage", "category", "decision"]
)
REQUEST_SECONDS = Histogram(
    "t2i_request_seconds",
    "Time to the beginning of an answer.",
    ["method", "route", "status"],
    buckets=_REQUESTS,
)


def render(gauges: dict[str, float]) -> bytes:
    """Return all numbers in Prometheus' text format.

    Args:
        gauges: what is true now rather than counted, by name: queue depth, slots and so on.
    """
    if os.environ.get(FOLDER):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        counted = generate_latest(registry)
    else:
        counted = generate_latest(_OWN_PROCESS)
    now = CollectorRegistry()
    for name, value in gauges.items():
        Gauge(name, _MEANINGS[name], registry=now).set(value)
    return counted + generate_latest(now)


_MEANINGS = {
    "t2i_queue_depth": "Jobs that wait.",
    "t2i_queue_steps": "Image steps that are ahead of a new job.",
    "t2i_workers": "Workers that are alive.",
    "t2i_slots": "Pictures that may be drawn at a time.",
    "t2i_slots_busy": "Pictures that are being drawn.",
    "t2i_steps_per_second": "Measured rate of all workers.",
    "t2i_streams": "Event streams of this gateway.",
}
