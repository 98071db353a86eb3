"""Laws of the loop: what a request is told, in which order, and how it ends."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image

from ninefold.drawing import Picture, Preview
from ninefold.engine import runner
from ninefold.engine.backend import Rows
from ninefold.engine.config import EngineConfig
from ninefold.engine.eager import EagerBackend
from ninefold.engine.image_decoder import PaintJob, PaintResult
from ninefold.engine.request import (
    Advanced,
    DrawRequest,
    Finished,
    Painted,
    Previewed,
    Queued,
    Started,
)
from ninefold.errors import CancelledError, NinefoldError, OverloadedError
from ninefold.generation.params import SamplingParams
from ninefold.generation.sampling import weigh_codes
from tests.engine.harness import NUM_CODES, Harness, build_harness, text_of
from tests.tiny import build_dallebart

TEXT = text_of((40, 41))
PARAMS = SamplingParams(seed=3, count=2, condition_scale=2.0)


def build(num_slots: int = 4, **limits: Any) -> Harness:
    backend = EagerBackend(build_dallebart(), NUM_CODES, num_slots)
    return build_harness(backend, EngineConfig(num_slots=num_slots, **limits))


def request(name: str = "a", params: SamplingParams = PARAMS, **values: Any) -> DrawRequest:
    return DrawRequest(name, "a hat", params, **values)


def paint_all(harness: Harness) -> None:
    """Give a picture for every job, the score falling with the index."""
    for job in harness.decoder.jobs:
        pictures = tuple(
            Picture(Image.new("RGB", (2, 2)), index, float(index) if job.prompt else None, codes)
            for index, codes in zip(job.image_indices, job.codes, strict=True)
        )
        harness.core.painted(PaintResult(job.request_id, pictures))
    harness.decoder.jobs.clear()


def test_a_request_is_told_its_whole_story_in_order() -> None:
    harness = build()
    harness.submit(request(), TEXT)
    harness.run()
    paint_all(harness)
    told = harness.told("a")
    assert isinstance(told[0], Queued)
    assert told[0].codes_ahead == 0
    assert told[0].eta_s == pytest.approx(16 * (0.01 + 0.01 / 3) + 1.0)
    assert told[1] == Started("a")
    advanced = [event for event in told if isinstance(event, Advanced)]
    assert [event.num_codes for event in advanced] == list(range(2, 33, 2))
    assert {event.total_codes for event in advanced} == {32}
    assert advanced[-1].eta_s == pytest.approx(1.0)  # two pictures are left to paint
    assert all(event.eta_s > 1.0 for event in advanced[:-1])
    assert [type(event) for event in told[-3:]] == [Painted, Painted, Finished]
    last = told[-1]
    assert isinstance(last, Finished)
    assert [picture.image_index for picture in last.drawing.pictures] == [1, 0]
    assert last.drawing.model_name == "tiny"
    assert harness.core.counts.finished == 1


def test_seamless_pictures_are_painted_together_once_all_are_drawn() -> None:
    harness = build(num_slots=3)
    params = SamplingParams(count=4, seamless=True, condition_scale=1.0)
    harness.submit(request(params=params), TEXT)
    harness.run()
    [job] = harness.decoder.jobs
    assert (job.image_indices, job.is_square, job.prompt) == ((0, 1, 2, 3), True, None)


def test_previews_are_asked_for_at_the_interval_but_not_of_complete_pictures() -> None:
    harness = build()
    harness.submit(request(params=SamplingParams(count=1), preview_every=4), TEXT)
    harness.run()
    assert [len(job.codes) for job in harness.decoder.previews] == [4, 8, 12]
    codes = harness.codes("a")[0]
    assert all(job.codes == codes[: len(job.codes)] for job in harness.decoder.previews)


def test_a_preview_is_told_only_until_its_picture_is() -> None:
    harness = build()
    harness.submit(request(), TEXT)
    preview = PaintResult("a", preview=Preview(Image.new("RGB", (2, 2)), 0, 4))
    harness.core.painted(preview)
    harness.run()
    harness.core.painted(PaintResult("a", (Picture(Image.new("RGB", (2, 2)), 0, None, ()),)))
    harness.core.painted(preview)
    assert [type(e) for e in harness.told("a") if isinstance(e, Previewed | Painted)] == [
        Previewed,
        Painted,
    ]


def test_codes_that_are_all_given_are_only_painted() -> None:
    harness = build()
    harness.submit(request(first_codes={0: [1] * 16, 1: [2] * 16}), TEXT)
    assert not harness.core.has_steps
    assert harness.codes("a") == {0: (1,) * 16, 1: (2,) * 16}
    paint_all(harness)
    assert isinstance(harness.told("a")[-1], Finished)


def test_cancelling_frees_slots_at_once_and_ends_with_an_error() -> None:
    harness = build()
    harness.submit(request(), TEXT)
    harness.submit(request("b"), TEXT)
    harness.core.step(0.0)
    assert harness.core.cancel("a")
    harness.core.check_integrity()
    assert harness.core.load().busy_slots == 2
    assert isinstance(harness.told("a")[-1], CancelledError)
    assert harness.decoder.forgotten == ["a"]
    assert not harness.core.cancel("a")
    harness.core.painted(PaintResult("a", failure="late"))  # nobody is there to be told
    harness.run()
    assert len(harness.codes("b")) == 2


def test_a_request_past_its_deadline_is_ended_before_it_starts() -> None:
    harness = build(num_slots=1)
    harness.submit(request(), TEXT)
    harness.submit(request("late", deadline_s=5.0), TEXT, now=0.0)
    harness.core.step(1.0)
    harness.core.step(6.0)
    assert isinstance(harness.told("late")[-1], CancelledError)
    assert "did not start in time" in str(harness.told("late")[-1])
    assert harness.core.counts.expired == 1


def test_what_would_wait_too_long_is_refused_with_a_time_to_come_again() -> None:
    harness = build(num_slots=1, max_wait_s=0.5)
    harness.submit(request(), TEXT)  # 0.32 s of work
    harness.submit(request("b"), TEXT)
    error = harness.told("b")[-1]
    assert isinstance(error, OverloadedError)
    assert error.retry_after_s == 1.0
    assert harness.core.counts.refused == 1
    harness.run()
    assert len(harness.codes("a")) == 2


def test_the_line_of_waiting_pictures_is_bounded() -> None:
    harness = build(max_waiting_images=3)
    harness.submit(request(), TEXT)
    harness.submit(request("b"), TEXT)
    assert isinstance(harness.told("b")[-1], OverloadedError)


def test_painting_that_fails_ends_the_request() -> None:
    harness = build()
    harness.submit(request(), TEXT)
    harness.core.painted(PaintResult("a", failure="No paint."))
    assert str(harness.told("a")[-1]) == "No paint."
    harness.core.check_integrity()


class Ailing(EagerBackend):
    """Gives no numbers for one row, or breaks."""

    sick_place: int | None = None
    is_broken = False
    reads = True

    def read_text(self, entry: int, tokens: torch.Tensor, mask: torch.Tensor) -> None:
        if not self.reads:
            raise RuntimeError("unreadable")
        super().read_text(entry, tokens, mask)

    def step(self, rows: Rows) -> torch.Tensor:
        if self.is_broken:
            raise RuntimeError("broken")
        logits = super().step(rows).clone()
        if self.sick_place is not None:
            logits[rows.places == self.sick_place] = float("nan")
        return logits


def test_logits_that_are_no_numbers_end_their_request_and_no_other() -> None:
    backend = Ailing(build_dallebart(), NUM_CODES, 4)
    harness = build_harness(backend, EngineConfig(num_slots=4))
    harness.submit(request(), TEXT)
    harness.submit(request("b"), TEXT)
    backend.sick_place = 2  # a's second picture, or b's first
    harness.run()
    ended = [name for name in "ab" if isinstance(harness.told(name)[-1], NinefoldError)]
    assert len(ended) == 1
    assert "no numbers" in str(harness.told(ended[0])[-1])
    [other] = {"a", "b"} - set(ended)
    assert len(harness.codes(other)) == 2


def test_settings_that_cannot_be_drawn_with_end_their_request_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def weigh(codes: torch.Tensor, logits: torch.Tensor, temperature: float, top_p: float) -> Any:
        if temperature == 0.5:
            raise ArithmeticError("too cold")
        return weigh_codes(codes, logits, temperature, top_p)

    monkeypatch.setattr(runner, "weigh_codes", weigh)
    harness = build()
    harness.submit(request(params=replace(PARAMS, temperature=0.5)), TEXT)
    harness.submit(request("b"), TEXT)
    harness.run()
    assert str(harness.told("a")[-1]) == runner.NOT_DRAWN
    assert len(harness.codes("b")) == 2


@pytest.mark.parametrize("part", ["step", "text"])
def test_a_backend_that_breaks_ends_what_it_drew_and_the_engine_goes_on(part: str) -> None:
    backend = Ailing(build_dallebart(), NUM_CODES, 4)
    harness = build_harness(backend, EngineConfig(num_slots=4))
    backend.is_broken, backend.reads = part == "step", part != "text"
    harness.submit(request(), TEXT)
    harness.run()
    assert "inside ninefold" in str(harness.told("a")[-1])
    backend.is_broken, backend.reads = False, True
    harness.submit(request("b"), TEXT)
    harness.run()
    assert len(harness.codes("b")) == 2


def test_a_negative_prompt_equal_to_the_prompt_is_one_text() -> None:
    harness = build()
    text = text_of((40,), (40,))
    harness.submit(request(params=PARAMS), text)
    harness.run()
    assert len(harness.codes("a")) == 2


def test_a_job_is_what_the_pictures_are_ranked_by() -> None:
    harness = build()
    harness.submit(request(), TEXT)
    harness.submit(request("b", SamplingParams(count=1, rank=False)), TEXT)
    harness.run()
    prompts = {(job.request_id, job.prompt) for job in harness.decoder.jobs}
    assert prompts == {("a", "a hat"), ("b", None)}
    assert all(isinstance(job, PaintJob) for job in harness.decoder.jobs)
