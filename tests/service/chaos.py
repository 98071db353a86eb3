"""The service as processes that a test kills, stops and starves, and what must hold afterwards.

Gateway and workers are started as the supervisor starts them; the database is an embedded one of
its own. Used by the bounded test in CI and by the long run in `benchmarks/kill_service.py`.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import psycopg
from blake3 import blake3
from psycopg.rows import namedtuple_row

from ninefold.service.jobs.picture_steps import with_recipe
from ninefold.service.store.database import connection_string, migrate
from ninefold.service.store.embedded import EmbeddedPostgres
from ninefold.service.store.objects import FOLDER, picture_key
from ninefold.service.supervisor import LIFELINE_FD, LISTENER_FD, open_listener
from tests.patience import PATIENCE_S

HEARTBEAT_S, STALLED_S = 0.4, 8.0
"""So far apart that a busy machine takes no worker that is well for lost."""

COUNT = 2
"""Pictures of each job."""


def numbered_prompt(number: int) -> str:
    """Return a prompt of its own for each number, none of which the prompt policy refuses.

    Thousands are set apart, because some numbers are codes of hate and refused where they stand
    bare.
    """
    return f"prompt {number:,}"


@dataclass
class Trial:
    """A service of one gateway and some workers, in a folder."""

    folder: Path
    model: Path
    num_workers: int = 2
    max_attempts: int = 100
    heartbeat_s: float = HEARTBEAT_S
    stalled_s: float = STALLED_S
    environment: dict[str, str] = field(default_factory=dict)
    """Settings in the place of those that a trial has."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    accepted: dict[str, str] = field(default_factory=dict)
    """Ids of jobs that were answered 202, by their idempotency key."""

    def __enter__(self) -> "Trial":
        self.postgres = EmbeddedPostgres(self.folder / "database")
        migrate(self.postgres.url)
        self.listener: socket.socket = open_listener("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.lifeline = os.pipe()
        for role in self.roles:
            self.start(role)
        return self

    def __exit__(self, *_: object) -> None:
        for role, process in self.processes.items():
            if role in self.paused:
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
        for end in self.lifeline:
            os.close(end)
        self.listener.close()
        self.postgres.close()

    @property
    def roles(self) -> list[str]:
        """Names of the processes: gateway, worker-0 and so on."""
        return ["gateway", *(f"worker-{number}" for number in range(self.num_workers))]

    @property
    def pictures(self) -> Path:
        """The folder of the object store."""
        return self.folder / "data" / FOLDER

    def start(self, role: str) -> None:
        """Start a process that is not there."""
        environment = {
            **os.environ,
            "NINEFOLD_MODEL": str(self.model),
            "NINEFOLD_DATA": str(self.folder / "data"),
            "DATABASE_URL": self.postgres.url.render_as_string(hide_password=False),
            "NINEFOLD_HEARTBEAT_S": str(self.heartbeat_s),
            "NINEFOLD_STALLED_S": str(self.stalled_s),
            "NINEFOLD_DRAIN_S": "5",
            "NINEFOLD_MAX_ATTEMPTS": str(self.max_attempts),
            "NINEFOLD_ANONYMOUS_MAX_WAIT_S": "100000",
            "NINEFOLD_ANONYMOUS_RATE": "100000/minute",
            "NINEFOLD_ADDRESS_RATE": "100000/minute",
            "NINEFOLD_STORAGE_PATIENCE_S": "3",
            "NINEFOLD_THREADS": "1",
            # What is shown is not the subject, and judging takes longer than a tiny model draws.
            "NINEFOLD_PICTURE_POLICY": "false",
            **self.environment,
            LISTENER_FD: str(self.listener.fileno()),
            LIFELINE_FD: str(self.lifeline[0]),
        }
        log = (self.folder / f"{role}.log").open("ab")
        with log:
            self.processes[role] = subprocess.Popen(
                [sys.executable, "-m", "ninefold.service", role.partition("-")[0]],
                env=environment,
                pass_fds=[self.listener.fileno(), self.lifeline[0]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    # --- what goes wrong

    def kill(self, role: str) -> None:
        """SIGKILL a process and start another in its place, as the supervisor would."""
        self.processes[role].kill()
        self.processes[role].wait()
        self.paused.discard(role)
        self.start(role)

    def drain(self, role: str) -> None:
        """SIGTERM a process, wait for it to end by itself, and start another."""
        self.processes[role].terminate()
        # uvicorn raises the signal again at its end, and a process that starts has no handler yet.
        code = self.processes[role].wait(PATIENCE_S)
        last = (self.folder / f"{role}.log").read_text(errors="replace")[-2000:]
        assert code in (0, -signal.SIGTERM), f"{role} ended with {code}:\n{last}"
        self.start(role)

    def pause(self, role: str) -> None:
        """SIGSTOP a process: it is silent, but will wake."""
        self.processes[role].send_signal(signal.SIGSTOP)
        self.paused.add(role)

    def wake(self, role: str) -> None:
        """Let a paused process go on."""
        self.processes[role].send_signal(signal.SIGCONT)
        self.paused.discard(role)

    def restart_database(self) -> None:
        """Stop PostgreSQL without warning (SIGQUIT), and start it again."""
        process = self.postgres.process
        process.send_signal(signal.SIGQUIT)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.05)
        while not self.postgres.is_running:
            self.postgres.revive()

    @contextlib.contextmanager
    def refusing_store(self) -> Iterator[None]:
        """Let every write of a picture fail, also for root: the folder is a file meanwhile."""
        away = self.pictures.with_name("away")
        self.pictures.rename(away)
        self.pictures.write_bytes(b"")
        try:
            yield
        finally:
            self.pictures.unlink()
            away.rename(self.pictures)

    # --- asking

    async def wait_until_ready(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait for the gateway and every worker."""
        async with asyncio.timeout(timeout_s):
            while self.count("SELECT count(*) FROM workers") < self.num_workers:
                await asyncio.sleep(0.2)

    async def wait_until_answered(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the gateway answers."""
        async with asyncio.timeout(timeout_s), httpx2.AsyncClient(timeout=timeout_s) as http:
            while True:
                with contextlib.suppress(httpx2.HTTPError):
                    if (await http.get(f"{self.address}/livez")).status_code == 200:
                        return
                await asyncio.sleep(0.1)

    async def submit(self, numbers: Sequence[int]) -> None:
        """Ask for jobs, again until each is accepted, with keys so that none is made twice."""
        limit = asyncio.Semaphore(8)
        async with httpx2.AsyncClient(base_url=self.address, timeout=20) as http:

            async def ask(number: int) -> None:
                async with limit:
                    await self._ask(http, number)

            # One visitor: the first answer brings the cookie that all others are asked with.
            await ask(numbers[0])
            await asyncio.gather(*(ask(number) for number in numbers[1:]))

    async def _ask(self, http: httpx2.AsyncClient, number: int) -> None:
        body = {"prompt": numbered_prompt(number), "seed": number, "settings": {"count": COUNT}}
        headers = {"Idempotency-Key": f"job-{number}", "User-Agent": "trial"}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(httpx2.HTTPError):
                    answer = await http.post("/api/v1/jobs", json=body, headers=headers)
                    if answer.status_code == 202:
                        self.accepted[f"job-{number}"] = answer.json()["id"]
                        return
                    assert answer.status_code in (409, 503), answer.text
                await asyncio.sleep(0.2)

    async def wait_for_end(self, timeout_s: float = PATIENCE_S, num_left: int = 0) -> None:
        """Wait until no more jobs than these are left to do, however long that takes.

        Args:
            timeout_s: seconds in which at least one more job must end.
            num_left: of jobs that need not end.
        """
        left = self.active()
        while left > num_left:
            async with asyncio.timeout(timeout_s):
                while (now := self.active()) >= left:
                    await asyncio.sleep(0.2)
            left = now

    async def wait_until_drawing(self, num_workers: int) -> None:
        """Wait until so many workers that are alive draw something, or all is drawn."""
        drawing = (
            "SELECT count(DISTINCT w.id) FROM jobs j JOIN workers w ON w.id = j.worker_id "
            "WHERE j.status = 'drawing' "
            f"AND w.heartbeat_at > now() - interval '{self.stalled_s} seconds'"
        )
        async with asyncio.timeout(PATIENCE_S):
            while self.count(drawing) < num_workers and (self.active() or not self.accepted):
                await asyncio.sleep(0.1)

    def active(self) -> int:
        """Return how many jobs have not ended."""
        return self.count("SELECT count(*) FROM jobs WHERE status IN ('queued', 'drawing')")

    def count(self, query: str) -> int:
        """Return the number that a query gives, waiting for a database that restarts."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                with psycopg.connect(connection_string(self.postgres.url)) as connection:
                    row = connection.execute(query.encode()).fetchone()
                    return int(row[0]) if row else 0
            except psycopg.OperationalError:
                time.sleep(0.1)
        raise AssertionError("the database did not come back")

    # --- what must hold

    def check(self) -> dict[str, int]:
        """Check the history of every job; return what was counted.

        Raises:
            AssertionError: a job was lost or ended twice, events have a gap, or a picture is
                missing, shown twice, or not what its address says.
        """
        with psycopg.connect(
            connection_string(self.postgres.url), row_factory=namedtuple_row
        ) as connection:
            jobs: list[Any] = connection.execute("SELECT * FROM jobs").fetchall()
            events: list[Any] = connection.execute(
                "SELECT job_id, seq, type, data FROM job_events ORDER BY job_id, seq"
            ).fetchall()
            pictures: list[Any] = connection.execute("SELECT * FROM pictures").fetchall()
        made, told = {job.id for job in jobs}, set(self.accepted.values())
        assert made == told, f"lost: {told - made}; made twice: {made - told}"
        by_job: dict[str, list[Any]] = {job.id: [] for job in jobs}
        for event in events:
            by_job[event.job_id].append(event)
        for job in jobs:
            self._check_job(job, by_job[job.id])
        for picture in pictures:
            self._check_picture(picture)
        assert len(pictures) == COUNT * len(jobs), "pictures are missing"
        put_back = sum(job.attempt - 1 for job in jobs)
        return {"jobs": len(jobs), "events": len(events), "drawn_again": put_back}

    def _check_job(self, job: Any, events: Sequence[Any]) -> None:
        kinds = [event.type for event in events]
        assert [event.seq for event in events] == list(range(1, len(events) + 1)), "a gap"
        assert (job.status, kinds[-1], kinds.count("done")) == ("done", "done", 1), job.status
        shown = [event.data["index"] for event in events if event.type == "picture"]
        assert sorted(shown) == list(range(COUNT)), f"shown: {shown}"
        codes = [event.data["codes"] for event in events if event.type == "progress"]
        assert codes == sorted(codes), "progress goes back"

    def _check_picture(self, picture: Any) -> None:
        files: dict[str, bytes] = {}
        for extension in ("png", "webp", "jpg", "json"):
            path = self.pictures / picture_key(picture.hash, extension)
            files[extension] = path.read_bytes()
            assert files[extension], path
        whole, _ = with_recipe(files["png"], files["json"])
        assert blake3(whole).hexdigest() == picture.hash
