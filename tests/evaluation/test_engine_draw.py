"""The engine as a function gives the drawing that the plain generator gives."""

from pathlib import Path

from ninefold.evaluation.engine_draw import EngineDraw
from ninefold.generation.params import SamplingParams
from ninefold.pipeline import TextToImage


def test_the_engine_draws_what_the_plain_generator_draws(tiny_model: Path) -> None:
    params = SamplingParams(seed=3, count=3)
    with EngineDraw(str(tiny_model), "cpu", "eager", 1) as engine:
        assert engine.backend == "eager"
        drawn = [engine.draw(prompt, params) for prompt in ("a cat", "a dog")]
    painter = TextToImage.load(tiny_model, device="cpu")
    for prompt, drawing in zip(("a cat", "a dog"), drawn, strict=True):
        expected = painter.draw(prompt, params)
        assert [picture.codes for picture in drawing.pictures] == [
            picture.codes for picture in expected.pictures
        ]
