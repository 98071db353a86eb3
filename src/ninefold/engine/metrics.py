"""How fast and how busy an engine is. Pure Python; plain numbers for whoever shows them."""

from dataclasses import dataclass


class StepClock:
    """How long a step takes for so many pictures: a line, and how far it was off lately.

    The line goes through two measured points, so that a rate for many pictures is known while few
    are drawn; a moving average follows how busy the machine is.
    """

    def __init__(self, one: float, full: float, num_slots: int) -> None:
        """`one` and `full` are seconds of a step with one picture and with `num_slots`."""
        self._one, self._full, self._num_slots = one, full, num_slots
        self._factor = 1.0

    def count(self, num_images: int, seconds: float) -> None:
        """Add a measured step."""
        self._factor += 0.05 * (seconds / self._line(num_images) - self._factor)

    def seconds(self, num_images: int) -> float:
        """Return the seconds that a step with so many pictures takes."""
        return self._factor * self._line(num_images)

    def codes_per_second(self, num_images: int) -> float:
        """Return the codes drawn in a second while so many pictures are drawn or wait."""
        together = max(1, min(num_images, self._num_slots))
        return together / self.seconds(together)

    def _line(self, num_images: int) -> float:
        share = (num_images - 1) / max(1, self._num_slots - 1)
        return max(1e-6, self._one + share * (self._full - self._one))


@dataclass
class EngineCounts:
    """What an engine has done since it started."""

    steps: int = 0
    codes: int = 0
    step_seconds: float = 0.0
    pictures: int = 0
    previews: int = 0
    previews_dropped: int = 0
    finished: int = 0
    cancelled: int = 0
    expired: int = 0
    refused: int = 0
    failed: int = 0
