"""Signing with Ed25519 (RFC 8032): key files, public keys and what is signed.

A key file is PEM (PKCS #8), readable by its owner only, and opens with OpenSSL too. What is signed is the canonical
form of a JSON object behind a label, so that a signature on one kind of statement is none on another.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.errors import InputError, MissingExtraError, StoreError
from headwater.store import storage_errors

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_PREFIX = "ed25519:"
_MOST_KEY_FILE = 4096  # bytes; a key file has 119


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Tells whose signature it is."""

    raw: bytes
    """32 bytes."""

    @property
    def text(self) -> str:
        """The key as it is passed on: ``ed25519:`` and 64 hexadecimal digits."""
        return _PREFIX + self.raw.hex()

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of the key's SHA-256 hash, to be read to each other."""
        return hashlib.sha256(self.raw).hexdigest()[:32]

    @classmethod
    def from_text(cls, text: str) -> "PublicKey":
        """Return the key of a text.

        Raises:
            InputError: it is none.
        """
        digits = text.strip().removeprefix(_PREFIX)
        try:
            raw = bytes.fromhex(digits)
        except ValueError:
            raw = b""
        if len(raw) != _KEY_BYTES:
            raise InputError(f"{text[:80]!r} is no public key. One looks like {_PREFIX} and 64 hexadecimal digits.")
        return cls(raw)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Signs; never leaves its owner."""

    public: PublicKey
    """What others check its signatures with."""
    _private: bytes = field(repr=False)

    def sign(self, label: str, value: Mapping[str, Any]) -> bytes:
        """Return the signature of a JSON object: 64 bytes.

        Args:
            label: what kind of statement it is.
            value: the object; see :func:`canonical_json`.
        """
        private = _ed25519().Ed25519PrivateKey.from_private_bytes(self._private)
        return bytes(private.sign(_message(label, canonical_json(value))))


def create_key(path: Path) -> SigningKey:
    """Make a new key, write it to a file that only its owner can read, and return it.

    Raises:
        MissingExtraError: ``cryptography`` is not installed.
        StoreError: there is such a file already, or the disk refuses.
    """
    private = _ed25519().Ed25519PrivateKey.generate()
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # Created with its permissions and never over another file: a lost key cannot be made again.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file, storage_errors(path):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise StoreError(f"{path} exists already and is not replaced. Use it, or name another file.") from error
    except PermissionError as error:
        raise StoreError(f"Cannot write {path}: you may not write there. Choose another folder.") from error
    return _signing_key(private)


def load_key(path: Path) -> SigningKey:
    """Return the key of a file.

    Raises:
        InputError: there is no such file, or no Ed25519 key in it.
        StoreError: others can read the file.
        MissingExtraError: ``cryptography`` is not installed.
    """
    ed25519 = _ed25519()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_KEY_FILE)
    except OSError as error:
        raise InputError(
            f"The key {path} cannot be read: {error.strerror or error}. Make one, or name another."
        ) from error
    if mode & 0o077 and sys.platform != "win32":
        raise StoreError(
            f"Others can read the key {path}. Take their rights away (chmod 600 {path}), or make a new key."
        )
    try:
        private = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} is no private key in PEM without a password: {error}.") from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise InputError(f"{path} holds a key of another kind. Headwater signs with Ed25519.")
    return _signing_key(private)


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """Return the one form of a JSON object that is signed: sorted keys, no spaces, UTF-8.

    For the objects it takes - text, whole numbers, truth values, null, lists, objects with ASCII keys - this is the
    JSON Canonicalization Scheme (RFC 8785). Fractions are refused: their text depends on who writes them.

    Raises:
        TypeError: the object holds something else.
    """
    _refuse_others(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def verified(label: str, data: bytes, signature: bytes, key: PublicKey) -> dict[str, Any]:
    """Return the JSON object of canonical bytes, once its signature is found to be the key's.

    Raises:
        InputError: the signature is not of these bytes, or the bytes are not canonical JSON.
        MissingExtraError: ``cryptography`` is not installed.
    """
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, _message(label, data))
    except (InvalidSignature, ValueError) as error:
        raise InputError(
            f"The signature is not that of key {key.fingerprint} on this {label}: it was changed after it was signed, "
            "or signed by someone else. Ask for it again."
        ) from error
    try:
        value = json.loads(data)
        canonical = isinstance(value, dict) and canonical_json(value) == data
    except (ValueError, TypeError, RecursionError):
        canonical = False
    if not canonical:
        raise InputError(f"The signed {label} is not in canonical form. Ask for it to be exported again.")
    return dict(value)


def _message(label: str, data: bytes) -> bytes:
    return f"headwater {label}\n".encode() + data


def _refuse_others(value: object) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise TypeError(f"{key!r} cannot be a key of a signed object; use ASCII text")
            _refuse_others(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_others(item)
    elif not (value is None or isinstance(value, str | int)):
        raise TypeError(f"{type(value).__name__} cannot be part of a signed object")


def _signing_key(private: Any) -> SigningKey:
    return SigningKey(PublicKey(private.public_key().public_bytes_raw()), private.private_bytes_raw())


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtraError("Signing", "audit") from error
    return ed25519
