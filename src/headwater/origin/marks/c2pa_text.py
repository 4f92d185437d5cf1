r"""Evidence reader and writer: C2PA manifests inside texts.

Four forms (C2PA Technical Specification 2.3, section A.7; 2.4, sections A.7 to A.9):

- *selectors*: U+FEFF, then one variation selector per byte (byte b < 16 is U+FE00 + b, any other U+E0100 + b - 16) of
  ``C2PATXT\0``, version 1, the length as four bytes (big-endian) and the manifest store. Invisible, survives copying;
  it ends with its stated length, what follows in the same run is padding or somebody's own selectors;
- *block*: ``-----BEGIN C2PA MANIFEST-----``, an address or a ``data:application/c2pa;base64,`` address,
  ``-----END C2PA MANIFEST-----``, in a comment or front matter;
- *script* and *link* in HTML: ``<script type="application/c2pa">`` with the store in base64, and
  ``<link rel="c2pa-manifest" href=...>``.

A store's manifests may be compressed (``c2cm``). Cleaners that remove invisible characters or comments destroy all of
them: read first, normalise later. A form allows one mark in a text; a second one, a cut or altered one is evidence with
status ``damaged``, and addresses are reported, never fetched.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from headwater.origin.evidence import Evidence, Status
from headwater.origin.marks.credential import ContentHash, Manifest, check, describe, origin_of, read_store
from headwater.origin.marks.jumbf import DamagedBox
from headwater.origin.marks.page import attributes, candidates, scripts, tags
from headwater.schema import EvidenceKind, Origin

MAGIC = b"C2PATXT\0"
VERSION = 1
BEGIN = "-----BEGIN C2PA MANIFEST-----"
END = "-----END C2PA MANIFEST-----"
DATA_ADDRESS = "data:application/c2pa;base64,"
MOST_MARKS = 50
"""Marks reported of one document."""

_HEADER = len(MAGIC) + 1 + 4
_MARKER = "\ufeff"
_SELECTOR_OF = {byte: 0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16 for byte in range(256)}
_BYTE_OF = {selector: byte for byte, selector in _SELECTOR_OF.items()}
_RUN = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]*+")
# The NUL is the only byte of the magic below 16: a cleaner that removes U+FE00 to U+FE0F leaves these seven.
_MAGIC = MAGIC[:7].decode("latin-1").translate(_SELECTOR_OF)
_HINT = rf"{_MAGIC}|-----(?:BEGIN|END) C2PA MANIFEST-----|(?i:application/c2pa|c2pa-manifest)"
_HASHES = frozenset({"sha256", "sha384", "sha512"})
# What may stand between a mark and the ends of its comment: delimiters, the words that begin comments, one line break.
_COMMENT = re.compile(rb"\n?(?:NOTE|REM|dnl)?[^0-9A-Za-z\x80-\xff\n]{0,32}\n?")
_ADDRESS = re.compile(r"https?://[^\s<>\"']{1,2000}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark in a text. Exactly one of ``store``, ``address`` and ``fault`` says what became of it."""

    form: str
    """``selectors``, ``block``, ``script`` or ``link``."""
    start: int
    """Character it starts at, from 0."""
    end: int
    """Character after it."""
    store: bytes | None = None
    """The manifest store it carries."""
    address: str = ""
    """Where the store is kept instead."""
    fault: str = ""
    """Why it cannot be read."""


def write_selectors(text: str, store: bytes, *, padded: bool = False) -> str:
    """Return the text with a manifest store appended as variation selectors (section A.7; a store below 4 GiB).

    Args:
        text: left as it is. Validators compare the hash of its NFC form, so it should be in NFC when it is signed.
        store: the manifest store.
        padded: bring the mark to :func:`padded_size` bytes with selectors after the store.
    """
    body = MAGIC + bytes([VERSION]) + len(store).to_bytes(4, "big") + store
    mark = _MARKER + body.decode("latin-1").translate(_SELECTOR_OF)
    gap = padded_size(len(store)) - _size(mark) if padded else 0
    fours = next(n for n in range(3) if (gap - 4 * n) % 3 == 0)
    return text + mark + chr(0xE0100) * fours + chr(0xFE00) * ((gap - 4 * fours) // 3)


def padded_size(store_bytes: int) -> int:
    """Return how many bytes a padded mark of a store takes in UTF-8, whatever the store holds.

    Bytes take three or four bytes as selectors. Four are allowed for each, and six more, so that the rest can always be
    filled with selectors of three and four. Whoever signs has to state the size before the store exists.
    """
    return len(_MARKER.encode()) + 4 * (_HEADER + store_bytes) + 6


def write_block(text: str, store: bytes | str, comment: tuple[str, str] = ("#", ""), *, last: bool = False) -> str:
    """Return the text with a begin/end block as its first or last line (section A.9.3 of version 2.4).

    Args:
        text: source code, markup or configuration.
        store: the manifest store, or the address it is kept at.
        comment: what begins and ends a comment in this format, such as ``("<!--", "-->")``.
        last: put it at the end, for formats whose first line is taken.
    """
    reference = store if isinstance(store, str) else DATA_ADDRESS + base64.b64encode(store).decode("ascii")
    line = " ".join(part for part in (comment[0], BEGIN, reference, END, comment[1]) if part)
    return f"{text}\n{line}" if last else f"{line}\n{text}"


def find_marks(text: str) -> list[Mark]:
    """Return the marks of a text in the order of their forms and places, whole and damaged ones, at most 50.

    Linear in the length of the text; never raises.
    """
    marks: list[Mark] = []
    for found in (_selectors(text), _blocks(text), _elements(text)):
        of_form = _limited(found, MOST_MARKS - len(marks))
        whole = sum(not mark.fault for mark in of_form)
        marks += [
            Mark(mark.form, mark.start, mark.end, fault=f"it is one of {whole} marks where one is allowed")
            if whole > 1 and not mark.fault
            else mark
            for mark in of_form
        ]
    return marks


@dataclass(frozen=True, slots=True)
class TextCredentialReader:
    """Reads C2PA manifests in texts and checks them with c2pa-python where that is installed (extra ``audit``)."""

    trust_anchors: str = ""
    """Certificates (PEM) of those whose signatures are trusted. Without them no credential counts as verified."""

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) of kind ``content_credential``; see :class:`headwater.origin.evidence.EvidenceReader`.

        Raises:
            InputError: the trust anchors are no certificates.
        """
        for row, text in candidates(documents, "text", _HINT):
            at = size = 0
            for mark in sorted(find_marks(text), key=lambda one: one.start):
                size += _size(text[at : mark.start])
                at = mark.start
                yield row, self._evidence(text, mark, size)

    def _evidence(self, text: str, mark: Mark, byte: int) -> Evidence:
        kind = EvidenceKind.CONTENT_CREDENTIAL
        place = (
            f"C2PA mark ({mark.form}) of {_size(text[mark.start : mark.end])} bytes at byte {byte}, "
            f"character {mark.start}"
        )
        if mark.fault:
            return Evidence(kind, Origin.UNKNOWN, f"{place}: {mark.fault}", Status.DAMAGED)
        if mark.store is None:
            return Evidence(kind, Origin.UNKNOWN, f"{place}: its manifest is kept at {mark.address}, not fetched")
        try:
            manifests = read_store(mark.store)
        except DamagedBox as error:
            return Evidence(kind, Origin.UNKNOWN, f"{place}: its manifest is damaged: {error}", Status.DAMAGED)
        holds = content_holds(text, mark, manifests[-1].content_hash)
        checked = check(mark.store, _encoded(text), holds, self.trust_anchors)
        return Evidence(kind, origin_of(manifests), f"{place}: {describe(manifests)}; {checked.words}", checked.status)


def manifests_of(text: str) -> Iterator[tuple[Mark, tuple[Manifest, ...]]]:
    """Yield the readable marks of a text that carry a manifest store, with what it states."""
    for mark in find_marks(text):
        if mark.store is not None:
            try:
                yield mark, read_store(mark.store)
            except DamagedBox:
                continue


def content_holds(text: str, mark: Mark, stated: ContentHash | None) -> bool:
    """Return whether a text has the hash the manifest in its mark states (section 15.12.1 of version 2.4).

    The excluded bytes must be those of the mark and of nothing that is read: its padding, or the rest of its comment
    line. What is left is compared as it stands and in NFC. A hash without exclusions was made before the text was
    marked, and is compared with the text without the mark.
    """
    if stated is None or stated.algorithm not in _HASHES or len(stated.exclusions) > 1:
        return False
    before, after = text[: mark.start], text[mark.end :]
    if not stated.exclusions:
        if mark.form == "block":
            before, after = before[: before.rfind("\n") + 1], after.partition("\n")[2]
            # A block at the end was put on a line of its own.
            before = before if after else before.removesuffix("\n")
        return _hash_of(_encoded(before + after), stated) or _hash_of(_encoded(_nfc(before + after)), stated)
    start, length = stated.exclusions[0]
    own = _encoded(text[mark.start : mark.end])
    # Offsets are those of the stored text; section A.7 also speaks of offsets after normalisation.
    for head, tail in ((_encoded(before), _encoded(after)), (_encoded(_nfc(before)), _encoded(_nfc(after)))):
        stop = start + length - len(head) - len(own)
        if start > len(head) or not 0 <= stop <= len(tail) or not _PADDING[mark.form](head[start:], tail[:stop]):
            continue
        left = head[:start] + tail[stop:]
        if _hash_of(left, stated) or _hash_of(_encoded(_nfc(left.decode("utf-8", "surrogatepass"))), stated):
            return True
    return False


def _selectors(text: str) -> Iterator[Mark]:
    start = text.find(_MAGIC)
    while start >= 0:
        # Only as much of the run is looked at as the mark says it needs, so that no character is read twice.
        head = _RUN.match(text, start, start + _HEADER)
        header = _decoded(head.group()) if head else b""
        prefixed = start > 0 and text[start - 1] == _MARKER
        first, end = start - prefixed, start + len(header)
        if header[:8] != MAGIC:
            yield Mark("selectors", first, end, fault="some of its selectors were removed")
        elif len(header) < _HEADER:
            yield Mark("selectors", first, end, fault="it is cut off in its header")
        elif header[8] != VERSION:
            yield Mark("selectors", first, end, fault=f"its version is {header[8]}, and only 1 is defined")
        else:
            stated = int.from_bytes(header[9:13], "big")
            body = _RUN.match(text, end, end + stated)
            store = _decoded(body.group()) if body else b""
            end += len(store)
            if len(store) < stated:
                yield Mark("selectors", first, end, fault=f"it is cut off: {len(store)} of {stated} bytes are left")
            elif not prefixed:
                yield Mark("selectors", first, end, fault="the U+FEFF that must precede it was removed")
            elif not stated:
                yield Mark("selectors", first, end, fault="it carries no manifest")
            else:
                yield Mark("selectors", first, end, store=store)
        start = text.find(_MAGIC, max(end, start + 7))


def _blocks(text: str) -> Iterator[Mark]:
    at = 0
    while True:
        begin, end = text.find(BEGIN, at), text.find(END, at)
        if begin < 0 and end < 0:
            return
        if begin < 0 or 0 <= end < begin:
            at = end + len(END)
            yield Mark("block", end, at, fault="it ends without having begun")
            continue
        inner = begin + len(BEGIN)
        again = text.find(BEGIN, inner, end) if end >= 0 else text.find(BEGIN, inner)
        if again >= 0 or end < 0:
            at = again if again >= 0 else len(text)
            fault = "another one begins before it ends" if again >= 0 else "it has no end"
            yield Mark("block", begin, at if again >= 0 else inner, fault=fault)
            continue
        at = end + len(END)
        words = [word for word in text[inner:end].split() if word[0].isalnum()]
        yield _referenced("block", begin, at, words[0] if words else "")


def _elements(text: str) -> Iterator[Mark]:
    for start, end, content in scripts(text, "application/c2pa"):
        yield _stored("script", start, end, content)
    for start, end, _, inside in tags(text, ("link",)):
        found = attributes(inside)
        if "c2pa-manifest" in found.get("rel", "").lower().split():
            yield _referenced("link", start, end, found.get("href", ""))


def _referenced(form: str, start: int, end: int, reference: str) -> Mark:
    if reference.startswith(DATA_ADDRESS):
        return _stored(form, start, end, reference[len(DATA_ADDRESS) :])
    if _ADDRESS.fullmatch(reference):
        return Mark(form, start, end, address=reference)
    return Mark(form, start, end, fault="it names neither a manifest nor the address of one")


def _stored(form: str, start: int, end: int, text: str) -> Mark:
    try:
        store = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return Mark(form, start, end, fault="its manifest is no base64")
    return Mark(form, start, end, store=store) if store else Mark(form, start, end, fault="it carries no manifest")


def _hash_of(data: bytes, stated: ContentHash) -> bool:
    return hashlib.new(stated.algorithm, data).digest() == stated.digest


def _is_padding_of_selectors(head: bytes, tail: bytes) -> bool:
    return not head and _RUN.fullmatch(tail.decode("utf-8", "replace")) is not None


def _is_rest_of_line(head: bytes, tail: bytes) -> bool:
    return _COMMENT.fullmatch(head) is not None and _COMMENT.fullmatch(tail) is not None


_PADDING = {"selectors": _is_padding_of_selectors, "block": _is_rest_of_line, "script": _is_rest_of_line}


def _limited(marks: Iterator[Mark], most: int) -> list[Mark]:
    return [mark for _, mark in zip(range(most), marks, strict=False)]


def _decoded(run: str) -> bytes:
    return run.translate(_BYTE_OF).encode("latin-1")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _size(text: str) -> int:
    return len(_encoded(text))
