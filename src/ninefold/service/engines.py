"""Which engine draws: the one place where the service chooses. Imports PyTorch."""

import torch

from ninefold.engine.request import Engine
from ninefold.pipeline import TextToImage
from ninefold.service.plain_engine import PlainEngine
from ninefold.service.settings import Settings


def build_engine(settings: Settings) -> Engine:
    """Load the model of the settings and return what draws with it.

    Raises:
        UserError: the model, device or number format is not there.
        CheckpointError: the model's files are damaged.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    return PlainEngine(TextToImage.load(settings.model, settings.device, settings.dtype))
