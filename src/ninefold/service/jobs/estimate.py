"""How long a job has to wait, from the codes ahead and the measured rate. Pure."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Capacity:
    """What the workers that are alive do together."""

    num_workers: int
    codes_per_second: float
    """Over all of them, measured; 0 if it is not known."""

    @property
    def is_known(self) -> bool:
        """Whether anything can be said of time."""
        return self.num_workers > 0 and self.codes_per_second > 0


def expected_seconds(codes_ahead: int, own_codes: int, capacity: Capacity) -> float | None:
    """Return the seconds until a job's last picture; None if the rate is not known.

    What is ahead is shared by all workers; the job itself is drawn by one of them.
    """
    if not capacity.is_known:
        return None
    own_rate = capacity.codes_per_second / capacity.num_workers
    return codes_ahead / capacity.codes_per_second + own_codes / own_rate


class RateMeter:
    """Codes drawn per second while there is something to draw, the recent counting most."""

    def __init__(self, estimate: float, half_life_s: float = 20.0, trust_s: float = 0.7) -> None:
        """Begin with an estimate.

        Args:
            estimate: codes per second to begin with.
            half_life_s: busy seconds after which a measurement counts half.
            trust_s: the same for the estimate, which counts as one second of measuring at first.
        """
        self._half_life_s, self._trust_s = half_life_s, trust_s
        self._estimate, self._trust = estimate, 1.0
        self._codes = self._seconds = 0.0

    def add(self, codes: float, busy_s: float) -> None:
        """Count `codes` that were drawn in `busy_s` seconds, waiting for requests left out."""
        kept = math.exp2(-busy_s / self._half_life_s)
        self._trust *= math.exp2(-busy_s / self._trust_s)
        self._codes = self._codes * kept + codes
        self._seconds = self._seconds * kept + busy_s

    @property
    def codes_per_second(self) -> float:
        codes = self._codes + self._trust * self._estimate
        return codes / max(1e-9, self._seconds + self._trust)
