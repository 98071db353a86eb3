"""The engine's core without threads: the real runner on a tiny model, painting left out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ninefold.checkpoints.model_folder import ModelConfig
from ninefold.engine.backend import Backend
from ninefold.engine.config import EngineConfig
from ninefold.engine.core import EngineCore
from ninefold.engine.image_decoder import ImageDecoder, PaintJob, PreviewJob
from ninefold.engine.metrics import StepClock
from ninefold.engine.request import DrawRequest, EngineEvent
from ninefold.engine.runner import Runner
from ninefold.errors import NinefoldError
from ninefold.generation.generate import TextInput, generate
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart
from ninefold.preparation import PreparedPrompt
from tests.tiny import CLIP_CONFIG, DALLEBART, VQGAN_CONFIG

NUM_CODES = VQGAN_CONFIG.n_embed

CONFIG = ModelConfig(
    name="tiny",
    licence="Apache-2.0",
    preset="pocket",
    dallebart=DALLEBART,
    vqgan=VQGAN_CONFIG,
    clip=CLIP_CONFIG,
    picture_size=32,
)


class NotPainting(ImageDecoder):
    """Keeps what it is asked to paint."""

    def __init__(self) -> None:
        self.jobs: list[PaintJob] = []
        self.previews: list[PreviewJob] = []
        self.forgotten: list[str] = []
        self.seconds_per_picture = 0.5

    def paint(self, job: PaintJob) -> None:
        self.jobs.append(job)

    def preview(self, job: PreviewJob) -> None:
        self.previews.append(job)

    def forget(self, request_id: str) -> None:
        self.forgotten.append(request_id)


@dataclass
class Harness:
    """A core, and what it told."""

    core: EngineCore
    decoder: NotPainting
    events: list[tuple[str, EngineEvent | NinefoldError]] = field(default_factory=list)

    def submit(self, request: DrawRequest, text: TextInput, now: float = 0.0) -> None:
        ready = PreparedPrompt(request.prompt, request.params, text, ())
        self.core.submit(request, ready, now)

    def run(self, limit: int = 10_000) -> None:
        """Step until nothing is left to draw."""
        for _ in range(limit):
            if not self.core.has_steps:
                break
            self.core.step(0.0)
            self.core.check_integrity()
        assert not self.core.has_steps

    def told(self, request_id: str) -> list[EngineEvent | NinefoldError]:
        return [event for name, event in self.events if name == request_id]

    def codes(self, request_id: str) -> dict[int, tuple[int, ...]]:
        """By picture index, the codes that were to be painted for a request."""
        return {
            index: codes
            for job in self.decoder.jobs
            if job.request_id == request_id
            for index, codes in zip(job.image_indices, job.codes, strict=True)
        }


def build_harness(backend: Backend, sizes: EngineConfig, model: ModelConfig = CONFIG) -> Harness:
    """Return a core around a backend that was built for as many slots."""
    decoder = NotPainting()
    events: list[tuple[str, EngineEvent | NinefoldError]] = []
    core = EngineCore(
        sizes,
        model,
        backend.dtype,
        Runner(backend, model.vqgan.n_embed, model.dallebart.image_length),
        decoder,
        StepClock(0.01, 0.02, sizes.num_slots),
        lambda request_id, event: events.append((request_id, event)),
    )
    return Harness(core, decoder, events)


def text_of(ids: Sequence[int], negative: Sequence[int] = ()) -> TextInput:
    """Return token ids as the reader would give them, the empty text second."""
    rows = [[0, *words, 2] for words in (ids, negative)]
    tokens = torch.tensor([row + [1] * (DALLEBART.max_text_length - len(row)) for row in rows])
    return TextInput(tokens, tokens != 1)


def reference(model: DalleBart, text: TextInput, params: SamplingParams) -> dict[int, list[int]]:
    """Return what `generation/` draws, by picture index."""
    codes: Tensor = generate(model, text, params, NUM_CODES)
    return dict(zip(params.image_indices, codes.tolist(), strict=True))
