"""What the gateway holds while it runs, opened and closed with it. No torch, no engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from ninefold.safety.live_policy import LivePolicy
from ninefold.safety.provenance import Provenance
from ninefold.service.check_pool import CheckPool
from ninefold.service.ending import end_tasks
from ninefold.service.group_commit import GroupCommit
from ninefold.service.job_documents import JobReader
from ninefold.service.jobs.admission import Admission
from ninefold.service.jobs.event_streams import EventStreams
from ninefold.service.jobs.housekeeping import run_housekeeping
from ninefold.service.jobs.queue import Queue
from ninefold.service.jobs.refusal import PromptCheck
from ninefold.service.jobs.safe_steps import open_provenance
from ninefold.service.limits import RateLimits
from ninefold.service.model_facts import ModelFacts, read_model_facts
from ninefold.service.recipe_files import RecipeFiles
from ninefold.service.retention import vacuum_for_good
from ninefold.service.room import Room
from ninefold.service.settings import Settings
from ninefold.service.store.database import build_async_engine
from ninefold.service.store.memory import MemoryCache
from ninefold.service.store.objects import Objects
from ninefold.service.visitors import Visitors

_LEAVE_S = 5.0


@dataclass
class Gateway:
    """Everything that routes need."""

    settings: Settings
    url: URL
    database: AsyncEngine
    queue: Queue
    objects: Objects
    facts: ModelFacts
    policy: PromptCheck
    admission: Admission
    commits: GroupCommit
    reader: JobReader
    event_streams: EventStreams
    visitors: Visitors
    limits: RateLimits
    checks: CheckPool
    """Where prompts are checked."""
    provenance: Provenance | None
    """Signs what is made of pictures here; None where the settings switch that off."""
    room: Room
    """Of the disks that accepting and drawing write to."""
    cache: MemoryCache = field(default_factory=MemoryCache)
    recipe_files: RecipeFiles = field(default_factory=RecipeFiles)
    is_draining: bool = False
    """Set when the process was told to stop: readiness says so before connections are closed."""
    watches: set[asyncio.Task[None]] = field(default_factory=set)
    """Watch for clients that go; each ends with its request."""
    extras: dict[str, object] = field(default_factory=dict)
    """Room for what a surface keeps while the gateway runs."""


@asynccontextmanager
async def open_gateway(settings: Settings, url: URL, secret: str) -> AsyncIterator[Gateway]:
    """Open the database, the queue and the store, and keep house beside.

    Raises:
        UserError: a setting names something that is not there.
        NinefoldError: the model or the policy cannot be read.
    """
    facts = read_model_facts(settings.model)
    policy = LivePolicy(settings.policy_file)
    objects = Objects.open(settings.pictures_url, settings.data, settings.storage_patience_s)
    database = build_async_engine(url)
    queue = Queue(url)
    event_streams = EventStreams(database, url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.dispose)
        await stack.enter_async_context(queue.open())
        admission = Admission(settings, facts, policy, queue)
        limits = RateLimits(settings, secret)
        checks = CheckPool()
        stack.callback(checks.close)
        gateway = Gateway(
            settings=settings,
            url=url,
            database=database,
            queue=queue,
            objects=objects,
            facts=facts,
            policy=policy,
            admission=admission,
            commits=GroupCommit(database, admission, limits),
            reader=JobReader(database, settings.stalled_s),
            event_streams=event_streams,
            visitors=Visitors(secret),
            limits=limits,
            checks=checks,
            provenance=open_provenance(settings),
            room=Room.of(settings, url),
        )
        tasks = [
            asyncio.create_task(event_streams.run()),
            asyncio.create_task(run_housekeeping(database, queue, settings)),
            asyncio.create_task(vacuum_for_good(database, objects, settings)),
        ]
        try:
            yield gateway
        finally:
            if gateway.watches:  # by now all clients have gone; their jobs are being cancelled
                await asyncio.wait(gateway.watches, timeout=_LEAVE_S)
            await end_tasks([*tasks, *gateway.watches])
