"""What may be chosen about an engine, apart from the model. Pure Python."""

from dataclasses import dataclass

from ninefold.errors import UserError

PLAIN = "plain"
"""The plain loop of `generation/`, which every backend must equal; the library draws by it."""

NATIVE_BACKENDS = ("native-float32", "native-bfloat16", "native-int8")
"""The C++ module in three number formats."""

STATIC_BACKENDS = ("static", "static-bfloat16", "static-float16")
"""PyTorch in one shape, for accelerators."""

BACKENDS = (
    *("auto", "eager", "eager-bfloat16", "eager-float16"),
    *STATIC_BACKENDS,
    *NATIVE_BACKENDS,
)
"""`eager` is PyTorch: exact in float32, on any device, or in half the memory; `auto` chooses."""

LIBRARY_BACKENDS = (PLAIN, *NATIVE_BACKENDS)
"""What `TextToImage` and `ninefold draw` can draw with."""

DEFAULT_DTYPE = "float32"


def read_format(dtype: str, backend: str | None) -> tuple[str, str]:
    """Return the number format and the backend that a person asks for.

    Recipes hold one name for both, such as `native-int8`, and so may `dtype`: a native backend has
    a format of its own.

    Args:
        dtype: a number format of the plain loop, unchecked, or a native backend.
        backend: one of `LIBRARY_BACKENDS`; None for what `dtype` says.

    Raises:
        UserError: there is no such backend, or it does not go with that number format.
    """
    if dtype in NATIVE_BACKENDS and backend in (None, dtype):
        dtype, backend = DEFAULT_DTYPE, dtype
    if backend is None:
        return dtype, PLAIN
    if backend not in LIBRARY_BACKENDS:
        raise UserError(f"There is no backend {backend!r}; use {', '.join(LIBRARY_BACKENDS)}.")
    if backend != PLAIN and dtype != DEFAULT_DTYPE:
        raise UserError(f"Backend {backend!r} has a number format of its own; leave out {dtype!r}.")
    return dtype, backend


@dataclass(frozen=True)
class EngineConfig:
    """Sizes and limits.

    Raises:
        ValueError: a value that an engine cannot work with.
    """

    num_slots: int = 18
    """Pictures that are drawn at a time; each takes two decoder rows and their cache.

    Two prompts of nine: on a CPU throughput hardly grows beyond that, while every picture gets
    slower.
    """
    reserved_slots: int = 0
    """Of those, slots that only requests with a priority above 0 may take."""
    max_wait_s: float | None = None
    """A request whose last picture is expected later than this is refused; None for no limit."""
    max_waiting_images: int = 4096
    """Pictures that may wait for a slot; bounds the memory of the queue."""
    max_pending_previews: int = 9
    """Previews that wait to be painted; when full, the oldest is dropped."""
    num_threads: int | None = None
    """Processor threads for decoding and painting together; None for PyTorch's own number."""

    def __post_init__(self) -> None:
        if self.num_slots < 1:
            raise ValueError(f"num_slots={self.num_slots} must be 1 or more.")
        if not 0 <= self.reserved_slots < self.num_slots:
            raise ValueError(
                f"reserved_slots={self.reserved_slots} must be 0 to {self.num_slots - 1}, so that "
                "requests without priority have a slot."
            )
        if self.max_wait_s is not None and self.max_wait_s <= 0:
            raise ValueError(f"max_wait_s={self.max_wait_s} must be above 0; None for no limit.")
        if self.max_waiting_images < 1 or self.max_pending_previews < 0:
            raise ValueError(
                "max_waiting_images must be 1 or more, max_pending_previews 0 or more."
            )
        if self.num_threads is not None and self.num_threads < 1:
            raise ValueError(f"num_threads={self.num_threads} must be 1 or more.")
