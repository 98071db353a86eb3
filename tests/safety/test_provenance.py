"""Our manifests hold before the independent reader, and any byte that changes breaks them."""

import io
import json
import threading
from typing import Any

import c2pa
import pytest
from PIL import Image

from ninefold.errors import NinefoldError
from ninefold.pictures.png import Recipe, encode_png, parse_recipe, without_manifest
from ninefold.safety.provenance import (
    TRAINED_ALGORITHMIC_MEDIA,
    MediaType,
    Origin,
    Provenance,
    read_manifest,
)
from ninefold.safety.signing_key import SigningKey, load_or_make_key
from tests.safety.conftest import encoded, sketch

ORIGIN = Origin("pocket", "ab" * 32)
KINDS: list[tuple[str, MediaType]] = [
    ("PNG", "image/png"),
    ("JPEG", "image/jpeg"),
    ("WEBP", "image/webp"),
]
RECIPE = Recipe("a cat", 7, 4, {"top_k": 20}, "pocket", "ab" * 32, "ninefold 0.1.0")


@pytest.fixture(scope="module")
def provenance(key: SigningKey) -> Provenance:
    return Provenance(key)


def independent_report(data: bytes, media_type: MediaType) -> dict[str, Any]:
    """Return what the C2PA project's own reader says, without any code or setting of ours."""
    with c2pa.Reader(media_type, io.BytesIO(data)) as reader:
        report: dict[str, Any] = json.loads(reader.json())
    return report


@pytest.mark.parametrize(("kind", "media_type"), KINDS)
def test_the_independent_reader_finds_what_was_stated(
    provenance: Provenance, kind: str, media_type: MediaType
) -> None:
    signed = provenance.sign(encoded(sketch(1), kind), media_type, ORIGIN)
    report = independent_report(signed, media_type)
    manifest = report["manifests"][report["active_manifest"]]
    assert report["validation_state"] == "Valid"
    assertions = {each["label"]: each["data"] for each in manifest["assertions"]}
    (action,) = assertions["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == TRAINED_ALGORITHMIC_MEDIA
    assert assertions["org.ninefold.drawing"] == {"model": "pocket", "model_sha256": "ab" * 32}
    assert "thumbnail" not in manifest
    assert manifest["claim_generator_info"][0]["name"] == "ninefold"


@pytest.mark.parametrize(("kind", "media_type"), KINDS)
def test_a_changed_byte_is_found(provenance: Provenance, kind: str, media_type: MediaType) -> None:
    original = encoded(sketch(1), kind)
    signed = provenance.sign(original, media_type, ORIGIN)
    tail = original[-64:]  # of the pixels' data, which signing leaves as it is
    at = signed.rindex(tail) + 20
    changed = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
    assert independent_report(changed, media_type)["validation_state"] == "Invalid"
    found = read_manifest(changed, media_type)
    assert found is not None
    assert found.state == "broken"
    assert "assertion.dataHash.mismatch" in found.problems


def test_a_changed_statement_is_found(provenance: Provenance) -> None:
    signed = provenance.sign(encoded(sketch(1), "PNG"), "image/png", ORIGIN)
    changed = signed.replace(b"trainedAlgorithmicMedia", b"trainedAlgorithmicMedja")
    assert changed != signed
    found = read_manifest(changed, "image/png")
    assert found is not None
    assert found.state == "broken"


@pytest.mark.parametrize(("kind", "media_type"), KINDS)
def test_a_manifest_is_small(provenance: Provenance, kind: str, media_type: MediaType) -> None:
    original = encoded(sketch(1), kind)
    origin = Origin("pocket", "ab" * 32, "a cat " * 80, mark="1")
    assert len(provenance.sign(original, media_type, origin)) - len(original) <= 5 * 1024


def test_the_prompt_is_told_only_where_it_is_wanted(provenance: Provenance) -> None:
    data = encoded(sketch(1), "PNG")
    silent = provenance.sign(data, "image/png", ORIGIN)
    telling = provenance.sign(data, "image/png", Origin("pocket", "ab" * 32, "a secret cat"))
    assert b"secret" not in silent
    found = read_manifest(telling, "image/png")
    assert found is not None
    assert found.origin == Origin("pocket", "ab" * 32, "a secret cat")


def test_a_mark_is_told(provenance: Provenance) -> None:
    origin = Origin("pocket", "ab" * 32, mark="1")
    signed = provenance.sign(encoded(sketch(1), "PNG"), "image/png", origin)
    report = independent_report(signed, "image/png")
    manifest = report["manifests"][report["active_manifest"]]
    actions = manifest["assertions"][0]["data"]["actions"]
    assert [each["action"] for each in actions] == ["c2pa.created", "c2pa.watermarked.unbound"]
    found = read_manifest(signed, "image/png")
    assert found is not None
    assert found.origin == origin


def test_signing_changes_nothing_else_in_a_png(provenance: Provenance) -> None:
    data = encode_png(sketch(1), RECIPE)
    first, second = (provenance.sign(data, "image/png", ORIGIN) for _ in range(2))
    assert first != second  # each manifest has its own salts
    assert without_manifest(first) == without_manifest(second) == data
    assert parse_recipe(first, "it") == RECIPE


def test_only_whose_signer_is_trusted_here_is_trusted(
    provenance: Provenance, key: SigningKey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    signed = provenance.sign(encoded(sketch(1), "PNG"), "image/png", ORIGIN)
    other = load_or_make_key(tmp_path_factory.mktemp("other") / "signing")
    states = [
        found.state
        for roots in (key.root, other.root, None)
        if (found := read_manifest(signed, "image/png", roots)) is not None
    ]
    assert states == ["trusted", "intact", "intact"]


def test_a_picture_without_a_manifest_has_none(provenance: Provenance) -> None:
    assert read_manifest(encoded(sketch(1), "PNG"), "image/png") is None
    signed = provenance.sign(encoded(sketch(1), "PNG"), "image/png", ORIGIN)
    again = encoded(Image.open(io.BytesIO(signed)), "PNG")
    assert read_manifest(again, "image/png") is None


def test_what_is_no_picture_cannot_be_signed(provenance: Provenance) -> None:
    with pytest.raises(NinefoldError, match="cannot be signed"):
        provenance.sign(b"nonsense", "image/png", ORIGIN)


def test_a_file_that_breaks_off_is_broken_or_has_none(provenance: Provenance) -> None:
    signed = provenance.sign(encoded(sketch(1), "PNG"), "image/png", ORIGIN)
    for length in (9, 200, 1000, 3000, len(signed) - 3):
        found = read_manifest(signed[:length], "image/png")
        assert found is None or found.state == "broken"


def test_several_threads_may_sign(provenance: Provenance) -> None:
    data = encoded(sketch(1, side=64), "PNG")
    signed: list[bytes] = []

    def sign() -> None:
        signed.extend(provenance.sign(data, "image/png", ORIGIN) for _ in range(5))

    threads = [threading.Thread(target=sign) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = {found.state for each in signed if (found := read_manifest(each, "image/png"))}
    assert (len(signed), states) == (20, {"intact"})
