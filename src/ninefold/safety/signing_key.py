"""The key that signs pictures: an operator's, or one that is made on first use.

A key is a folder of two PEM files. A self-made one proves that pictures come from whoever has it
and that they were not changed since, but no list of trusted signers knows it. Knows nothing of
pictures.
Certificates follow the C2PA Technical Specification 2.2, section 14.5 (X.509 certificates).
"""

import datetime
import os
import secrets
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ninefold.errors import UserError
from ninefold.home import expand_user, require_home

CERTIFICATES_FILE = "certificates.pem"
"""The certificate of the key first, then those that vouch for it."""

PRIVATE_KEY_FILE = "private-key.pem"

_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_YEARS = 20  # without a time stamp a signature counts only as long as its certificate


@dataclass(frozen=True)
class SigningKey:
    """A key with its certificates, ready to sign."""

    certificates: bytes
    """PEM, the key's own certificate first."""
    private_key: bytes = field(repr=False)
    """PKCS #8 in PEM, without a password."""
    algorithm: str
    """C2PA's name of the signature algorithm, such as "ed25519" or "es256"."""

    @property
    def root(self) -> bytes:
        """The last certificate of the chain, in PEM: what a reader has to trust."""
        last = x509.load_pem_x509_certificates(self.certificates)[-1]
        return last.public_bytes(serialization.Encoding.PEM)


_KEPT = "the key that signs is kept"


def default_key_folder() -> Path:
    """Return where the key of this user lies: under NINEFOLD_HOME, else where settings belong."""
    if home := os.environ.get("NINEFOLD_HOME"):
        return expand_user(home) / "signing"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        settings = Path(local) if local else require_home(_KEPT) / "AppData" / "Local"
        return settings / "ninefold" / "signing"
    if sys.platform == "darwin":
        return require_home(_KEPT) / "Library" / "Application Support" / "ninefold" / "signing"
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else require_home(_KEPT) / ".config") / "ninefold" / "signing"


def load_or_make_key(folder: Path) -> SigningKey:
    """Return the key in `folder`, which is made with a new key in it where it is not there.

    Raises:
        UserError: the folder cannot be read or written, or what is in it is no usable key.
    """
    if not folder.exists():
        _fill(folder)
    return load_key(folder)


def load_key(folder: Path) -> SigningKey:
    """Return the key in `folder`.

    Raises:
        UserError: there is none, others can read it, it does not fit its certificate, or that has
            run out.
    """
    path = folder / PRIVATE_KEY_FILE
    try:
        certificates = (folder / CERTIFICATES_FILE).read_bytes()
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise UserError(f"Others can read the signing key {str(path)!r}; make it 0600.")
        private_key = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(
            f"The signing key in {str(folder)!r} cannot be read ({reason}); it has to hold "
            f"{CERTIFICATES_FILE} and {PRIVATE_KEY_FILE}."
        ) from None
    return read_key(certificates, private_key, str(folder))


def read_key(certificates: bytes, private_key: bytes, source: str) -> SigningKey:
    """Return a key from its PEM texts; `source` is what messages call it.

    Raises:
        UserError: it is not usable.
    """
    try:
        own = x509.load_pem_x509_certificates(certificates)[0]
        key = serialization.load_pem_private_key(private_key, password=None)
    except (ValueError, TypeError):
        raise UserError(
            f"The signing key in {source!r} is not in PEM, or has a password; "
            "give certificates and an unencrypted key in PEM."
        ) from None
    if _public_bytes(key.public_key()) != _public_bytes(own.public_key()):
        raise UserError(
            f"The private key in {source!r} does not belong to the first certificate there."
        )
    now = datetime.datetime.now(datetime.UTC)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        raise UserError(
            f"The signing certificate in {source!r} is valid from "
            f"{own.not_valid_before_utc:%Y-%m-%d} to {own.not_valid_after_utc:%Y-%m-%d}; renew it."
        )
    return SigningKey(certificates, _pem(key), _algorithm(key, source))


def read_roots(path: Path) -> bytes:
    """Return the certificates in a PEM file, as what to trust.

    Raises:
        UserError: it cannot be read, or holds no certificates.
    """
    try:
        text = path.read_bytes()
        found = x509.load_pem_x509_certificates(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"The certificates {str(path)!r} cannot be read: {reason}.") from None
    except ValueError:
        raise UserError(f"{str(path)!r} holds no certificates in PEM.") from None
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in found)


def _fill(folder: Path) -> None:
    """Make a key in a folder beside its place and rename that: whole or not at all."""
    beside = folder.parent / f".{secrets.token_hex(8)}.part"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir(mode=0o700)
        certificates, private_key = _make_key()
        (beside / CERTIFICATES_FILE).write_bytes(certificates)
        path = beside / PRIVATE_KEY_FILE
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(private_key)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(folder)
    except OSError as error:
        if folder.exists():  # another process was quicker; its key is as good
            return
        reason = error.strerror or type(error).__name__
        raise UserError(
            f"A signing key cannot be made in {str(folder)!r}: {reason}; name another folder."
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _make_key() -> tuple[bytes, bytes]:
    """Return certificates and private key of a new signer, whose issuer's key is thrown away."""
    issuer_key, own_key = (ed25519.Ed25519PrivateKey.generate() for _ in range(2))
    label = secrets.token_hex(4)  # tells keys apart without telling who or where
    issuer_name, own_name = _name(f"Self-made root {label}"), _name(f"Self-made key {label}")
    issuer_id = x509.SubjectKeyIdentifier.from_public_key(issuer_key.public_key())
    issuer = (
        _certificate(issuer_name, issuer_name, issuer_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(for_certificates=True), critical=True)
        .add_extension(issuer_id, critical=False)
        .sign(issuer_key, None)
    )
    own = (
        _certificate(own_name, issuer_name, own_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(for_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id),
            critical=False,
        )
        .sign(issuer_key, None)
    )
    chain = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (own, issuer))
    return chain, _pem(own_key)


def _certificate(
    subject: x509.Name, issuer: x509.Name, public_key: ed25519.Ed25519PublicKey
) -> x509.CertificateBuilder:
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * _YEARS))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ninefold"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, for_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=for_certificates,
        crl_sign=for_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _algorithm(key: PrivateKeyTypes, source: str) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    raise UserError(
        f"The signing key in {source!r} is of a kind that C2PA does not know; use Ed25519, "
        "P-256, P-384, P-521, or RSA of 2048 bits or more."
    )


def _pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_bytes(key: object) -> bytes:
    assert hasattr(key, "public_bytes")
    encoded = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return bytes(encoded)
