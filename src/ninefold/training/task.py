"""What the trainer needs to know of a network: its batches, its loss, and pictures to look at."""

from typing import Protocol

from PIL import Image
from torch import Tensor, nn


class Task(Protocol):
    """One kind of training. Implementations are in `training.recipes`."""

    @property
    def model(self) -> nn.Module:
        """What is optimized; its `state_dict` holds all that must survive a resume."""
        ...

    def loss(self, step: int, batch_size: int) -> tuple[Tensor, dict[str, float]]:
        """Return the scalar loss of step `step` and what to log beside it.

        The batch, and all randomness, must be a function of the task's seed and `step` alone.
        """
        ...

    def after_step(self, step: int) -> None:
        """Update whatever is learned without gradients."""
        ...

    def sample(self, average: dict[str, Tensor]) -> Image.Image | None:
        """Return a picture of what the averaged weights can do; None where there is none."""
        ...
