"""Which engine draws: the one place where the service chooses. Imports PyTorch."""

from ninefold.engine.async_engine import AsyncEngine
from ninefold.engine.config import EngineConfig
from ninefold.engine.request import Engine
from ninefold.service.settings import Settings


def build_engine(settings: Settings) -> Engine:
    """Load the model of the settings and return what draws with it.

    Raises:
        UserError: the model, device or backend is not there.
        CheckpointError: the model's files are damaged.
    """
    config = EngineConfig(
        num_slots=settings.slots,
        reserved_slots=settings.reserved_slots,
        num_threads=settings.threads or None,
    )
    return AsyncEngine.open(
        settings.model, device=settings.device, backend=settings.backend, config=config
    )
