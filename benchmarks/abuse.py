"""What a visitor notices while fifty network addresses abuse the service.

Regime: one gateway, one worker with the tiny model of the tests and an embedded PostgreSQL, all on
this machine, with the rates that the service has by default. The abuse is made here as well, by a
process of its own that the system runs later (nice 10, and a session of its own), as if it came
from elsewhere. Visitors of one network draw a picture every second and a half each: first alone,
then while each of fifty loopback addresses (127.0.0.2 and on) does all of this at a rate:

- slow-loris: requests whose headers come a line at a time and never end;
- headers: requests with megabytes of headers;
- connections: idle ones, opened again when the service closes them;
- streams: events of a job followed many times, and sessions of Gradio;
- reports on one picture, each as a new visitor;
- moderation: 32 texts of a thousand letters at once.

    PYTHONPATH=. python benchmarks/abuse.py --seconds 120

Prints a table and ends with one JSON line; exit code 1 if accepting took a visitor more than twice
as long at the 99th percentile as in quiet, an answer was 5xx (but 503 `too_many_connections` to
those who hold too many), or the gateway's memory grew by more than 60 MB.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import httpx2
import psutil
from tests.service.chaos import Trial, numbered_prompt
from tests.tiny import tiny_model_folder

from ninefold.service.descriptors import raise_descriptors

VISITORS = 3
EVERY_S = 1.5
GROWTH_LIMIT_MB = 60.0
BEGIN_S = 10.0
"""Seconds of abuse before the visitors are measured."""

SETTLE_S = 5.0
"""Seconds after the abuse before the memory is read again."""

RATES = {
    "NINEFOLD_ANONYMOUS_RATE": "60/minute",
    "NINEFOLD_ADDRESS_RATE": "240/minute",
}
_GET = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@dataclass
class Seen:
    """What was answered."""

    accept_s: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    """By what was tried and the status."""

    def at(self, share: float) -> float:
        """Return the milliseconds within which this share of jobs was accepted."""
        ordered = sorted(self.accept_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def num_5xx(self) -> int:
        """Answers that are the service's fault."""
        return sum(
            count
            for name, count in self.answers.items()
            if name.split()[1].startswith("5") and not name.endswith("too_many_connections")
        )


def resident_mb(pid: int) -> float:
    """Return the memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def visit(address: str, numbers: Iterator[int], seen: Seen) -> None:
    """Draw as a person does, until cancelled."""
    async with httpx2.AsyncClient(base_url=address, timeout=120) as http:
        while True:
            begin = time.perf_counter()
            body = {"prompt": numbered_prompt(next(numbers)), "settings": {"count": 1}}
            answer = await http.post("/api/v1/jobs", json=body)
            seen.accept_s.append(time.perf_counter() - begin)
            seen.answers[f"visitor {answer.status_code}"] += 1
            await asyncio.sleep(max(0.0, begin + EVERY_S - time.perf_counter()))


async def visit_for(trial: Trial, numbers: Iterator[int], seconds: float) -> Seen:
    """Let visitors draw for a while, and return what they saw."""
    seen = Seen()
    visitors = [asyncio.create_task(visit(trial.address, numbers, seen)) for _ in range(VISITORS)]
    await asyncio.sleep(seconds)
    for task in visitors:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*visitors, return_exceptions=True)
    return seen


@dataclass
class Abuser:
    """One network address."""

    number: int
    port: int
    digest: str
    """The picture that is reported."""
    pause_s: float
    seen: Seen

    @property
    def host(self) -> str:
        """Its address."""
        return f"127.0.{self.number // 250}.{self.number % 250 + 2}"

    @contextlib.asynccontextmanager
    async def _connection(self):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(self.host, 0)
        )
        try:
            yield reader, writer
        finally:
            writer.close()

    async def _read_status(self, what: str, reader: asyncio.StreamReader) -> None:
        data = b""
        with contextlib.suppress(OSError):  # closed while we were sending
            data = await reader.read(4096)
        if data:
            kind = " too_many_connections" if b"too_many_connections" in data else ""
            self.seen.answers[f"{what} {data[9:12].decode('ascii', 'replace')}{kind}"] += 1

    async def slow_loris(self) -> None:
        """Send a header a second until the service has had enough."""
        async with self._connection() as (reader, writer):
            writer.write(_GET)
            reading = asyncio.create_task(self._read_status("slow-loris", reader))
            while not reading.done():
                writer.write(b"X-Slow: a\r\n")
                await writer.drain()
                await asyncio.sleep(1.0)

    async def headers(self) -> None:
        """Send headers without an end."""
        async with self._connection() as (reader, writer):
            writer.write(_GET)
            reading = asyncio.create_task(self._read_status("headers", reader))
            for _ in range(100):
                if reading.done():
                    break
                writer.write(b"X-Long: " + b"a" * 32_000 + b"\r\n")
                await writer.drain()
            await reading

    async def connections(self) -> None:
        """Hold an idle connection until the service closes it."""
        async with self._connection() as (reader, _):
            await self._read_status("connections", reader)

    async def streams(self, http: httpx2.AsyncClient) -> None:
        """Ask for a job, follow it four times and a session of Gradio besides, and hang up."""
        body = {"prompt": numbered_prompt(10**6 + self.number), "settings": {"count": 1}}
        answer = await self._answer("streams", http.post("/api/v1/jobs", json=body))
        if answer is None or answer.status_code != 202:
            return
        path = f"/api/v1/jobs/{answer.json()['id']}/events"
        session = f"/gradio_api/queue/data?session_hash=abuse-{self.number}"
        join = {"data": ["a hat"], "session_hash": f"abuse-{self.number}"}
        await self._answer("streams", http.post("/gradio_api/queue/join", json=join))
        await asyncio.gather(*(self._follow(http, each) for each in [path] * 4 + [session] * 2))

    async def _follow(self, http: httpx2.AsyncClient, path: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20), http.stream("GET", path) as answer:
                self.seen.answers[f"streams {answer.status_code}"] += 1
                async for _ in answer.aiter_bytes():
                    pass

    async def report(self, http: httpx2.AsyncClient) -> None:
        """Report the picture as somebody new."""
        http.cookies.clear()
        path = f"/api/v1/pictures/{self.digest}/report"
        await self._answer("report", http.post(path, json={"reason": "other", "note": "x" * 900}))

    async def moderate(self, http: httpx2.AsyncClient) -> None:
        """Have as much text checked as one request may hold."""
        text = ("n u d e  " * 200)[:1000]
        await self._answer("moderation", http.post("/v1/moderations", json={"input": [text] * 32}))

    async def _answer(
        self, what: str, asking: Awaitable[httpx2.Response]
    ) -> httpx2.Response | None:
        answer = await asking
        self.seen.answers[f"{what} {answer.status_code}"] += 1
        return answer

    async def _again(self, attack: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(OSError, httpx2.HTTPError):
                await attack()
            await asyncio.sleep(self.pause_s)

    async def run(self) -> None:
        """Do all of it, until cancelled."""
        transport = httpx2.AsyncHTTPTransport(local_address=self.host)
        address = f"http://127.0.0.1:{self.port}"
        async with httpx2.AsyncClient(transport=transport, base_url=address, timeout=120) as http:
            attacks = [self.slow_loris] * 5 + [self.headers] + [self.connections] * 10
            attacks += [
                lambda: self.streams(http),
                lambda: self.report(http),
                lambda: self.moderate(http),
            ]
            async with asyncio.TaskGroup() as group:
                for attack in attacks:
                    group.create_task(self._again(attack))


def abuse(pipe: Connection, port: int, digest: str, addresses: int, pause_s: float) -> None:
    """Abuse the service from many addresses until told to stop; say what was answered."""
    os.setsid()  # a scheduling group of its own, where the system has such
    os.nice(10)
    raise_descriptors()
    seen = Seen()

    async def abuse_all() -> None:
        abusers = [Abuser(number, port, digest, pause_s, seen) for number in range(addresses)]
        tasks = [asyncio.create_task(abuser.run()) for abuser in abusers]
        pipe.send("begun")
        await asyncio.to_thread(pipe.recv)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(abuse_all())
    pipe.send(seen.answers)


@contextlib.contextmanager
def abused(
    trial: Trial, digest: str, options: argparse.Namespace, answers: Counter[str]
) -> Iterator[None]:
    """Let the service be abused for the time of the block; what was answered comes afterwards."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    port = int(trial.address.rpartition(":")[2])
    given = (theirs, port, digest, options.addresses, options.pause)
    process = spawning.Process(target=abuse, args=given, daemon=True)
    process.start()
    if not ours.poll(300):
        raise AssertionError("the abuse did not begin")
    ours.recv()
    try:
        yield
    finally:
        ours.send("stop")
        if ours.poll(120):
            answers.update(ours.recv())
        process.kill()


def processor_s(pid: int) -> float:
    """Return the processor time that a process took so far, in seconds."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def run(trial: Trial, options: argparse.Namespace) -> dict[str, object]:
    """Let visitors draw alone and then beside abuse, and return the numbers."""
    await trial.wait_until_ready()
    numbers = itertools.count()
    pid = trial.processes["gateway"].pid
    async with httpx2.AsyncClient(base_url=trial.address, timeout=120) as http:
        body = {"prompt": numbered_prompt(next(numbers)), "settings": {"count": 1}}
        job_id = (await http.post("/api/v1/jobs", json=body)).json()["id"]
        await trial.wait_for_end()
        job = (await http.get(f"/api/v1/jobs/{job_id}")).json()
    await visit_for(trial, numbers, 5)  # what is slow once is not the subject
    used = [processor_s(pid)]
    quiet = await visit_for(trial, numbers, options.quiet)
    before, theirs = resident_mb(pid), Seen()
    used.append(processor_s(pid))
    with abused(trial, job["pictures"][0]["hash"], options, theirs.answers):
        await asyncio.sleep(BEGIN_S)
        used.append(processor_s(pid))
        visited = await visit_for(trial, numbers, options.seconds)
        used.append(processor_s(pid))
        during = resident_mb(pid)
    await asyncio.sleep(SETTLE_S)
    return {
        "addresses": options.addresses,
        "seconds": options.seconds,
        "visitors_jobs": len(visited.accept_s),
        "quiet_p50_ms": round(quiet.at(0.5), 1),
        "quiet_p99_ms": round(quiet.at(0.99), 1),
        "abused_p50_ms": round(visited.at(0.5), 1),
        "abused_p99_ms": round(visited.at(0.99), 1),
        "gateway_quiet_share": round((used[1] - used[0]) / options.quiet, 3),
        "gateway_abused_share": round((used[3] - used[2]) / options.seconds, 3),
        "visitors_answers": dict(sorted(visited.answers.items())),
        "abusers_answers": dict(sorted(theirs.answers.items())),
        "answers_5xx": visited.num_5xx + theirs.num_5xx,
        "memory_before_mb": round(before, 1),
        "memory_during_mb": round(during, 1),
        "memory_after_mb": round(resident_mb(pid), 1),
    }


def main() -> int:
    """Run, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=120, help="of abuse")
    parser.add_argument("--quiet", type=float, default=60, help="seconds of quiet before it")
    parser.add_argument("--addresses", type=int, default=50)
    parser.add_argument(
        "--pause", type=float, default=1.0, help="seconds between two attacks of a kind"
    )
    options = parser.parse_args()
    raise_descriptors()
    with tempfile.TemporaryDirectory(prefix="ninefold-abuse-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        trial = Trial(folder, tiny_model_folder(folder), num_workers=1, environment=RATES)
        with trial:
            result = asyncio.run(run(trial, options))
    for what, found in result.items():
        print(f"{what:20} {found}")
    print(json.dumps(result))
    is_well = (
        float(str(result["abused_p99_ms"])) <= 2 * float(str(result["quiet_p99_ms"]))
        and result["answers_5xx"] == 0
        and float(str(result["memory_after_mb"])) - float(str(result["memory_before_mb"]))
        <= GROWTH_LIMIT_MB
    )
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
