"""Kill the service a thousand times while it draws, and count what was lost: nothing may be.

One gateway, three workers and an embedded PostgreSQL, as processes, draw with the tiny model of the
tests, while faults chosen by a seed follow each other: SIGKILL of a worker or the gateway, SIGSTOP
of a worker for longer or shorter than it takes to count as lost, PostgreSQL shut down without
warning, a store that refuses writes, SIGTERM. Those of workers and those of everything else come at
the same time, so that they meet in all ways, each once some job has ended since the one before:
where nothing works yet there is nothing to lose. Some fifty jobs are kept in flight. At the end
every accepted job must have ended once, with events without a gap and every picture there, none
twice.

    PYTHONPATH=. python benchmarks/kill_service.py --faults 1000

Prints a table and ends with one JSON line; exit code 1 if anything was lost.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.service.chaos import Trial
from tests.tiny import tiny_model_folder

IN_FLIGHT = 50
HEARTBEAT_S, STALLED_S = 0.4, 2.0
WORKERS = 3
PATIENCE_S = 30.0
FAULTS = {
    "pause a worker briefly": 58,
    "pause a worker until it is lost": 6,
    "kill the gateway": 6,
    "kill a worker": 6,
    "restart PostgreSQL": 6,
    "refuse writes": 14,
    "terminate the gateway": 2,
    "terminate a worker": 2,
}
"""Faults, with how often each is chosen."""


async def strike(trial: Trial, fault: str, worker: str, chance: random.Random) -> None:
    """Let one thing go wrong, and end it again where it does not end by itself."""
    if fault.startswith("pause"):
        is_long = fault.endswith("lost")
        trial.pause(worker)
        await asyncio.sleep(STALLED_S + 1.5 if is_long else chance.uniform(0.1, 1.0))
        trial.wake(worker)
    elif fault.startswith("kill"):
        trial.kill("gateway" if "gateway" in fault else worker)
    elif fault.startswith("terminate"):
        await asyncio.to_thread(trial.drain, "gateway" if "gateway" in fault else worker)
    elif fault.startswith("restart"):
        await asyncio.to_thread(trial.restart_database)
    else:
        with trial.refusing_store():
            await asyncio.sleep(chance.uniform(0.2, 2.0))
    if "gateway" in fault:
        await trial.wait_until_answered(300)  # or faults that follow would meet no gateway at all
    await asyncio.sleep(chance.uniform(0.0, 0.4))


async def keep_asking(trial: Trial, stopped: asyncio.Event) -> None:
    """Keep some jobs in flight until told to stop."""
    number = 0
    while not stopped.is_set():
        missing = IN_FLIGHT - await asyncio.to_thread(trial.active)
        if missing > 0:
            await trial.submit(range(number, number + missing))
            number += missing
        await asyncio.sleep(0.5)


async def wait_for_work(trial: Trial) -> None:
    """Wait until a job ends, or until it takes so long that the service may be stuck."""
    query = "SELECT count(*) FROM jobs WHERE ended_at IS NOT NULL"
    before, until = await asyncio.to_thread(trial.count, query), time.monotonic() + PATIENCE_S
    while await asyncio.to_thread(trial.count, query) == before and time.monotonic() < until:
        await asyncio.sleep(0.3)


async def run(trial: Trial, num_faults: int, seed: int, minutes: float) -> Counter[str]:
    """Let faults follow each other while jobs are drawn; return how often each came."""
    until = time.monotonic() + 60 * minutes
    chance, done, stopped = random.Random(seed), Counter[str](), asyncio.Event()
    faults = chance.choices(list(FAULTS), list(FAULTS.values()), k=num_faults)
    await trial.wait_until_ready()

    async def strike_each(chosen: list[str], chance: random.Random) -> None:
        for fault in chosen:
            if time.monotonic() > until:
                break
            worker = f"worker-{chance.randrange(WORKERS)}"
            await strike(trial, fault, worker, chance)
            done[fault] += 1
            await wait_for_work(trial)
            if done.total() % 50 == 0:
                counted = f"{done.total()} faults, {len(trial.accepted)} jobs accepted"
                print(counted, file=sys.stderr, flush=True)

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(keep_asking(trial, stopped))
        hands = [
            tasks.create_task(strike_each([f for f in faults if is_hit(f)], random.Random(place)))
            for place, is_hit in enumerate(
                (hits_worker, lambda fault: not hits_worker(fault)), seed
            )
        ]
        await asyncio.gather(*hands)
        stopped.set()
        await asking
    await trial.wait_for_end(300)
    return done


def hits_worker(fault: str) -> bool:
    """Whether a fault is one of a worker."""
    return "a worker" in fault


def main() -> int:
    """Run, check, print; 1 if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=120, help="stop earlier after so many")
    options = parser.parse_args()
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ninefold-kill-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        model = tiny_model_folder(folder)
        trial = Trial(
            folder,
            model,
            num_workers=WORKERS,
            max_attempts=1000,
            heartbeat_s=HEARTBEAT_S,
            stalled_s=STALLED_S,
        )
        with trial:
            done = asyncio.run(run(trial, options.faults, options.seed, options.minutes))
            try:
                counted, lost = trial.check(), ""
            except AssertionError as error:
                counted, lost = {}, str(error) or "something"
    for fault, times in done.most_common():
        print(f"{fault:34} {times:5}")
    minutes = (time.monotonic() - started_at) / 60
    result = {"faults": sum(done.values()), "minutes": round(minutes, 1), **counted, "lost": lost}
    print(json.dumps(result))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
