"""Content Credentials: a signed statement in a picture's file of what made it.

The statement is a C2PA manifest: created by a trained algorithm, by which program and model. It is
bound to every other byte of the file, so that a change shows. Knows nothing of drawing. Source:
C2PA Technical Specification 2.2; the digital source types are those of the IPTC.

Signing adds to a file and changes nothing else in it. Each manifest holds random salts, so two
signatures of one file differ: pictures are compared without their manifests (`pictures.png`).
"""

import contextlib
import io
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import c2pa

from ninefold import __version__
from ninefold.errors import NinefoldError
from ninefold.safety.signing_key import SigningKey

MediaType = Literal["image/png", "image/jpeg", "image/webp"]

TRAINED_ALGORITHMIC_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
DRAWING_ASSERTION = "org.ninefold.drawing"
"""Label of the assertion that names the model."""

State = Literal["trusted", "intact", "broken"]

_SETTINGS: dict[str, Any] = {
    # Embedded thumbnails would make the manifest larger than the picture.
    "builder": {"thumbnail": {"enabled": False}},
    # What a stranger's file points to is never fetched.
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
_EXPECTED_FAILURE = "signingCredential.untrusted"
"""Not a fault of the picture: the signer is on no list that was given."""


@dataclass(frozen=True)
class Origin:
    """What a manifest says made the picture."""

    model: str
    model_sha256: str
    prompt: str | None = None
    """Only where whoever asked for the picture wants it to be told."""
    mark: str = ""
    """Name of the invisible mark on the picture; empty for none."""


@dataclass(frozen=True)
class Manifest:
    """What a file's manifest says, and whether that can be believed. Its texts are a stranger's."""

    state: State
    """`trusted`: unchanged, by a signer that is trusted here. `intact`: unchanged since somebody
    signed it. `broken`: the file was changed after signing, or the manifest itself is damaged."""
    problems: tuple[str, ...] = ()
    """Codes of the C2PA specification for what does not hold."""
    signer: str | None = None
    generator: str | None = None
    digital_source_type: str | None = None
    origin: Origin | None = None
    """Where the manifest is of Ninefold's kind."""

    @property
    def is_generated(self) -> bool:
        """Whether the manifest says that a trained algorithm made the picture."""
        return self.digital_source_type == TRAINED_ALGORITHMIC_MEDIA


class Provenance:
    """Signs pictures with one key; may be used by several threads."""

    def __init__(self, key: SigningKey) -> None:
        """Make a signer.

        Raises:
            NinefoldError: the C2PA library does not take the key.
        """
        self._context = c2pa.Context(c2pa.Settings.from_dict(_SETTINGS))
        self._lock = threading.Lock()
        info = c2pa.C2paSignerInfo(key.algorithm.encode(), key.certificates, key.private_key, None)
        with _explained("The signing key is not taken"):
            self._signer = c2pa.Signer.from_info(info)

    def sign(self, data: bytes, media_type: MediaType, origin: Origin) -> bytes:
        """Return the picture file `data` with a manifest in it.

        Raises:
            NinefoldError: it cannot be signed, for example because it is no such file.
        """
        signed = io.BytesIO()
        with self._lock, _explained("The picture cannot be signed"):
            builder = c2pa.Builder(json.dumps(_definition(origin)), context=self._context)
            with builder:
                builder.sign(self._signer, media_type, io.BytesIO(data), signed)
        return signed.getvalue()


def read_manifest(
    data: bytes, media_type: MediaType, trusted_roots: bytes | None = None
) -> Manifest | None:
    """Return what the manifest in a picture file says, or None if there is none. Fetches nothing.

    Args:
        data: any file of that type; it may be hostile.
        media_type: what the file is.
        trusted_roots: certificates in PEM, whose signers are `trusted`.
    """
    settings = dict(_SETTINGS)
    if trusted_roots:
        settings["trust"] = {"trust_anchors": trusted_roots.decode("ascii")}
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=context) as reader:
            return _describe(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return None
    except (c2pa.C2paError, ValueError) as error:
        return Manifest("broken", problems=(type(error).__name__.removeprefix("_C2pa"),))


def _definition(origin: Origin) -> dict[str, Any]:
    drawing = {"model": origin.model, "model_sha256": origin.model_sha256}
    if origin.prompt is not None:
        drawing["prompt"] = origin.prompt
    program: dict[str, Any] = {"name": "ninefold", "version": __version__}
    created: dict[str, Any] = {
        "action": "c2pa.created",
        "digitalSourceType": TRAINED_ALGORITHMIC_MEDIA,
        "softwareAgent": program,
    }
    actions = [created]
    if origin.mark:
        drawing["mark"] = origin.mark
        actions.append({"action": "c2pa.watermarked.unbound", "softwareAgent": program})
    return {
        "claim_generator_info": [program],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": DRAWING_ASSERTION, "data": drawing},
        ],
    }


def _describe(store: Mapping[str, Any]) -> Manifest:
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    codes = [status.get("code", "") for status in store.get("validation_status", ())]
    problems = tuple(dict.fromkeys(code for code in codes if code != _EXPECTED_FAILURE))
    states: dict[str, State] = {"Trusted": "trusted", "Valid": "intact"}
    assertions = {each.get("label"): each.get("data") for each in manifest.get("assertions", ())}
    return Manifest(
        state=states.get(store.get("validation_state", ""), "broken"),
        problems=problems,
        signer=_signer(manifest.get("signature_info", {})),
        generator=_generator(manifest.get("claim_generator_info")),
        digital_source_type=_source_type(assertions),
        origin=_origin(assertions.get(DRAWING_ASSERTION)),
    )


def _signer(info: Mapping[str, Any]) -> str | None:
    names = [info[key] for key in ("common_name", "issuer") if isinstance(info.get(key), str)]
    return ", ".join(names) or None


def _generator(programs: object) -> str | None:
    first = programs[0] if isinstance(programs, list) and programs else {}
    names = [first[key] for key in ("name", "version") if isinstance(first.get(key), str)]
    return " ".join(names) or None


def _source_type(assertions: Mapping[str, Any]) -> str | None:
    for label in ("c2pa.actions.v2", "c2pa.actions"):
        for action in (assertions.get(label) or {}).get("actions", ()):
            kind = action.get("digitalSourceType")
            if action.get("action") == "c2pa.created" and isinstance(kind, str):
                return kind
    return None


def _origin(drawing: object) -> Origin | None:
    if not isinstance(drawing, dict):
        return None
    model, digest, prompt = (drawing.get(key) for key in ("model", "model_sha256", "prompt"))
    if not isinstance(model, str) or not isinstance(digest, str):
        return None
    mark = drawing.get("mark")
    return Origin(
        model,
        digest,
        prompt if isinstance(prompt, str) else None,
        mark if isinstance(mark, str) else "",
    )


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except c2pa.C2paError as error:
        raise NinefoldError(f"{what}: {error}.") from error
