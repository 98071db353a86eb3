"""Where a picture lies and is served, by who may see it.

The wider the audience, the more open the place: what everybody with the page's address may see has
an address made from its content; what is for its owner alone has one of the job's; what nobody sees
has none. Knows nothing of how it was judged.
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


def path_of(audience: Audience, job_id: str, digest: str) -> str | None:
    """Return the path of a picture's PNG, for those that it is shown to; None where for nobody."""
    if audience >= Audience.SHARE_PAGE:
        return f"/i/{digest}.png"
    if audience is Audience.OWNER:
        return f"/api/v1/jobs/{job_id}/own/{digest}.png"
    return None
