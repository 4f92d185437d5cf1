"""A certificate authority, a signer and signed things, made afresh; imports its parts only when asked."""

import datetime as dt
import functools
import io
from typing import Any

import pyarrow as pa

from headwater.schema import documents

MACHINE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def batch(texts: list[str], **columns: Any) -> pa.RecordBatch:
    """Return texts as one batch of documents."""
    return documents(texts, **columns).combine_chunks().to_batches()[0]


@functools.cache
def signer() -> tuple[bytes, bytes, str]:
    """Return (certificate chain, private key, root certificate), all PEM, of a signer called Example press."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    begin = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    end = begin + dt.timedelta(days=36500)

    def certificate(name: str, key: Any, issuer: str, issuer_key: Any, *, authority: bool) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name(
                [x509.NameAttribute(oid, text) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)]
            )

        usage = x509.KeyUsage(
            digital_signature=not authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=authority,
            crl_sign=authority,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if not authority:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        return builder.sign(issuer_key, hashes.SHA256())

    root_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("Example root", root_key, "Example root", root_key, authority=True)
    leaf = certificate("Example press", leaf_key, "Example root", root_key, authority=False)
    pem = serialization.Encoding.PEM
    key = leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return leaf.public_bytes(pem) + root.public_bytes(pem), key, root.public_bytes(pem).decode()


def signed(
    content: bytes, media_type: str, source_type: str, *, embed: bool = True, **action: Any
) -> tuple[bytes, bytes]:
    """Return (content with its credential, manifest store), signed by Example press with c2pa-python."""
    import c2pa

    chain, key, _ = signer()
    definition = {
        "claim_generator_info": [{"name": "Example writer"}],
        "format": media_type,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": source_type, **action}]},
            },
            {
                "label": "cawg.training-mining",
                "data": {"entries": {"cawg.ai_generative_training": {"use": "notAllowed"}}},
            },
        ],
    }
    settings = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
    with (
        c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
        c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain, key, None)) as by,
        c2pa.Builder(definition, context) as builder,
    ):
        if not embed:
            builder.set_no_embed()
        out = io.BytesIO()
        store = builder.sign(by, media_type, io.BytesIO(content), out)
        return out.getvalue(), bytes(store)


def box(kind: bytes, payload: bytes) -> bytes:
    """Return an ISO base media box: length, type, payload."""
    return (8 + len(payload)).to_bytes(4, "big") + kind + payload


def superbox(kind: bytes, label: str, *inside: bytes) -> bytes:
    """Return a JUMBF superbox with a description box (type, toggles 3, label) and contents (ISO 19566-5, A.3)."""
    description = kind + bytes.fromhex("00110010800000aa00389b71") + b"\x03" + label.encode() + b"\0"
    return box(b"jumb", box(b"jumd", description) + b"".join(inside))


def cbor(value: Any) -> bytes:
    """Return text, bytes, whole numbers, lists and maps as CBOR (RFC 8949, section 3)."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(cbor(one) for one in value)
    return _head(5, len(value)) + b"".join(cbor(one) for pair in value.items() for one in pair)


def _head(major: int, number: int) -> bytes:
    for short, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 24:
            return bytes([major << 5 | number])
        if number < 1 << 8 * width:
            return bytes([major << 5 | short]) + number.to_bytes(width, "big")
    raise ValueError(number)


def manifest(
    label: str, *source_types: str, generator: str = "Example writer", uses: dict[str, str] | None = None
) -> bytes:
    """Return an unsigned manifest that states one action per source type."""
    actions = [
        {"action": "c2pa.created" if first else "c2pa.edited", "digitalSourceType": one}
        for first, one in zip([True] + [False] * len(source_types), source_types, strict=False)
    ]
    entries = {f"c2pa.{use}": {"use": answer} for use, answer in (uses or {}).items()}
    assertions = superbox(
        b"c2as",
        "c2pa.assertions",
        superbox(b"cbor", "c2pa.actions.v2", box(b"cbor", cbor({"actions": actions}))),
        superbox(b"cbor", "c2pa.training-mining", box(b"cbor", cbor({"entries": entries}))),
    )
    claim = superbox(b"c2cl", "c2pa.claim.v2", box(b"cbor", cbor({"claim_generator_info": {"name": generator}})))
    return superbox(b"c2ma", label, assertions, claim)


def store(*manifests: bytes) -> bytes:
    """Return a manifest store of manifests."""
    return superbox(b"c2pa", "c2pa", *manifests)
