"""How many files and sockets a process may have open."""

RESERVED_DESCRIPTORS = 256
"""Those that no visitor's connection takes: for the database, the pictures' store, the logs."""

_ENOUGH = 65_536
_WITHOUT_LIMIT = 8192  # Windows, where sockets are not counted so


def raise_descriptors() -> int:
    """Let this process have as many descriptors as the system allows it, and return how many."""
    try:
        import resource
    except ModuleNotFoundError:
        return _WITHOUT_LIMIT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _ENOUGH if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS says unlimited and means fewer
        return soft
    return wanted
