"""What must hold whatever dies: every accepted job ends once, with all its pictures, none twice.

Real processes and a tiny model, 200 jobs in flight. The long run is `benchmarks/kill_service.py`.
"""

import asyncio
from pathlib import Path

import pytest

from ninefold.safety.prompt_policy import PromptPolicy
from tests.patience import PATIENCE_S
from tests.service.chaos import Trial, numbered_prompt
from tests.service.conftest import open_folder

pytestmark = pytest.mark.anyio

JOBS = 200


def test_no_numbered_prompt_is_refused() -> None:
    policy = PromptPolicy()
    prompts = [numbered_prompt(number) for number in range(20_000)]
    assert len(set(prompts)) == len(prompts)
    assert [prompt for prompt in prompts if policy.check(prompt).is_refused] == []


async def test_nothing_is_lost_whatever_dies(tiny_model: Path) -> None:
    with open_folder() as folder, Trial(folder, tiny_model) as trial:
        await trial.wait_until_ready()
        asking = asyncio.create_task(trial.submit(range(JOBS)))
        await trial.wait_until_drawing(2)
        trial.kill("gateway")
        trial.kill("worker-0")
        await asking
        assert len(trial.accepted) == JOBS
        await _live_through_a_pause(trial, "worker-1")
        await asyncio.to_thread(trial.restart_database)
        await trial.wait_for_end(num_left=120)
        with trial.refusing_store():
            await asyncio.sleep(4.0)
        await asyncio.to_thread(trial.drain, "worker-1")
        await trial.wait_for_end()
        counted = trial.check()
    assert counted["jobs"] == JOBS
    assert counted["drawn_again"] >= 3


async def _live_through_a_pause(trial: Trial, role: str) -> None:
    """Stop a worker that draws until it has lost what it held, and wake it."""
    await trial.wait_until_drawing(2)
    trial.pause(role)
    moment = trial.count("SELECT ceil(extract(epoch FROM now()))")
    # Whoever is well is heard after that moment, however late on a busy machine.
    silent = (
        "SELECT count(*) FROM jobs j JOIN workers w ON w.id = j.worker_id "
        f"WHERE w.heartbeat_at < to_timestamp({moment})"
    )
    async with asyncio.timeout(PATIENCE_S):
        while trial.count(silent) > 0:
            await asyncio.sleep(0.1)
    trial.wake(role)
