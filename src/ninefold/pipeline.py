"""Text to pictures for users of the library: tokenizer, DalleBart, VQGAN and CLIP wired together.

No mathematics of its own: what is drawn is said in `generation/`, what is read in `text/`.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from ninefold.checkpoints.load import load_dallebart
from ninefold.checkpoints.model_folder import read_config
from ninefold.checkpoints.registry import find_model
from ninefold.devices import resolve_device, resolve_dtype
from ninefold.drawing import Drawing, Picture, Preview, Progress
from ninefold.engine.backend import Backend
from ninefold.engine.backends import choose_backend, load_native, painter_kind
from ninefold.engine.config import DEFAULT_DTYPE, PLAIN, read_format
from ninefold.engine.generate import NUM_SLOTS, generate_with_backend
from ninefold.engine.loaded_model import LoadedModel
from ninefold.engine.step_threads import StepThreads
from ninefold.engine.threads import set_threads
from ninefold.errors import CancelledError, UserError
from ninefold.generation.generate import DrawingState, OnStep, ShouldStop, generate
from ninefold.generation.params import SamplingParams
from ninefold.models.dallebart import DalleBart
from ninefold.painting import order_pictures
from ninefold.preparation import PreparedPrompt, prepare_prompt
from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import Action

_Job = tuple[Tensor, int, str | None]


class TextToImage:
    """A model that draws prompts. Load it once and draw many times."""

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        dtype: str,
        policy: PromptPolicy | None = None,
        threads: int | None = None,
        *,
        backend: str = PLAIN,
    ) -> None:
        is_plain = backend == PLAIN
        self.dtype = dtype if is_plain else backend
        self.threads = threads or torch.get_num_threads()
        self._is_cpu = device.type == "cpu" or not is_plain
        # An accelerator is waited for, which says nothing of the processor.
        self._step_threads = StepThreads(self.threads if self._is_cpu else 1)
        self.policy = policy
        self.dallebart: DalleBart | None = None
        self.backend: Backend | None = None
        if is_plain:
            self.dallebart = load_dallebart(folder, device, resolve_dtype(dtype))
        else:
            config = read_config(folder)
            choose_backend(backend, config.dallebart, device)
            self.backend = load_native(folder, backend, config.vqgan.n_embed, NUM_SLOTS)
        parts = LoadedModel.load(folder, device, painter_kind(backend))
        self.config, self.reader, self.painter = parts.config, parts.reader, parts.painter
        self.vqgan, self.clip = self.painter.vqgan, self.painter.clip
        self.clip_reader = self.painter.clip_reader

    @classmethod
    def load(
        cls,
        model: str | Path = "pocket",
        device: str = "auto",
        dtype: str = DEFAULT_DTYPE,
        *,
        backend: str | None = None,
        policy: PromptPolicy | None = None,
        threads: int | None = None,
    ) -> Self:
        """Load an installed model.

        Args:
            model: its name, such as "pocket", "mini" or "mega", or its folder.
            device: see `ninefold.devices.resolve_device`.
            dtype: number format of the transformer, "float32", "bfloat16" or "float16"; VQGAN and
                CLIP run in float32.
            backend: "plain", or one of the native backends "native-float32", "native-bfloat16" and
                "native-int8", which have number formats of their own and are many times faster
                where they run. None takes the one that `dtype` names, or else "plain".
            policy: what prompts are asked before they are drawn; None draws every prompt.
            threads: of the processor, at most; None for PyTorch's own number. The pictures do not
                depend on it.

        Raises:
            UserError: there is no such model, device, number format or backend.
            CheckpointError: the model's files are damaged.
        """
        dtype, backend = read_format(dtype, backend)
        resolve_dtype(dtype)
        place = resolve_device(device)
        return cls(find_model(model), place, dtype, policy, threads, backend=backend)

    def draw(
        self,
        prompt: str,
        params: SamplingParams | None = None,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        on_preview: Callable[[Preview], None] | None = None,
        preview_every: int = 64,
        should_stop: ShouldStop | None = None,
    ) -> Drawing:
        """Draw a prompt.

        Args:
            prompt: any text that is not blank.
            params: what is left out is as the preset says that the model names.
            on_progress: called after every step.
            on_preview: called for each picture whenever `preview_every` more of its codes are
                drawn, but not for the last. A preview costs as much as painting the picture.
            preview_every: codes between previews, 1 or more.
            should_stop: asked before every step.

        Raises:
            UserError: the prompt is blank or too long, or the model cannot draw by these settings.
            RefusedError: the policy refuses the prompt.
            CancelledError: `should_stop` said so.
            NinefoldError: the model's numbers are not finite.
        """
        if preview_every < 1:
            raise UserError(f"preview_every must be 1 or more codes, not {preview_every}.")
        params = params or SamplingParams()
        policy_notices = self._ask_policy(prompt, params.negative_prompt)
        ready = prepare_prompt(
            self.reader, self.config, prompt, params, has_clip=self.clip is not None
        )
        params = ready.params
        tally = _Tally(on_progress, should_stop, params.num_drawn)

        def on_step(state: DrawingState) -> None:
            tally.count_step(state)
            if on_preview is not None and state.codes.shape[1] % preview_every == 0:
                for preview in self._previews(state):
                    on_preview(preview)

        before = torch.get_num_threads()
        try:
            codes = self._draw_codes(ready, on_step, should_stop)
            set_threads(self.threads)
            paint = self._paint_square if params.seamless else self._paint_each
            pictures = paint(codes, ready, tally)
        finally:
            set_threads(before)
        return Drawing(
            prompt=ready.prompt,
            params=params,
            pictures=order_pictures(pictures, params.count),
            model_name=self.config.name,
            model_sha256=self.config.sha256,
            dtype=self.dtype,
            drawn_size=self.config.drawn_size,
            notices=policy_notices + ready.notices,
        )

    def _draw_codes(
        self, ready: PreparedPrompt, on_step: OnStep, should_stop: ShouldStop | None
    ) -> Tensor:
        """Draw the codes of all pictures; each step with as many threads as do not wait."""
        steps = _Steps(self._step_threads, self.threads, on_step, should_stop)
        num_codes = self.config.vqgan.n_embed
        with steps:
            if self.backend is None:
                assert self.dallebart is not None, "there is a backend or a model"
                return generate(
                    self.dallebart,
                    ready.text,
                    ready.params,
                    num_codes,
                    on_step=steps.end,
                    should_stop=steps.begin,
                )
            return generate_with_backend(
                self.backend,
                self.config.dallebart,
                ready.text,
                ready.params,
                num_codes,
                on_step=steps.end,
                should_stop=steps.begin,
            )

    def _ask_policy(self, prompt: str, negative_prompt: str) -> tuple[str, ...]:
        """Ask the policy about the prompt as it came: with what cleaning would take out of it."""
        if self.policy is None:
            return ()
        verdict = self.policy.require_allowed(prompt, negative_prompt)
        return () if verdict.action is Action.ALLOW else (verdict.reason,)

    def _previews(self, state: DrawingState) -> Iterator[Preview]:
        length = self.config.dallebart.image_length
        if state.codes.shape[1] < length:
            for index, codes in zip(state.image_indices, state.codes, strict=True):
                yield self.painter.preview(codes, index)

    def _paint_each(self, codes: Tensor, ready: PreparedPrompt, tally: "_Tally") -> list[Picture]:
        pictures = []
        prompt = ready.prompt if ready.params.rank else None
        numbered = zip(codes, ready.params.image_indices, strict=True)
        jobs = [(row, index, prompt) for row, index in numbered]
        painted = self._paint_at_once(jobs) if self._is_cpu else self._paint_in_turn(jobs)
        tally.check_stop()
        for picture in painted:
            pictures.append(picture)
            tally.count_pictures(len(pictures))
            if len(pictures) < len(jobs):
                tally.check_stop()
        return pictures

    def _paint_in_turn(self, jobs: Sequence[_Job]) -> Iterator[Picture]:
        return (self.painter.paint(*job) for job in jobs)

    def _paint_at_once(self, jobs: Sequence[_Job]) -> Iterator[Picture]:
        """Paint each picture with one thread, as the engine does, for the same bytes."""
        pool = ThreadPoolExecutor(self.threads, initializer=set_threads, initargs=(1,))
        try:
            yield from pool.map(lambda job: self.painter.paint(*job), jobs)
        finally:  # also where nobody wants the rest
            pool.shutdown(cancel_futures=True)

    def _paint_square(self, codes: Tensor, ready: PreparedPrompt, tally: "_Tally") -> list[Picture]:
        tally.check_stop()
        pictures = self.painter.paint_square(codes, ready.params.image_indices)
        tally.count_pictures(len(pictures))
        return pictures


class _Steps:
    """Gives every step its threads, and measures it: begun when it is asked whether to go on."""

    def __init__(
        self,
        threads: StepThreads,
        limit: int,
        on_step: OnStep,
        should_stop: ShouldStop | None,
    ) -> None:
        self._threads, self._limit = threads, limit
        self._on_step, self._should_stop = on_step, should_stop
        self._measured = ExitStack()

    def __enter__(self) -> None:
        set_threads(self._threads.choose(self._limit))

    def __exit__(self, *_: object) -> None:
        self._measured.close()

    def begin(self) -> bool:
        """Say whether to stop; otherwise the step begins."""
        if self._should_stop is not None and self._should_stop():
            return True
        set_threads(self._threads.choose(self._limit))
        self._measured.enter_context(self._threads.measured())
        return False

    def end(self, state: DrawingState) -> None:
        """The step is done."""
        self._measured.close()
        self._on_step(state)


class _Tally:
    """Counts steps and pictures for whoever wants to know, and asks whether to go on."""

    def __init__(
        self,
        on_progress: Callable[[Progress], None] | None,
        should_stop: ShouldStop | None,
        num_pictures: int,
    ) -> None:
        self.on_progress, self.should_stop = on_progress, should_stop
        self.num_pictures = num_pictures
        self.num_steps = 0

    def count_step(self, state: DrawingState) -> None:
        self.num_steps = state.num_steps
        self._report(state.step, 0)

    def count_pictures(self, finished: int) -> None:
        self._report(self.num_steps + finished, finished)

    def check_stop(self) -> None:
        if self.should_stop is not None and self.should_stop():
            raise CancelledError("The drawing was cancelled.")

    def _report(self, step: int, finished: int) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(step, self.num_steps + self.num_pictures, finished))
