"""The service under a burst and a storm: accepting, streaming, and one page that everybody opens.

Regime: one gateway, one worker with the tiny model of the tests and an embedded PostgreSQL, all on
this machine, which makes the load as well. 500 jobs are asked for by 8 connections as fast as they
are answered, while 200 event streams are open; then one drawing's page is read over 32 kept-alive
connections at 1,000 a second for some seconds, as a link that spreads would be; then both at once.

    PYTHONPATH=. python benchmarks/load_service.py

Prints a table and ends with one JSON line; exit code 1 if an answer was 5xx, accepting took more
than 200 ms at the 99th percentile, alone or with the page reads beside, or the gateway's memory
kept growing.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
from tests.service.chaos import Trial, numbered_prompt
from tests.tiny import tiny_model_folder

CONNECTIONS = 8
READERS = 32
ACCEPT_LIMIT_MS = 200.0
GROWTH_LIMIT_MB = 60.0


@dataclass
class Seen:
    """Answers of one kind."""

    seconds: list[float] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)

    def add(self, seconds: float, code: int) -> None:
        """Count an answer."""
        self.seconds.append(seconds)
        self.codes[code] = self.codes.get(code, 0) + 1

    def at(self, share: float) -> float:
        """Return the milliseconds within which this share was answered."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def num_5xx(self) -> int:
        """Answers that are the service's fault."""
        return sum(count for code, count in self.codes.items() if code >= 500)


def resident_mb(pid: int) -> float:
    """Return the memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def processor_seconds(trial: Trial) -> dict[str, float]:
    """Return the processor time so far of everything that takes part, by role."""
    parts = {"load": [psutil.Process()], "postgres": [trial.postgres.process]}
    parts["postgres"] += trial.postgres.process.children(recursive=True)
    for role, process in trial.processes.items():
        parts[role] = [psutil.Process(process.pid)]
    return {name: sum(map(_seconds_of, processes)) for name, processes in parts.items()}


def _seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # a connection of PostgreSQL that was closed meanwhile
        return 0.0
    return times.user + times.system


async def burst(trial: Trial, numbers: Iterator[int], ids: asyncio.Queue[str]) -> Seen:
    """Ask for jobs with these numbers as fast as they are accepted."""
    seen = Seen()

    async def ask(http: httpx2.AsyncClient) -> None:
        for number in numbers:
            body = {"prompt": numbered_prompt(number), "settings": {"count": 1}}
            started_at = time.perf_counter()
            answer = await http.post("/api/v1/jobs", json=body)
            seen.add(time.perf_counter() - started_at, answer.status_code)
            if answer.status_code == 202:
                ids.put_nowait(answer.json()["id"])

    async with httpx2.AsyncClient(base_url=trial.address, timeout=60) as http:
        await asyncio.gather(*(ask(http) for _ in range(CONNECTIONS)))
    return seen


async def stream(trial: Trial, ids: asyncio.Queue[str], finished: list[str]) -> None:
    """Follow one job after another to its last event, as plain HTTP."""
    port = int(trial.address.rpartition(":")[2])
    while True:
        job_id = await ids.get()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = f"/api/v1/jobs/{job_id}/events"
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        )
        text = (await reader.read()).decode()
        writer.close()
        if "event: done" in text:
            finished.append(job_id)
        ids.task_done()


async def storm(
    trial: Trial, path: str, per_second: int, seconds: float, beside: Awaitable[Any] | None = None
) -> tuple[Seen, float]:
    """Read one page at a rate over kept-alive connections, no longer than what goes on beside.

    Returns:
        What came, and the rate that was reached.
    """
    seen, host = Seen(), trial.address.removeprefix("http://")
    port, started_at = int(host.rpartition(":")[2]), time.perf_counter()
    other = None if beside is None else asyncio.ensure_future(beside)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n".encode()

    def is_over() -> bool:
        return other is not None and other.done()

    async def read(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while not is_over() and (due := started_at + turn / per_second) < started_at + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent_at = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            seen.add(time.perf_counter() - sent_at, int(head[9:12]))
            turn += READERS
        writer.close()

    await asyncio.gather(*(read(number) for number in range(READERS)))
    return seen, len(seen.seconds) / (time.perf_counter() - started_at)


async def run(trial: Trial, options: argparse.Namespace) -> dict[str, float]:
    """Make the load and return the numbers."""
    await trial.wait_until_ready()
    pid = trial.processes["gateway"].pid
    ids: asyncio.Queue[str] = asyncio.Queue()
    finished: list[str] = []
    streams = [asyncio.create_task(stream(trial, ids, finished)) for _ in range(options.streams)]
    before = resident_mb(pid)
    begin, times = time.perf_counter(), processor_seconds(trial)
    accepted = await burst(trial, iter(range(options.jobs)), ids)
    accepting_s = time.perf_counter() - begin
    used = {name: s - times.get(name, 0.0) for name, s in processor_seconds(trial).items()}
    await asyncio.wait_for(ids.join(), 600)
    after_burst = resident_mb(pid)
    page = f"/g/{finished[0]}"
    pages, rate = await storm(trial, page, options.reads, options.seconds)
    middle = resident_mb(pid)
    both = asyncio.create_task(burst(trial, iter(range(options.jobs, 2 * options.jobs)), ids))
    pages_beside, rate_beside = await storm(trial, page, options.reads, 600, both)
    accepted_beside = await both
    await asyncio.wait_for(ids.join(), 600)
    for task in streams:
        task.cancel()
    all_seen = (accepted, pages, accepted_beside, pages_beside)
    return {
        "jobs": options.jobs,
        "streams": options.streams,
        "accept_p50_ms": round(accepted.at(0.5), 1),
        "accept_p99_ms": round(accepted.at(0.99), 1),
        "accept_max_ms": round(accepted.at(1.0), 1),
        "accepting_s": round(accepting_s, 1),
        **{f"processor_{name}_s": round(seconds, 2) for name, seconds in used.items()},
        "page_reads_per_second": round(rate),
        "page_p50_ms": round(pages.at(0.5), 1),
        "page_p99_ms": round(pages.at(0.99), 1),
        "beside_accept_p50_ms": round(accepted_beside.at(0.5), 1),
        "beside_accept_p99_ms": round(accepted_beside.at(0.99), 1),
        "beside_page_reads_per_second": round(rate_beside),
        "beside_page_p50_ms": round(pages_beside.at(0.5), 1),
        "beside_page_p99_ms": round(pages_beside.at(0.99), 1),
        "streamed_to_the_end": len(finished),
        "answers_5xx": sum(seen.num_5xx for seen in all_seen),
        "memory_before_mb": round(before, 1),
        "memory_after_burst_mb": round(after_burst, 1),
        "memory_after_storm_mb": round(middle, 1),
        "memory_at_end_mb": round(resident_mb(pid), 1),
    }


def main() -> int:
    """Run, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--reads", type=int, default=1000, help="page reads a second")
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ninefold-load-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Trial(folder, tiny_model_folder(folder), num_workers=1) as trial:
            result = asyncio.run(run(trial, options))
    for what, number in result.items():
        print(f"{what:30} {number:10}")
    growth = result["memory_at_end_mb"] - result["memory_after_burst_mb"]
    is_well = (
        result["answers_5xx"] == 0
        and result["accept_p99_ms"] < ACCEPT_LIMIT_MS
        and result["beside_accept_p99_ms"] < ACCEPT_LIMIT_MS
        and result["streamed_to_the_end"] == 2 * options.jobs
        and growth < GROWTH_LIMIT_MB
    )
    print(json.dumps(result))
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
