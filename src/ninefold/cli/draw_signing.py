"""How `ninefold draw` signs what it writes, where it is told to."""

from ninefold.cli.draw_files import Finish
from ninefold.cli.messages import tell
from ninefold.errors import UserError
from ninefold.home import expand_user
from ninefold.pictures.png import Recipe


def prepare_signing(is_on: bool, key_folder: str | None, *, has_prompt: bool) -> Finish | None:
    """Return what signs a file, or None where nothing is to be signed.

    Args:
        is_on: whether to sign.
        key_folder: of the key; None for this user's own, which is made where it is missing.
        has_prompt: whether the statement tells the prompt.

    Raises:
        UserError: the options do not go together, or there is no key or library to sign with.
    """
    if not is_on:
        if has_prompt or key_folder is not None:
            raise UserError("--sign-prompt and --key say how to sign; give --sign with them.")
        return None
    from ninefold.safety import provenance, signing_key

    if key_folder is not None:
        key = signing_key.load_key(expand_user(key_folder))
    else:
        folder = signing_key.default_key_folder()
        is_new = not folder.exists()
        key = signing_key.load_or_make_key(folder)
        if is_new:
            tell(f"Made a key to sign pictures with, in {folder}; keep it to yourself.")
    signer = provenance.Provenance(key)

    def sign(data: bytes, recipe: Recipe) -> bytes:
        prompt = recipe.prompt if has_prompt else None
        origin = provenance.Origin(recipe.model, recipe.model_sha256, prompt, recipe.mark)
        return signer.sign(data, "image/png", origin)

    return sign
