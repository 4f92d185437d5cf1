"""Evidence of files: content credentials in documents, images, audio and video, read and checked by c2pa-python.

Plain text, HTML and Markdown are not among the formats it knows; their marks are read from the text itself by
:mod:`headwater.origin.marks.c2pa_text`.
"""

import json
from pathlib import Path

from headwater.errors import InputError, MissingExtraError
from headwater.origin.evidence import Evidence, Status
from headwater.origin.marks.credential import describe, judge, origin_of, read_report, trust
from headwater.schema import EvidenceKind, Origin

# Description box of a manifest store: type "c2pa" with the fixed suffix of JUMBF types, toggles, label.
_STORE = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_CHUNK = 1 << 20


def read_file_credentials(path: Path, *, trust_anchors: str = "") -> list[Evidence]:
    """Return the evidence in the content credential of a file: none, or one piece of kind ``content_credential``.

    Args:
        path: a file; formats c2pa-python does not know have no credential.
        trust_anchors: certificates (PEM) of those whose signatures are trusted. Without them none is ``verified``.

    Raises:
        MissingExtraError: c2pa-python is not installed.
        InputError: there is no such file, or the trust anchors are no certificates.
    """
    try:
        import c2pa
    except ImportError as error:
        raise MissingExtraError("Reading the content credentials of files", "audit") from error
    if not path.is_file():
        raise InputError(f"There is no file {path}. Name an existing file.")
    try:
        with c2pa.Reader(path, context=trust(trust_anchors)) as reader:
            report = json.loads(reader.json())
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return []
    except (c2pa.C2paError, ValueError) as error:
        if not _holds_store(path):
            return []  # damaged, or no file of its kind; but there is nothing in it that looks like a credential
        return [
            Evidence(
                EvidenceKind.CONTENT_CREDENTIAL,
                Origin.UNKNOWN,
                f"a C2PA credential that cannot be read: {str(error)[:200]}",
                Status.DAMAGED,
            )
        ]
    manifests = read_report(report)
    checked = judge(report)
    return [
        Evidence(
            EvidenceKind.CONTENT_CREDENTIAL,
            origin_of(manifests),
            f"C2PA credential of the file: {describe(manifests)}; {checked.words}",
            checked.status,
        )
    ]


def _holds_store(path: Path) -> bool:
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if _STORE in tail + chunk:
                return True
            tail = chunk[-len(_STORE) :]
    return False
