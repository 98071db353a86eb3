"""Where a picture lies in the store, by who may see it.

The wider the audience, the more open the place. Does not know how it was judged, nor the address
that it is served at (`job_documents.picture_path`).
"""

from ninefold.safety.image_policy import Audience
from ninefold.service.store.objects import hidden_key, owner_key, picture_key


def is_shown(audience: Audience, *, is_own: bool) -> bool:
    """Tell whether a picture is shown to somebody who has the page's address.

    Args:
        audience: whom the picture policy lets see it.
        is_own: whether they asked for it.
    """
    return audience >= (Audience.OWNER if is_own else Audience.SHARE_PAGE)


def key_of(audience: Audience, digest: str, extension: str) -> str:
    """Return where a picture lies in the store."""
    if audience >= Audience.SHARE_PAGE:
        return picture_key(digest, extension)
    if audience is Audience.OWNER:
        return owner_key(digest, extension)
    return hidden_key(digest, extension)
