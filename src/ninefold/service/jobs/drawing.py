"""One claimed job through the engine: each event of the engine becomes rows, objects and events.

Pictures are gathered until all of a job are there, judged together, and shown together. Every write
is fenced. Where one finds that the job is no longer held (cancelled, or given to another worker),
the drawing stops and nothing more is written. Knows nothing of how jobs are chosen.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ninefold.drawing import Drawing, Picture, Preview
from ninefold.engine.request import (
    Advanced,
    DrawRequest,
    Engine,
    EngineEvent,
    Finished,
    Painted,
    Previewed,
)
from ninefold.errors import NinefoldError
from ninefold.safety.image_policy import Audience
from ninefold.service import metrics, tracing
from ninefold.service.jobs import picture_rows, transitions
from ninefold.service.jobs.audiences import is_shown, key_of
from ninefold.service.jobs.events import NewEvent
from ninefold.service.jobs.picture_rows import JudgedPicture
from ninefold.service.jobs.picture_steps import (
    EXTENSIONS,
    Judgement,
    PictureSteps,
    StoredPicture,
    looks_of,
    recipe_hash,
)
from ninefold.service.jobs.refusal import PromptCheck
from ninefold.service.jobs.states import Status
from ninefold.service.jobs.transitions import Claim
from ninefold.service.room import Room
from ninefold.service.store.database import reading
from ninefold.service.store.objects import (
    PLACES,
    Objects,
    StorageError,
    content_hash,
    preview_key,
)
from ninefold.service.store.retry import in_transaction, retrying

PROGRESS_PAUSE_S = 0.5
"""Seconds between two events of progress."""


_REMOVED = Judgement(
    audience=Audience.NOBODY,
    reason=picture_rows.REMOVED,
    policy_version="removals",
    rule="removed",
)


class NotHeldError(NinefoldError):
    """The job was cancelled or given to another worker."""


@dataclass(frozen=True)
class WorkerContext:
    """What drawing a job needs."""

    database: AsyncEngine
    objects: Objects
    engine: Engine
    steps: PictureSteps
    room: Room = field(default_factory=lambda: Room((), 0))
    """Of the disks that pictures are written to; by default there is always some."""
    policy: PromptCheck | None = None
    """Asked once more before a job is drawn, since it may have changed while the job waited."""


class JobDrawing:
    """Takes one claimed job through the engine to its end."""

    def __init__(self, context: WorkerContext, held: Claim) -> None:
        self._context, self._held = context, held
        self._finished: dict[int, StoredPicture] = {}
        self._previews: list[str] = []
        self._progress_at = 0.0
        self._started_at = time.monotonic()
        self._num_told = held.num_reported
        self._num_drawn = self._num_taken = 0
        # Of candidates most are not chosen; which are is known at the end.
        self._is_chosen_last = held.params.num_drawn > held.params.count

    @property
    def request_id(self) -> str:
        """The job's name in the engine."""
        return f"{self._held.job_id}.{self._held.attempt}"

    def take_codes(self) -> int:
        """Return the codes that were drawn since this was asked before."""
        codes, self._num_taken = self._num_drawn - self._num_taken, self._num_drawn
        return codes

    async def run(self) -> None:
        """Draw the job to its end.

        Raises:
            NotHeldError: it was cancelled or given to another worker.
            UserError: it cannot be drawn as asked.
            CancelledError: the engine was told to stop it.
            StorageError: the pictures cannot be stored.
            NinefoldError: drawing failed.
        """
        held = self._held
        request = DrawRequest(
            id=self.request_id,
            prompt=held.prompt,
            params=held.params,
            requester=held.share,
            priority=1 if held.lane == "priority" else 0,
            preview_every=held.preview_every,
        )
        metrics.WAIT.labels(held.lane).observe(held.waited_s)
        events = self._context.engine.submit(request)
        try:
            with tracing.drawing_span(held.trace, held.job_id, held.attempt):
                async for event in events:
                    await self._act(event)
            metrics.JOB_SECONDS.observe(time.monotonic() - self._started_at)
        finally:
            await events.aclose()  # type: ignore[attr-defined]  # an async generator in every engine
            await self._remove_previews()

    async def _act(self, event: EngineEvent) -> None:
        if isinstance(event, Advanced):
            await self._report_progress(event)
        elif isinstance(event, Previewed):
            await self._show_preview(event.preview)
        elif isinstance(event, Painted) and not self._is_chosen_last:
            await self._gather(event.picture, self._drawing_of(event.picture))
        elif isinstance(event, Finished):
            await self._finish(event.drawing)

    async def _report_progress(self, event: Advanced) -> None:
        metrics.CODES.inc(max(0, event.num_codes - self._num_drawn))
        self._num_drawn = event.num_codes
        now = time.monotonic()
        if now - self._progress_at < PROGRESS_PAUSE_S or event.num_codes <= self._num_told:
            return
        self._progress_at, self._num_told = now, event.num_codes
        data = {
            "codes": event.num_codes,
            "total_codes": event.total_codes,
            "eta_s": round(event.eta_s, 1),
        }
        await self._report([NewEvent("progress", data)], done_codes=event.num_codes)

    async def _show_preview(self, preview: Preview) -> None:
        data = await asyncio.to_thread(self._context.steps.preview, preview.image)
        if data is None or preview.image_index in self._finished:
            return
        if await self._is_removed(preview):
            return
        digest = content_hash(data)
        key = preview_key(self._held.job_id, digest)
        try:
            await self._context.objects.put(key, data, patience_s=0)
        except StorageError:
            return  # a preview is not worth waiting for
        if not self._previews:
            metrics.FIRST_PREVIEW.observe(time.monotonic() - self._started_at)
        self._previews.append(key)
        event = {
            "index": preview.image_index,
            "num_codes": preview.num_codes,
            "url": f"/{key}",
        }
        await self._report([NewEvent("preview", event)])

    async def _is_removed(self, preview: Preview) -> bool:
        """Tell whether an operator removed the picture that this will be, or one that looks so."""
        image = preview.image
        picture = Picture(image, preview.image_index, None, ())
        recipe = recipe_hash(self._drawing_of(picture).recipe(picture))
        looks = await asyncio.to_thread(looks_of, image)

        async def look() -> bool:
            async with reading(self._context.database).connect() as connection:
                return await picture_rows.is_removed(connection, recipe, looks)

        return await retrying(look)

    async def _gather(self, picture: Picture, drawing: Drawing) -> None:
        """Make the files of a picture, for when all are there."""
        if picture.image_index not in self._finished:
            self._finished[picture.image_index] = await asyncio.to_thread(
                self._context.steps.finish, picture.image, drawing.recipe(picture)
            )

    async def _show(self, pictures: Sequence[Picture]) -> None:
        """Judge pictures in one batch, then store and show them."""
        images = [picture.image for picture in pictures]
        judgements = await asyncio.to_thread(self._context.steps.judge, images)
        removed = await self._find_removed()
        judged = []
        for picture, judgement in zip(pictures, judgements, strict=True):
            stored = self._finished[picture.image_index]
            if stored.digest in removed:
                judged.append(_to_judged(picture, stored, _REMOVED))
            else:
                await self._put(stored, judgement)
                judged.append(_to_judged(picture, stored, judgement))
        added = await in_transaction(
            self._context.database,
            lambda connection: picture_rows.add_pictures(connection, self._held, judged),
        )
        self._require_held(added is not None)
        await self._make_sure(judged, removed)
        for each in added or ():
            is_open = is_shown(each.judgement.audience, is_own=False)
            metrics.PICTURES.labels("shown" if is_open else "hidden").inc()

    async def _find_removed(self) -> set[str]:
        looks = {stored.digest: stored.fingerprint for stored in self._finished.values()}

        async def look() -> set[str]:
            async with reading(self._context.database).connect() as connection:
                return await picture_rows.find_removed(connection, looks)

        return await retrying(look)

    async def _make_sure(self, judged: Sequence[JudgedPicture], removed: set[str]) -> None:
        """See that of the pictures that rows name by now the files are there, or gone for good.

        Until the rows were committed, a vacuum, or whoever deletes a job with the same pictures,
        could take files away that were there already; and an operator could remove a picture.
        """
        stored = {each.digest: each for each in self._finished.values()}
        for each in judged:
            picture = stored[each.values["hash"]]
            if picture.digest not in removed:
                await self._put_missing(picture, each.judgement.audience)
        for digest in await self._find_removed() - removed:
            await self._take_back(digest)

    async def _put_missing(self, stored: StoredPicture, audience: Audience) -> None:
        objects = self._context.objects
        for extension, data in stored.files.items():
            key = key_of(audience, stored.digest, extension)
            if not await objects.exists(key):
                await objects.put_once(key, data)

    async def _take_back(self, digest: str) -> None:
        reason = picture_rows.REMOVED
        await in_transaction(
            self._context.database,
            lambda connection: picture_rows.set_audience(
                connection, digest, Audience.NOBODY, reason
            ),
        )
        for extension in EXTENSIONS:
            for place in PLACES.values():
                await self._context.objects.delete(place(digest, extension))

    async def _put(self, stored: StoredPicture, judgement: Judgement) -> None:
        for extension, data in stored.files.items():
            key = key_of(judgement.audience, stored.digest, extension)
            # The same picture may be there, under another signature: what an address gives stays.
            await self._context.objects.put_once(key, data)

    async def _finish(self, drawing: Drawing) -> None:
        pictures = sorted(drawing.pictures, key=lambda picture: picture.image_index)
        for picture in pictures:
            await self._gather(picture, drawing)
        await self._show(pictures)
        is_ranked = all(picture.score is not None for picture in drawing.pictures)
        order = [picture.image_index for picture in drawing.pictures] if is_ranked else []
        notices = list(dict.fromkeys([*self._held.notices, *drawing.notices]))

        async def end(connection: AsyncConnection) -> bool:
            if order and not await picture_rows.rank_pictures(connection, self._held, order):
                return False
            return await transitions.end(
                connection,
                self._held.job_id,
                Status.DONE,
                only_if=self._held.holds(),
                notices=notices,
                done_codes=transitions.ALL_CODES,
            )

        self._require_held(await in_transaction(self._context.database, end))

    def _drawing_of(self, picture: Picture) -> Drawing:
        """Return the drawing as far as a picture's recipe needs it, before it is finished."""
        info = self._context.engine.info
        return Drawing(
            prompt=self._held.prompt,
            params=self._held.params,
            pictures=(picture,),
            model_name=info.model_name,
            model_sha256=info.model_sha256,
            dtype=info.dtype,
            drawn_size=info.picture_size,
            notices=(),
        )

    async def _report(self, events: Sequence[NewEvent], **values: object) -> None:
        self._require_held(
            await in_transaction(
                self._context.database,
                lambda connection: transitions.report(connection, self._held, events, **values),
            )
        )

    def _require_held(self, is_held: bool) -> None:
        if not is_held:
            raise NotHeldError(f"Job {self._held.job_id} is not held any more.")

    async def _remove_previews(self) -> None:
        for key in self._previews:
            try:
                await self._context.objects.delete(key, patience_s=0)
            except StorageError:
                return  # `ninefold admin vacuum` removes what is left


def _to_judged(picture: Picture, stored: StoredPicture, judgement: Judgement) -> JudgedPicture:
    audience = judgement.audience
    values = {
        "index": picture.image_index,
        "hash": stored.digest,
        "width": stored.width,
        "height": stored.height,
        "audience": audience.label,
        "hidden_reason": judgement.reason,
        "fingerprint": stored.fingerprint,
        "score": picture.score,
        "codes": list(picture.codes),
    }
    # For everybody; `routes/jobs.py` shows its owner more.
    told = picture_rows.tell_audience(audience, judgement.reason)
    event = {"index": picture.image_index, "hash": stored.digest, **told}
    return JudgedPicture(values, event, judgement)
