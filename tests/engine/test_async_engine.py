"""The engine as its users see it: many requests at once, the pictures of the library's own loop."""

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ninefold.drawing import Drawing, Picture
from ninefold.engine.async_engine import AsyncEngine
from ninefold.engine.config import EngineConfig
from ninefold.engine.request import (
    Advanced,
    DrawRequest,
    Engine,
    EngineEvent,
    Finished,
    Painted,
    Previewed,
    Queued,
    Started,
)
from ninefold.errors import CancelledError, OverloadedError, UserError
from ninefold.generation.params import SamplingParams
from ninefold.painting import Painter
from ninefold.pipeline import TextToImage
from tests.native_kinds import backends
from tests.patience import PATIENCE_S

T = TypeVar("T")

PARAMS = SamplingParams(seed=7, count=3, condition_scale=2.0, top_k=20)


def in_time(task: Awaitable[T]) -> T:
    """Run a test's coroutine, which must not take long."""

    async def limited() -> T:
        return await asyncio.wait_for(task, PATIENCE_S)

    return asyncio.run(limited())


def request(name: str = "a", params: SamplingParams = PARAMS, **values: Any) -> DrawRequest:
    return DrawRequest(name, "a hat", params, **values)


async def events_of(engine: Engine, wanted: DrawRequest) -> list[EngineEvent]:
    return [event async for event in engine.submit(wanted)]


async def draw(engine: Engine, wanted: DrawRequest) -> Drawing:
    last = (await events_of(engine, wanted))[-1]
    assert isinstance(last, Finished)
    return last.drawing


def bytes_of(drawing: Drawing) -> list[tuple[int, bytes, float | None]]:
    return [(p.image_index, p.image.tobytes(), p.score) for p in drawing.pictures]


def open_engine(folder: Path, **sizes: Any) -> AsyncEngine:
    return AsyncEngine.open(
        folder, device="cpu", backend="eager", config=EngineConfig(num_threads=1, **sizes)
    )


def test_pictures_ranking_and_notices_are_those_of_the_library(tiny_model: Path) -> None:
    library = TextToImage.load(tiny_model, device="cpu")
    kinds = {
        "plain": PARAMS,
        "unguided": dataclasses.replace(PARAMS, condition_scale=1.0, count=2),
        "candidates": dataclasses.replace(PARAMS, candidates=5, negative_prompt="a cat"),
        "seamless": dataclasses.replace(PARAMS, count=4, seamless=True),
        "min-dalle": dataclasses.replace(PARAMS, dialect="min-dalle", rank=False),
    }

    async def draw_all() -> list[Drawing]:
        async with open_engine(tiny_model, num_slots=6) as engine:
            assert engine.info.is_deterministic
            requests = [request(name, params) for name, params in kinds.items()]
            return list(await asyncio.gather(*(draw(engine, wanted) for wanted in requests)))

    for params, drawing in zip(kinds.values(), in_time(draw_all()), strict=True):
        expected = library.draw("a hat", params)
        assert bytes_of(drawing) == bytes_of(expected)
        assert drawing == dataclasses.replace(expected, pictures=drawing.pictures)


def test_events_come_in_order_and_previews_are_pictures(tiny_model: Path) -> None:
    async def run() -> list[EngineEvent]:
        async with open_engine(tiny_model) as engine:
            return await events_of(engine, request(preview_every=4))

    events = in_time(run())
    assert isinstance(events[0], Queued)
    assert isinstance(events[1], Started)
    assert isinstance(events[-1], Finished)
    codes = [event.num_codes for event in events if isinstance(event, Advanced)]
    assert codes == list(range(3, 49, 3))
    assert len([event for event in events if isinstance(event, Painted)]) == 3
    for event in events:
        if isinstance(event, Previewed):
            assert event.preview.image.size == (32, 32)


def test_what_cannot_be_drawn_is_refused_before_it_waits(tiny_model: Path) -> None:
    async def run() -> None:
        async with open_engine(tiny_model) as engine:
            for wanted in (
                DrawRequest("a", "  ", PARAMS),
                request(first_codes={9: [1]}),
                request(first_codes={0: [64]}),
            ):
                with pytest.raises(UserError):
                    await events_of(engine, wanted)
            assert engine.load().codes_ahead == 0

    in_time(run())


def test_two_requests_of_one_id_are_not_mixed(tiny_model: Path) -> None:
    async def run() -> None:
        async with open_engine(tiny_model) as engine:
            first = engine.submit(request())
            await anext(first)
            with pytest.raises(UserError, match="already"):
                await events_of(engine, request())
            async for last in first:
                event = last
            assert isinstance(event, Finished)
            assert len(await events_of(engine, request())) > 3  # the id is free again

    in_time(run())


async def until_started(events: AsyncIterator[EngineEvent]) -> None:
    async for event in events:
        if isinstance(event, Started):
            return


async def exhaust(events: AsyncIterator[EngineEvent]) -> None:
    async for _ in events:
        pass


def test_cancelling_ends_the_request_and_frees_its_slots(tiny_model: Path) -> None:
    async def run() -> None:
        async with open_engine(tiny_model, num_slots=2) as engine:
            events = engine.submit(request(params=SamplingParams(count=64)))
            await until_started(events)
            assert await engine.cancel("a")
            with pytest.raises(CancelledError, match="cancelled"):
                await exhaust(events)
            assert not await engine.cancel("a")
            await draw(engine, request("b"))
            assert engine.counts().cancelled == 1

    in_time(run())


def test_an_iterator_that_is_closed_cancels_its_request(tiny_model: Path) -> None:
    async def run() -> None:
        async with open_engine(tiny_model, num_slots=2) as engine:
            events = engine.submit(request(params=SamplingParams(count=64)))
            await until_started(events)
            await events.aclose()
            await draw(engine, request("b"))
            assert engine.counts().cancelled == 1
            assert engine.load().busy_slots == 0

    in_time(run())


def test_too_much_work_is_refused_with_a_time(tiny_model: Path) -> None:
    async def run() -> None:
        async with open_engine(tiny_model, num_slots=1, max_wait_s=1e-3) as engine:
            with pytest.raises(OverloadedError) as caught:
                await events_of(engine, request(params=SamplingParams(count=64)))
            assert caught.value.retry_after_s > 0

    in_time(run())


def test_closing_cancels_what_is_drawn_and_refuses_what_comes(tiny_model: Path) -> None:
    async def run() -> None:
        engine = open_engine(tiny_model, num_slots=1)
        events = engine.submit(request(params=SamplingParams(count=64)))
        await until_started(events)
        await engine.close()
        with pytest.raises(CancelledError):
            await exhaust(events)
        with pytest.raises(CancelledError, match="closed"):
            await events_of(engine, request("b"))
        assert not await engine.cancel("a")
        await engine.close()

    in_time(run())


def test_a_half_done_picture_goes_on_from_its_codes(tiny_model: Path) -> None:
    async def run() -> None:
        async with open_engine(tiny_model) as engine:
            whole = await draw(engine, request())
            half = {p.image_index: p.codes[:9] for p in whole.pictures[:2]}
            assert bytes_of(await draw(engine, request(first_codes=half))) == bytes_of(whole)

    in_time(run())


@pytest.mark.parametrize("backend", backends("native-float32", "native-bfloat16", "native-int8"))
def test_a_native_picture_is_the_same_alone_and_in_company(tiny_model: Path, backend: str) -> None:
    async def run() -> None:
        config = EngineConfig(num_slots=5, num_threads=2)
        async with AsyncEngine.open(
            tiny_model, device="cpu", backend=backend, config=config
        ) as engine:
            assert engine.info.is_deterministic
            assert engine.info.backend == backend
            alone = await draw(engine, request())
            others = [request(f"o{i}", SamplingParams(seed=i), preview_every=3) for i in range(3)]
            together = await asyncio.gather(
                *(draw(engine, other) for other in others), draw(engine, request())
            )
            assert bytes_of(together[-1]) == bytes_of(alone)
            assert alone.dtype == backend

            library = TextToImage.load(tiny_model, "cpu", backend=backend)
            assert bytes_of(library.draw("a hat", PARAMS)) == bytes_of(alone)

    in_time(run())


def test_an_unknown_backend_is_refused(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="no backend 'fast'"):
        AsyncEngine.open(tiny_model, backend="fast")


def test_after_the_last_step_every_thread_paints(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint = Painter.paint
    both = threading.Barrier(2)

    def together(self: Painter, *args: Any, **options: Any) -> Picture:
        both.wait(60)  # broken, and the drawing with it, where only one paints at a time
        return paint(self, *args, **options)

    monkeypatch.setattr(Painter, "paint", together)

    async def two() -> Drawing:
        config = EngineConfig(num_threads=2)
        engine = AsyncEngine.open(tiny_model, device="cpu", backend="eager", config=config)
        async with engine:
            return await draw(engine, request(params=dataclasses.replace(PARAMS, count=2)))

    assert len(in_time(two()).pictures) == 2
