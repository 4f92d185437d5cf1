"""What a C2PA manifest store says, and whether its signature holds: shared by the readers of texts and of files.

The statements are read from the boxes themselves, so a store can be reported where it cannot be checked. Checking is
c2pa-python's: signature, hashes of the assertions, hash of the content and, with trust anchors, who signed. Anybody can
sign; a signature that nothing on the trust list vouches for shows that the content is unchanged since it was signed,
not by whom, so such a credential stays unverified (C2PA Technical Specification 2.4, section 14: a manifest is *valid*
or, beyond that, *trusted*).
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from headwater.errors import InputError
from headwater.origin.evidence import Status
from headwater.origin.marks.jumbf import MOST_UNPACKED, Box, DamagedBox, read_cbor, read_superbox, unpacked
from headwater.origin.marks.page import json_nodes, metadata
from headwater.origin.marks.source_type import declared_types, origin_of_term
from headwater.schema import Origin

_LONGEST_NAME = 80
_MOST_LISTED = 6
_MISMATCH = "assertion.dataHash.mismatch"
_UNTRUSTED = "signingCredential.untrusted"
_COMPRESSED = b"c2cm"  # a manifest in a box of its own kind, packed with Brotli


@dataclass(frozen=True, slots=True)
class ContentHash:
    """The hash that binds a manifest to its content (``c2pa.hash.data``, section 18.5)."""

    algorithm: str
    """Such as ``sha256``."""
    digest: bytes
    """The hash of the content without the excluded bytes."""
    exclusions: tuple[tuple[int, int], ...]
    """(start, length) in bytes of what is left out: the place of the manifest in the content."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one manifest of a store states. Nothing in it is proof."""

    label: str
    """Its name in the store."""
    generators: tuple[str, ...]
    """Programs that made the claim, agents of its actions and models it discloses, by their stated names."""
    actions: tuple[tuple[str, str], ...]
    """What was done: (action such as ``c2pa.created``, digital source type or empty)."""
    source_types: tuple[str, ...]
    """Digital source types stated in its metadata, outside its actions."""
    uses: Mapping[str, str]
    """Use, such as ``ai_training``, to ``allowed``, ``notAllowed`` or ``constrained``."""
    content_hash: ContentHash | None
    """What binds it to its content, where that is a hash over the bytes; not known from a report."""


@dataclass(frozen=True, slots=True)
class Check:
    """What checking a store against its content gave."""

    status: Status
    """``verified``: intact, and signed by somebody on the trust list. ``read``: intact, signer unknown; or not checked.
    ``invalid``: the signature or a hash does not hold."""
    words: str
    """The same in words, with the signer's name."""


def read_store(store: bytes) -> tuple[Manifest, ...]:
    """Return the manifests of a store, the active one last.

    Raises:
        DamagedBox: it is no manifest store, or it is cut off.
    """
    outer = read_superbox(store)
    if outer.label != "c2pa":
        raise DamagedBox(f"the outermost box is labelled {outer.label[:40]!r}, not 'c2pa'")
    if not outer.children:
        raise DamagedBox("the store holds no manifest")
    left = MOST_UNPACKED
    manifests = []
    for one in outer.children:
        box = one
        if one.kind == _COMPRESSED:
            packed = one.content(b"brob")
            if packed is None:
                raise DamagedBox(f"the compressed manifest {one.label[:40]!r} holds nothing")
            data = unpacked(packed, left)
            left -= len(data)
            box = read_superbox(data)
        manifests.append(_manifest_of_box(box))
    return tuple(manifests)


def read_report(report: Mapping[str, Any]) -> tuple[Manifest, ...]:
    """Return the manifests of a report of c2pa-python (``Reader.json()``), the active one last."""
    manifests = report.get("manifests")
    if not isinstance(manifests, dict):
        return ()
    active = report.get("active_manifest")
    order = sorted(manifests, key=lambda label: label == active)
    return tuple(_manifest_of_report(label, manifests[label]) for label in order if isinstance(manifests[label], dict))


def origin_of(manifests: Iterable[Manifest]) -> Origin:
    """Return the origin the manifests state together: mixed where one states mixed or two differ.

    Earlier manifests of a store belong to what the content was made from, so what they state counts as well.
    """
    stated = {
        origin
        for manifest in manifests
        for value in (*(source for _, source in manifest.actions), *manifest.source_types)
        if (origin := origin_of_term(value)) != Origin.UNKNOWN
    }
    if not stated:
        return Origin.UNKNOWN
    return stated.pop() if len(stated) == 1 else Origin.MIXED


def describe(manifests: tuple[Manifest, ...]) -> str:
    """Return what the manifests state, in words."""
    generators = _first_few(name for manifest in manifests for name in manifest.generators)
    done = _first_few(
        f"{action} as {_last(source)}" if source else action
        for manifest in manifests
        for action, source in manifest.actions
    )
    types = _first_few(_last(value) for manifest in manifests for value in manifest.source_types)
    parts = [
        f"made with {generators}" if generators else "",
        f"states {done}" if done else "states no action",
        f"declares {types}" if types else "",
    ]
    return ", ".join(part for part in parts if part)


def check(store: bytes, content: bytes, content_holds: bool, trust_anchors: str = "") -> Check:
    """Check the store of a text with c2pa-python, where that is installed.

    Args:
        store: the manifest store.
        content: the text with its mark, UTF-8.
        content_holds: whether the text has the hash the active manifest states, its mark left out. c2pa-python knows no
            text formats and takes the store for a separate file, which must not exclude any bytes; so the caller
            compares the content, and signature, assertions and signer are checked here.
        trust_anchors: certificates (PEM) of those whose signatures are trusted, or empty.

    Raises:
        InputError: the trust anchors are no certificates.
    """
    try:
        import c2pa
    except ImportError:
        return Check(Status.READ, "its signature was not checked: c2pa-python is not installed (extra audit)")
    try:
        with c2pa.Reader("text/plain", io.BytesIO(content), store, context=trust(trust_anchors)) as reader:
            return judge(json.loads(reader.json()), content_holds=content_holds)
    except (c2pa.C2paError, ValueError) as error:
        return Check(Status.READ, f"its signature could not be checked: {str(error)[:160]}")


@lru_cache(maxsize=4)
def trust(trust_anchors: str) -> Any:
    """Return the settings (a ``c2pa.Context``) of a check: nothing is fetched from the network.

    Raises:
        InputError: the trust anchors are no certificates.
    """
    import c2pa
    from cryptography import x509

    settings: dict[str, Any] = {"verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}}
    if trust_anchors:
        settings["trust"] = {"trust_anchors": trust_anchors}
    try:
        if trust_anchors:
            x509.load_pem_x509_certificates(trust_anchors.encode())  # c2pa-python passes over what it cannot read
        return c2pa.Context(c2pa.Settings.from_dict(settings))
    except (c2pa.C2paError, ValueError) as error:
        raise InputError(
            f"The trust anchors cannot be used ({str(error)[:160]}). They must be certificates in PEM form: "
            "lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
        ) from error


def judge(report: Mapping[str, Any], *, content_holds: bool | None = None) -> Check:
    """Return what a report of c2pa-python says about the active manifest.

    Args:
        report: what ``Reader.json()`` gives.
        content_holds: whether the content has the hash stated, where the caller has compared it; None leaves that to
            the report.
    """
    active = report.get("manifests", {}).get(report.get("active_manifest"), {})
    signature = active.get("signature_info") or {}
    signer = " / ".join(str(signature[key])[:_LONGEST_NAME] for key in ("issuer", "common_name") if signature.get(key))
    by = f"signed by {signer}" if signer else "signed by nobody named"
    results = (report.get("validation_results") or {}).get("activeManifest") or {}
    faults = {str(one.get("code")) for one in results.get("failure", [])}
    held = {str(one.get("code")) for one in results.get("success", [])}
    if content_holds is not None:
        faults = faults - {_MISMATCH} if content_holds else faults | {_MISMATCH}
    if "claimSignature.validated" not in held:
        faults.add("claimSignature.mismatch")
    if faults - {_UNTRUSTED}:
        return Check(Status.INVALID, f"the check failed ({', '.join(sorted(faults))[:200]}), {by}")
    if "signingCredential.trusted" in held and not faults:
        return Check(Status.VERIFIED, f"signature and content hold, {by}, whose certificate is trusted")
    return Check(Status.READ, f"signature and content hold, {by}, for whom no trust anchor vouches")


def _manifest_of_box(box: Box) -> Manifest:
    store = box.find("c2pa.assertions")
    assertions = [(child.label, _value(child)) for child in store.children] if store else []
    claim = next((child for child in box.children if child.label.startswith("c2pa.claim")), None)
    stated = _value(claim) if claim else None
    return _manifest(box.label, stated if isinstance(stated, dict) else {}, assertions)


def _manifest_of_report(label: str, manifest: Mapping[str, Any]) -> Manifest:
    found = manifest.get("assertions")
    assertions = [
        (str(one.get("label")), one.get("data"))
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]
    return _manifest(label, manifest, assertions)


def _manifest(label: str, claim: Mapping[str, Any], assertions: Iterable[tuple[str, Any]]) -> Manifest:
    generators = list(_names(claim.get("claim_generator_info") or claim.get("claim_generator")))
    actions: list[tuple[str, str]] = []
    types: list[str] = []
    uses: dict[str, str] = {}
    content_hash = None
    for name, value in assertions:
        kind = name.partition("__")[0]  # a second assertion of a kind is labelled "kind__1"
        if kind in {"c2pa.actions", "c2pa.actions.v2"}:
            for action in _dicts(value.get("actions") if isinstance(value, dict) else None):
                actions.append((str(action.get("action"))[:_LONGEST_NAME], _text(action.get("digitalSourceType"))))
                generators.extend(_names(action.get("softwareAgent")))
        elif kind.endswith(".training-mining") and isinstance(value, dict):
            entries = value.get("entries")
            for use, entry in (entries if isinstance(entries, dict) else {}).items():
                if isinstance(entry, dict):
                    uses[str(use).rpartition(".")[2][:_LONGEST_NAME]] = _text(entry.get("use"))
        elif name == "c2pa.hash.data" and isinstance(value, dict):
            content_hash = _content_hash(value, _text(claim.get("alg")))
        elif kind == "c2pa.ai-disclosure" and isinstance(value, dict):
            generators.extend(_names(value.get("modelName")))
        elif kind.startswith(("c2pa.metadata", "stds.", "cawg.metadata")):
            types.extend(_text(one) for node in json_nodes(value) for one in declared_types(node))
    return Manifest(label, tuple(dict.fromkeys(generators)), tuple(actions), tuple(types), uses, content_hash)


def _content_hash(value: Mapping[Any, Any], algorithm: str) -> ContentHash | None:
    digest = value.get("hash")
    exclusions = [(one.get("start"), one.get("length")) for one in _dicts(value.get("exclusions"))]
    whole = [(a, b) for a, b in exclusions if isinstance(a, int) and isinstance(b, int) and a >= 0 and b >= 0]
    if not isinstance(digest, bytes) or len(whole) < len(exclusions):
        return None
    return ContentHash(_text(value.get("alg")) or algorithm or "sha256", digest, tuple(whole))


def _value(box: Box) -> Any:
    """Return what an assertion or claim box holds, or None where it is of another form or damaged."""
    cbor = box.content(b"cbor")
    if cbor is not None:
        try:
            return read_cbor(cbor)
        except DamagedBox:
            return None
    text = box.content(b"json")
    return None if text is None else metadata(text.decode("utf-8", "replace"))


def _dicts(value: Any) -> Iterator[dict[Any, Any]]:
    return (one for one in (value if isinstance(value, list) else []) if isinstance(one, dict))


def _names(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        name = one.get("name") if isinstance(one, dict) else one
        if isinstance(name, str) and name.strip():
            yield name.strip()[:_LONGEST_NAME]


def _last(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2][:_LONGEST_NAME]


def _text(value: Any) -> str:
    return value[:300] if isinstance(value, str) else ""


def _first_few(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(name for name in names if name))
    more = f" and {len(distinct) - _MOST_LISTED} more" if len(distinct) > _MOST_LISTED else ""
    return ", ".join(distinct[:_MOST_LISTED]) + more
