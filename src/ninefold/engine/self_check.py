"""The start-up check: does a picture get the same bits alone, in company, and joining late?

It also measures how long a step takes, for one picture and for all slots, from which the first ETAs
are made. The texts and codes are made up; what is compared are logits, bit by bit.
"""

import statistics
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ninefold.engine.backend import Backend, Rows
from ninefold.engine.threads import set_threads
from ninefold.models.dallebart import DalleBartConfig

NUM_STEPS = 6


@dataclass(frozen=True)
class SelfCheck:
    """What the check found."""

    is_deterministic: bool
    one_picture_s: float
    """Seconds of a step with one picture."""
    all_slots_s: float
    """Seconds of a step with every slot in use, at positions all over the picture."""


def check_backend(
    backend: Backend, config: DalleBartConfig, num_codes: int, num_slots: int
) -> SelfCheck:
    """Draw a few steps of one picture alone, in company, and with another number of threads."""
    generator = torch.Generator().manual_seed(1)
    for entry in (0, 1):
        tokens = torch.randint(
            config.encoder_vocab_size, (config.max_text_length,), generator=generator
        )
        mask = torch.arange(config.max_text_length) < (9 if entry == 0 else 2)
        backend.read_text(entry, tokens, mask)
    steps = min(NUM_STEPS, config.image_length)
    codes = torch.randint(num_codes, (steps,), generator=generator)
    check = _Check(backend, codes, generator, num_codes, config.image_length)
    places = list(range(2 * num_slots))
    alone = check.run(places[:2], [])
    threads = torch.get_num_threads()
    companies = [
        check.run(places[-2:], places[:-2]),
        check.run(places[:2], places[:1:-1]),
    ]
    set_threads(1)
    companies.append(check.run(places[-2:], places[: num_slots // 2 * 2 : 3]))
    set_threads(threads)
    is_deterministic = all(torch.equal(alone, other) for other in companies)
    # Not of the first company, whose rows are the first to touch their memory.
    return SelfCheck(is_deterministic, check.seconds[0], check.seconds[2])


class _Check:
    def __init__(
        self,
        backend: Backend,
        codes: Tensor,
        generator: torch.Generator,
        num_codes: int,
        image_length: int,
    ) -> None:
        self.backend, self.codes, self.generator = backend, codes, generator
        self.num_codes, self.image_length = num_codes, image_length
        self.seconds: list[float] = []
        """Of each run, the median of its steps."""

    def run(self, own: list[int], others: list[int]) -> Tensor:
        """Step the two rows `own` through the codes beside rows that stand anywhere."""
        company = [place for place in others if place not in own]
        logits, seconds = [], []
        for position, code in enumerate(self.codes.tolist()):
            num = len(company)
            tokens = torch.randint(self.num_codes, (num,), generator=self.generator)
            positions = torch.randint(self.image_length, (num,), generator=self.generator)
            texts = torch.randint(2, (num,), generator=self.generator)
            half = num // 2  # own rows stand in the middle
            rows = Rows(
                _insert(torch.tensor(company, dtype=torch.int64), half, own),
                _insert(tokens, half, [code, code]),
                _insert(positions, half, [position, position]),
                _insert(texts, half, [0, 1]),
            )
            begin = time.perf_counter()
            step = self.backend.step(rows)
            seconds.append(time.perf_counter() - begin)
            logits.append(step[half : half + 2])
        self.seconds.append(statistics.median(seconds))
        return torch.stack(logits)


def _insert(values: Tensor, at: int, own: list[int]) -> Tensor:
    return torch.cat([values[:at], torch.tensor(own), values[at:]])
