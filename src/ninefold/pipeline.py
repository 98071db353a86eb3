"""Text to pictures for users of the library: tokenizer, DalleBart, VQGAN and CLIP wired together.

No mathematics of its own: what is drawn is said in `generation/`, what is read in `text/`.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from torch import Tensor

from ninefold.checkpoints.load import load_clip, load_dallebart, load_vqgan
from ninefold.checkpoints.native import read_config
from ninefold.checkpoints.registry import find_model
from ninefold.devices import resolve_device, resolve_dtype
from ninefold.drawing import Drawing, Picture, Preview, Progress
from ninefold.errors import CancelledError, UserError
from ninefold.generation.decode import Pixels, decode_picture, decode_square, fill_codes
from ninefold.generation.generate import DrawingState, ShouldStop, TextInput, generate
from ninefold.generation.params import SamplingParams, get_preset
from ninefold.generation.rerank import pick_best, score_pictures
from ninefold.safety.prompt_policy import PromptPolicy
from ninefold.safety.verdict import Action
from ninefold.text import EncodedText
from ninefold.text.prompt import clean_prompt
from ninefold.text.reader import ClipReader, PromptReader


class TextToImage:
    """A model that draws prompts. Load it once and draw many times."""

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        dtype: str,
        policy: PromptPolicy | None = None,
    ) -> None:
        config = read_config(folder)
        sizes, clip_sizes = config.dallebart, config.clip
        self.config = config
        self.dtype = dtype
        self.policy = policy
        self.reader = PromptReader(
            folder,
            sizes.max_text_length,
            sizes.encoder_vocab_size,
            has_normalizer=config.normalize_text,
        )
        self.clip_reader: ClipReader | None = None
        if clip_sizes is not None:
            self.clip_reader = ClipReader(
                folder, clip_sizes.max_positions, clip_sizes.vocab_size, self.reader
            )
        self.dallebart = load_dallebart(folder, device, resolve_dtype(dtype))
        self.vqgan = load_vqgan(folder, device)
        self.clip = load_clip(folder, device)

    @classmethod
    def load(
        cls,
        model: str | Path = "pocket",
        device: str = "auto",
        dtype: str = "float32",
        *,
        policy: PromptPolicy | None = None,
    ) -> Self:
        """Load an installed model.

        Args:
            model: its name, such as "pocket", "mini" or "mega", or its folder.
            device: see `ninefold.devices.resolve_device`.
            dtype: "float32", "bfloat16" or "float16", for the transformer. VQGAN and CLIP take a
                small part of the time and always run in float32.
            policy: what prompts are asked before they are drawn; None draws every prompt.

        Raises:
            UserError: there is no such model, device or number format.
            CheckpointError: the model's files are damaged.
        """
        resolve_dtype(dtype)
        return cls(find_model(model), resolve_device(device), dtype, policy)

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
            params: None for those of the preset that the model names.
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
        params = params or get_preset(self.config.preset).params
        policy_notices = self._ask_policy(prompt, params.negative_prompt)
        prompt, params, notices = _clean(prompt, params)
        notices += policy_notices + self._check_ranking(params)
        read = self.reader.read(prompt, params.negative_prompt, params.dialect)
        tally = _Tally(on_progress, should_stop, params.num_drawn)

        def on_step(state: DrawingState) -> None:
            tally.count_step(state)
            if on_preview is not None and state.codes.shape[1] % preview_every == 0:
                for preview in self._previews(state):
                    on_preview(preview)

        codes = generate(
            self.dallebart,
            _text_input(read.prompt, read.unconditional),
            params,
            self.config.vqgan.n_embed,
            on_step=on_step,
            should_stop=should_stop,
        )
        paint = self._paint_square if params.seamless else self._paint_each
        pictures = paint(codes, params, prompt, tally)
        return Drawing(
            prompt=prompt,
            params=params,
            pictures=_order(pictures, params.count),
            model_name=self.config.name,
            model_sha256=self.config.sha256,
            dtype=self.dtype,
            native_size=self.config.native_size,
            notices=notices + read.notices,
        )

    def _ask_policy(self, prompt: str, negative_prompt: str) -> tuple[str, ...]:
        """Ask the policy about the prompt as it came: with what cleaning would take out of it."""
        if self.policy is None:
            return ()
        verdict = self.policy.require_allowed(prompt, negative_prompt)
        return () if verdict.action is Action.ALLOW else (verdict.reason,)

    def _check_ranking(self, params: SamplingParams) -> tuple[str, ...]:
        if self.clip is not None or not params.rank or params.num_drawn == 1 or params.seamless:
            return ()
        name = self.config.name
        if params.num_drawn > params.count:
            raise UserError(
                f"Choosing among candidates needs a CLIP, and model {name!r} has none; "
                "leave the candidates out."
            )
        return (f"Model {name!r} has no CLIP, so its pictures are not ranked.",)

    def _previews(self, state: DrawingState) -> Iterator[Preview]:
        length = self.config.dallebart.image_length
        if state.codes.shape[1] < length:
            for index, codes in zip(state.image_indices, state.codes, strict=True):
                pixels = decode_picture(self.vqgan, fill_codes(codes, length))
                yield Preview(self._enlarge(pixels), index, len(codes))

    def _paint_each(
        self, codes: Tensor, params: SamplingParams, prompt: str, tally: "_Tally"
    ) -> list[Picture]:
        pictures = []
        for index, row in zip(params.image_indices, codes, strict=True):
            tally.check_stop()
            pixels = decode_picture(self.vqgan, row)
            score = self._score(pixels, prompt) if params.rank else None
            pictures.append(Picture(self._enlarge(pixels), index, score, tuple(row.tolist())))
            tally.count_pictures(len(pictures))
        return pictures

    def _paint_square(
        self, codes: Tensor, params: SamplingParams, _prompt: str, tally: "_Tally"
    ) -> list[Picture]:
        tally.check_stop()
        side, size = math.isqrt(len(codes)), self.config.picture_size
        square = self._enlarge(decode_square(self.vqgan, codes), side)
        corners = [(size * column, size * row) for row in range(side) for column in range(side)]
        images = [square.crop((x, y, x + size, y + size)) for x, y in corners]
        tally.count_pictures(len(images))
        return [
            Picture(image, index, None, tuple(row.tolist()))
            for image, index, row in zip(images, params.image_indices, codes, strict=True)
        ]

    def _enlarge(self, pixels: Pixels, num_pictures: int = 1) -> Image.Image:
        """Return the pixels of a square of `num_pictures`² pictures in the size that is given."""
        image = Image.fromarray(pixels)
        if self.config.native_size == self.config.picture_size:
            return image
        side = num_pictures * self.config.picture_size
        return image.resize((side, side), Image.Resampling.LANCZOS)

    def _score(self, pixels: Pixels, prompt: str) -> float | None:
        """Score one picture alone, so that its score does not depend on the others."""
        if self.clip is None or self.clip_reader is None:
            return None
        device = self.clip.logit_scale.device
        text = self.clip_reader.read(prompt)
        picture = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None] / 255
        ids, mask = torch.tensor(text.ids), torch.tensor(text.mask)
        return float(score_pictures(self.clip, picture, ids.to(device), mask.to(device)))


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


def _clean(prompt: str, params: SamplingParams) -> tuple[str, SamplingParams, tuple[str, ...]]:
    cleaned = clean_prompt(prompt)
    if not params.negative_prompt:
        return cleaned.text, params, cleaned.notices
    negative = clean_prompt(params.negative_prompt, "The negative prompt")
    params = dataclasses.replace(params, negative_prompt=negative.text)
    return cleaned.text, params, cleaned.notices + negative.notices


def _text_input(prompt: EncodedText, unconditional: EncodedText) -> TextInput:
    texts = (prompt, unconditional)
    return TextInput(
        torch.tensor([text.ids for text in texts]), torch.tensor([text.mask for text in texts])
    )


def _order(pictures: Sequence[Picture], count: int) -> tuple[Picture, ...]:
    """The best `count`, best first; all in drawing order where they have no scores."""
    scores = [picture.score for picture in pictures if picture.score is not None]
    if not scores:
        return tuple(pictures)
    return tuple(pictures[index] for index in pick_best(torch.tensor(scores), count).tolist())
