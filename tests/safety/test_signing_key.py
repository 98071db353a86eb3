"""A key is made once, whole and private; one that cannot be used is refused in a sentence."""

import datetime
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from ninefold.errors import UserError
from ninefold.safety.signing_key import (
    CERTIFICATES_FILE,
    PRIVATE_KEY_FILE,
    SigningKey,
    default_key_folder,
    load_key,
    load_or_make_key,
    read_key,
    read_roots,
)


def pem_pair(key: CertificateIssuerPrivateKeyTypes, days: int = 30) -> tuple[bytes, bytes]:
    """Return an operator's certificate and key in PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Museum")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def test_the_first_use_makes_a_key_and_later_ones_find_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "signing"
    made = load_or_make_key(folder)
    assert load_or_make_key(folder) == made
    assert made.algorithm == "ed25519"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["signing"]


def test_only_its_owner_can_read_the_private_key(tmp_path: Path) -> None:
    load_or_make_key(tmp_path / "signing")
    path = tmp_path / "signing" / PRIVATE_KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(UserError, match="Others can read"):
        load_key(tmp_path / "signing")


def test_a_key_says_nothing_of_who_and_where(key: SigningKey) -> None:
    own, root = x509.load_pem_x509_certificates(key.certificates)
    names = own.subject.rfc4514_string() + root.subject.rfc4514_string()
    assert os.uname().nodename not in names
    assert "Self-made key" in names
    assert b"PRIVATE" not in repr(key).encode()


def test_two_keys_are_not_alike(tmp_path: Path, key: SigningKey) -> None:
    assert load_or_make_key(tmp_path / "signing").private_key != key.private_key


@pytest.mark.parametrize(
    ("curve", "algorithm"), [(ec.SECP256R1(), "es256"), (ec.SECP384R1(), "es384")]
)
def test_an_operators_key_is_taken(curve: ec.EllipticCurve, algorithm: str) -> None:
    certificate, private = pem_pair(ec.generate_private_key(curve))
    key = read_key(certificate, private, "the key")
    assert key.algorithm == algorithm
    assert b"BEGIN PRIVATE KEY" in key.private_key


def test_an_rsa_key_has_to_be_long_enough() -> None:
    long, short = (pem_pair(rsa.generate_private_key(65537, bits)) for bits in (2048, 1024))
    assert read_key(*long, "the key").algorithm == "ps256"
    with pytest.raises(UserError, match="RSA of 2048 bits"):
        read_key(*short, "the key")


def test_a_key_that_cannot_sign_is_refused(tmp_path: Path, key: SigningKey) -> None:
    certificate, private = pem_pair(ec.generate_private_key(ec.SECP256R1()), days=-1)
    with pytest.raises(UserError, match="renew it"):
        read_key(certificate, private, "the key")
    with pytest.raises(UserError, match="does not belong"):
        read_key(key.certificates, private, "the key")
    with pytest.raises(UserError, match="not in PEM"):
        read_key(b"nonsense", private, "the key")
    with pytest.raises(UserError, match="of a kind that C2PA"):
        read_key(*pem_pair(ec.generate_private_key(ec.SECP256K1())), "the key")
    with pytest.raises(UserError, match=f"{CERTIFICATES_FILE} and {PRIVATE_KEY_FILE}"):
        load_key(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made in"):
        load_or_make_key(tmp_path / "file" / "signing")


def test_the_key_lies_where_settings_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NINEFOLD_HOME", "/there")
    assert default_key_folder() == Path("/there/signing")
    monkeypatch.delenv("NINEFOLD_HOME")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/settings")
    assert default_key_folder() == Path("/settings/ninefold/signing")
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_key_folder().parts[-4:-2] == ("Library", "Application Support")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert default_key_folder() == Path("/local/ninefold/signing")


def test_trusted_certificates_are_read_from_a_file(tmp_path: Path, key: SigningKey) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(key.root)
    assert read_roots(path) == key.root
    path.write_text("nonsense")
    with pytest.raises(UserError, match="holds no certificates"):
        read_roots(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_roots(tmp_path / "none.pem")
