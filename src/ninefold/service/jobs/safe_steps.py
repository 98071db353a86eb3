"""The steps of pictures with the safety that the settings ask for: judged, marked and signed.

Loads the classifier and the key; runs in the worker. Knows nothing of jobs.
"""

from collections.abc import Sequence

from PIL import Image

from ninefold.pictures.png import Recipe
from ninefold.safety.image_policy import (
    RULE,
    ImagePolicy,
    OpenNsfw,
    PictureVerdict,
    Thresholds,
)
from ninefold.safety.provenance import MediaType, Origin, Provenance, read_manifest
from ninefold.safety.signing_key import load_key, load_or_make_key
from ninefold.service.jobs.picture_steps import (
    Judge,
    Judgement,
    PictureSteps,
    Seal,
    leave_unsealed,
    show_all,
)
from ninefold.service.settings import Settings

MEDIA_TYPES: dict[str, MediaType] = {
    "png": "image/png",
    "webp": "image/webp",
    "jpg": "image/jpeg",
}


def build_steps(settings: Settings) -> PictureSteps:
    """Return the steps that the settings ask for.

    Raises:
        UserError: the signing key cannot be used.
    """
    judge: Judge = show_all
    seal: Seal = leave_unsealed
    if settings.picture_policy:
        limits = Thresholds(
            settings.hide_from_owner_score,
            settings.hide_from_score,
            settings.keep_from_gallery_score,
        )
        judge = judge_by(ImagePolicy(OpenNsfw(), limits))
    provenance = open_provenance(settings)
    if provenance is not None:
        seal = seal_with(provenance, tells_prompt=settings.sign_prompts)
    return PictureSteps(judge, seal, settings.mark_pictures, settings.sign_prompts)


def open_provenance(settings: Settings) -> Provenance | None:
    """Return what signs files; None where the settings switch that off.

    Raises:
        UserError: the signing key cannot be used.
    """
    if not settings.sign_pictures:
        return None
    folder = settings.signing_key
    return Provenance(
        load_or_make_key(settings.data / "signing") if folder is None else load_key(folder)
    )


def seal_alike(provenance: Provenance, data: bytes, extension: str, of: bytes) -> bytes:
    """Sign a file that was made of a picture of ours, as made by the model of that picture.

    Args:
        provenance: signs.
        data: the file.
        extension: what it is.
        of: the picture's PNG file; where it is not signed, nothing is known and nothing is said.
    """
    manifest = read_manifest(of, "image/png")
    if manifest is None or manifest.origin is None:
        return data
    origin = Origin(manifest.origin.model, manifest.origin.model_sha256)
    return provenance.sign(data, MEDIA_TYPES[extension], origin)


def judge_by(policy: ImagePolicy) -> Judge:
    """Return what judges pictures by a policy."""

    def judge(images: Sequence[Image.Image]) -> list[Judgement]:
        return [_judgement_of(verdict) for verdict in policy.check(images)]

    return judge


def _judgement_of(verdict: PictureVerdict) -> Judgement:
    return Judgement(
        audience=verdict.audience,
        reason=verdict.reason,
        policy_version=verdict.policy_version,
        rule=None if verdict.threshold is None else RULE,
        score=round(verdict.score, 4),
    )


def seal_with(provenance: Provenance, *, tells_prompt: bool) -> Seal:
    """Return what signs a file, telling the prompt only where it is to be told."""

    def seal(data: bytes, extension: str, recipe: Recipe) -> bytes:
        prompt = recipe.prompt if tells_prompt else None
        origin = Origin(recipe.model, recipe.model_sha256, prompt, recipe.mark)
        return provenance.sign(data, MEDIA_TYPES[extension], origin)

    return seal
