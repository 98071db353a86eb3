"""The service's data folder: this user's alone, as it holds prompts, pictures and secrets.

Run by root, an embedded PostgreSQL runs as a user of its own, who has to pass through the folder to
its own and can neither list nor read anything else there.
"""

import os
from pathlib import Path

from ninefold.errors import UserError
from ninefold.private_place import make_private
from ninefold.service.settings import Settings


def open_data_folder(settings: Settings) -> Path:
    """Make the data folder, or close one of ours to others, and return it.

    Raises:
        UserError: it cannot be made, or is another user's and open to others.
    """
    # With DATABASE_URL there may be a server of one's own in it all the same: children of a
    # supervisor get the embedded one's address that way.
    is_root = os.name == "posix" and os.geteuid() == 0
    try:
        return make_private(settings.data, 0o711 if is_root else 0o700)
    except OSError as error:
        raise UserError(
            f"The data folder {str(settings.data)!r} cannot be used ({error.strerror}); name "
            "another with NINEFOLD_DATA."
        ) from None
