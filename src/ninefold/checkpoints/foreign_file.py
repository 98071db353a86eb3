"""The one boundary for files that others wrote: whatever a decoder raises becomes one sentence.

A decoder of a damaged or hostile file may raise anything at all. What is read through `decoding`
names the file and says what to do; errors that say so already pass. Knows nothing of formats.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ninefold.errors import CheckpointError, NinefoldError, UserError

Explain = Callable[[Exception], NinefoldError]

_SAYS_NOTHING = frozenset({None, errno.EINVAL, errno.EOVERFLOW, errno.ENODEV})
"""Errors of the system that a wrong offset or size in a file leads to."""


@contextmanager
def decoding(path: Path, explain: Explain) -> Iterator[None]:
    """Read a file in the block.

    Args:
        path: the file.
        explain: says what an error of the decoder means.

    Raises:
        UserError: the file cannot be opened or read.
        CheckpointError: it needs more memory than there is.
        NinefoldError: what `explain` makes of anything else.
    """
    try:
        yield
    except NinefoldError:
        raise
    except OSError as error:
        if error.errno in _SAYS_NOTHING:
            raise explain(error) from None
        raise UserError(f"{path} could not be read: {error.strerror}.") from None
    except Exception as error:
        if isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error):
            raise CheckpointError(
                f"{path} asks for more memory than there is; it is damaged, or this machine is "
                "too small for it."
            ) from None
        raise explain(error) from None
