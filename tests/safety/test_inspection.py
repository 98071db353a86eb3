"""An inspection tells what a file says, and where it contradicts itself."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from ninefold.errors import UserError
from ninefold.pictures.png import Recipe, encode_png
from ninefold.safety.fingerprint import fingerprint
from ninefold.safety.inspection import inspect_picture
from ninefold.safety.mark import put_mark
from ninefold.safety.provenance import Origin, Provenance
from ninefold.safety.signing_key import SigningKey
from tests.safety.conftest import encoded, sketch

RECIPE = Recipe("a cat", 7, 4, {"top_k": 20}, "pocket", "ab" * 32, "ninefold 0.1.0")


@pytest.fixture(scope="module")
def provenance(key: SigningKey) -> Provenance:
    return Provenance(key)


def test_a_signed_and_marked_drawing_tells_all(provenance: Provenance, key: SigningKey) -> None:
    picture = put_mark(sketch(1))
    recipe = dataclasses.replace(RECIPE, mark="1")
    origin = Origin("pocket", "ab" * 32, mark="1")
    data = provenance.sign(encode_png(picture, recipe), "image/png", origin)
    found = inspect_picture(data, "it", key.root)
    assert found.recipe == recipe
    assert found.manifest is not None
    assert (found.manifest.state, found.manifest.is_generated) == ("trusted", True)
    assert found.is_marked
    assert found.fingerprint == fingerprint(picture)
    assert not found.is_tampered_with
    document = json.loads(json.dumps(found.document()))
    assert document["content_credentials"]["origin"]["model"] == "pocket"
    assert document["recipe"]["settings"] == {"top_k": 20}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_stranger_tells_little(kind: str) -> None:
    found = inspect_picture(encoded(sketch(1), kind), "it")
    assert found.size == (256, 256)
    assert (found.recipe, found.manifest, found.is_marked) == (None, None, False)
    assert found.recipe_problem is not None
    assert not found.is_tampered_with


def test_pixels_that_were_changed_after_signing_show(provenance: Provenance) -> None:
    signed = provenance.sign(
        encode_png(sketch(1), RECIPE), "image/png", Origin("pocket", "ab" * 32)
    )
    begin = signed.index(b"caBX") - 4
    length = int.from_bytes(signed[begin : begin + 4], "big") + 12
    manifest = signed[begin : begin + length]
    other = encode_png(sketch(2), RECIPE)  # a whole picture with the manifest of another
    forged = other[:33] + manifest + other[33:]
    found = inspect_picture(forged, "it")
    assert found.manifest is not None
    assert found.manifest.state == "broken"
    assert found.is_tampered_with


def test_a_recipe_that_the_manifest_denies_is_a_contradiction(provenance: Provenance) -> None:
    data = encode_png(sketch(1), RECIPE)
    found = inspect_picture(provenance.sign(data, "image/png", Origin("mini", "cd" * 32)), "it")
    assert found.is_tampered_with
    assert "different models" in found.contradictions[0]


def test_what_is_no_picture_is_the_users_mistake() -> None:
    for data in (b"", b"nonsense", b"RIFF1234WAVE", b"GIF89a"):
        with pytest.raises(UserError, match="'it' is not a PNG, JPEG or WebP"):
            inspect_picture(data, "it")


def test_a_picture_that_breaks_off_still_tells_what_it_can() -> None:
    found = inspect_picture(encode_png(sketch(1), RECIPE)[:9000], "it")
    assert found.fingerprint is None
    assert not found.is_marked
    assert found.recipe_problem is not None
    assert "damaged" in found.recipe_problem


def test_a_picture_that_no_program_shows_still_tells_that_it_was_changed(
    provenance: Provenance,
) -> None:
    data = provenance.sign(encode_png(sketch(1), RECIPE), "image/png", Origin("pocket", "ab" * 32))
    found = inspect_picture(data.replace(b"a cat", b"a dog"), "it")  # its checksum does not fit
    assert (found.size, found.fingerprint) == (None, None)
    assert found.is_tampered_with


def test_a_picture_too_large_to_unpack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ninefold.safety.inspection.MAX_PIXELS", 100)
    with pytest.raises(UserError, match="more than 100 pixels"):
        inspect_picture(encoded(sketch(1), "PNG"), "it")


def test_sixteen_bit_grey_has_the_fingerprint_of_its_picture() -> None:
    grey = sketch(1).convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    found, shallow = (inspect_picture(encoded(each, "PNG"), "it") for each in (deep, grey))
    assert found.fingerprint == shallow.fingerprint
    assert found.fingerprint is not None
