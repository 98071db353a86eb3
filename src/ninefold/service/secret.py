"""The secret that signs visitors' cookies: the operator's, or one that is made and kept."""

import os
import secrets

from ninefold.atomic_file import write_new
from ninefold.errors import UserError
from ninefold.service.data_folder import open_data_folder
from ninefold.service.settings import Settings

FILE = "secret"


def load_secret(settings: Settings) -> str:
    """Return the secret; makes one in the data folder where none is set.

    Raises:
        UserError: the data folder cannot be written or read.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    path = settings.data / FILE
    try:
        open_data_folder(settings)
        if not path.exists():
            old_mask = os.umask(0o077)
            try:
                write_new(path, secrets.token_hex(32).encode())
            except FileExistsError:
                pass  # another process was first
            finally:
                os.umask(old_mask)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UserError(
            f"The data folder {str(settings.data)!r} cannot be used ({error.strerror}); name "
            "another with NINEFOLD_DATA."
        ) from None
