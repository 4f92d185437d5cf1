"""Writer: a signed C2PA credential inside a text, which says by what it was made.

The store is made and signed by c2pa-python; it is bound to the text by a hash that leaves out the place of the mark, as
section A.7 of the specification (version 2.3) wants it, so any validator of texts can check it.
"""

import hashlib
import io
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from headwater.errors import InputError, MissingExtraError
from headwater.origin.marks.c2pa_text import find_marks, padded_size, write_selectors

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the certificates that vouch for it."""

    certificates: bytes
    """The signer's certificate, then those that issued it (PEM), without the root."""
    key: bytes = field(repr=False)
    """The private key (PEM, PKCS 8)."""
    algorithm: str = "es256"
    """``es256``, ``es384``, ``es512``, ``ps256``, ``ps384``, ``ps512`` or ``ed25519``."""


def sign_text(
    text: str, key: SigningKey, *, program: str, model: str = "", source_type: str = "trainedAlgorithmicMedia"
) -> str:
    """Return the text in NFC with a signed mark at its end.

    Args:
        text: a text without a mark.
        key: who signs.
        program: name of the program that makes the claim, such as ``Headwater``.
        model: name of what wrote the text; empty where a person did.
        source_type: term of the IPTC vocabulary of digital source types.

    Raises:
        MissingExtraError: c2pa-python is not installed.
        InputError: the text is empty or has a mark already, or the key cannot be used.
    """
    try:
        import c2pa
    except ImportError as error:
        raise MissingExtraError("Signing texts", "audit") from error
    text = unicodedata.normalize("NFC", text)
    content = text.encode("utf-8", "surrogatepass")
    if not text or any(mark.form == "selectors" for mark in find_marks(text)):
        state = "has a C2PA mark already; a text can have one" if text else "is empty"
        raise InputError(f"The text cannot be signed: it {state}. Sign a text without a mark.")
    action: dict[str, Any] = {"action": "c2pa.created", "digitalSourceType": _SOURCE_TYPES + source_type}
    if model:
        action["softwareAgent"] = {"name": model}
    settings = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}

    def store_for(length: int) -> bytes:
        binding = {
            "exclusions": [{"start": len(content), "length": length}],
            "name": "jumbf manifest",
            "alg": "sha256",
            "hash": list(hashlib.sha256(content).digest()),
            "pad": [],
        }
        definition = {
            "claim_generator_info": [{"name": program}],
            "format": "text/plain",
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
                {"label": "c2pa.hash.data", "data": binding},
            ],
        }
        info = c2pa.C2paSignerInfo(key.algorithm.encode(), key.certificates, key.key, None)
        with (
            c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(definition, context) as builder,
        ):
            builder.set_no_embed()
            return bytes(builder.sign(signer, "text/plain", io.BytesIO(content), io.BytesIO()))

    # The length stands in the store whose size it depends on; it only grows when its own number gets longer.
    length = 0
    try:
        for _ in range(4):
            store = store_for(length)
            if padded_size(len(store)) == length:
                return write_selectors(text, store, padded=True)
            length = padded_size(len(store))
    except c2pa.C2paError as error:
        raise InputError(
            f"The text cannot be signed ({str(error)[:160]}). The key must be PEM (PKCS 8), fit the algorithm "
            f"{key.algorithm!r}, and its certificate must allow digital signatures."
        ) from error
    raise InputError("The text cannot be signed: the size of its mark does not settle.")
