"""The user's own folder, which not every user has: services and containers run without one."""

from pathlib import Path

from ninefold.errors import UserError


def home_folder() -> Path | None:
    """Return the user's home, or None where neither HOME nor the system's list of users has one."""
    try:
        return Path.home()
    except (RuntimeError, KeyError):
        return None


def require_home(purpose: str) -> Path:
    """Return the user's home.

    Args:
        purpose: what it is needed for, as in "models are kept".

    Raises:
        UserError: there is none.
    """
    home = home_folder()
    if home is None:
        raise UserError(
            f"This user has no home folder, below which {purpose}; set NINEFOLD_HOME to a folder."
        )
    return home


def expand_user(path: str | Path) -> Path:
    """Return a path with `~` and `~user` at its beginning replaced by that user's home.

    Raises:
        UserError: there is no such home.
    """
    try:
        return Path(path).expanduser()
    except (RuntimeError, KeyError):
        raise UserError(
            f"There is no home folder for {str(path)!r}; write the path without '~'."
        ) from None
