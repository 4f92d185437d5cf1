"""What holds for every text and every manifest: it comes back as it was written, and damage is never an exception."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from credentials_example import MACHINE, batch, manifest, store

from headwater.origin.evidence import Status
from headwater.origin.marks.c2pa_text import (
    TextCredentialReader,
    find_marks,
    write_block,
    write_selectors,
)
from headwater.origin.marks.credential import describe, origin_of, read_store
from headwater.origin.marks.jumbf import DamagedBox, read_cbor
from headwater.origin.permission import read_permissions
from headwater.schema import Origin

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
STORE = store(manifest("urn:a", MACHINE), manifest("urn:b", MACHINE, uses={"ai_training": "notAllowed"}))


@given(TEXTS, st.binary(min_size=1, max_size=200), TEXTS, st.booleans())
def test_selectors_give_back_what_was_written(before: str, payload: bytes, after: str, padded: bool):
    assume(not find_marks(before) and not find_marks(after) and not after.startswith(tuple("\ufe00\ufe0f\U000e0100")))
    marked = write_selectors(before, payload, padded=padded)
    (mark,) = find_marks(marked + after)
    assert mark.store == payload
    assert (marked + after)[: mark.start] == before


@given(TEXTS, st.binary(min_size=1, max_size=200), st.booleans())
def test_blocks_give_back_what_was_written(text: str, payload: bytes, last: bool):
    assume(not find_marks(text))
    (mark,) = find_marks(write_block(text, payload, last=last))
    assert mark.store == payload


@given(st.data())
@settings(max_examples=150, deadline=None)  # the first example imports c2pa-python
def test_damage_is_evidence_and_never_an_exception(data: st.DataObject):
    text = data.draw(st.sampled_from([write_selectors("A text.", STORE), write_block("A text.", STORE)]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(text) - 1, 0)))
        cut = data.draw(st.integers(0, 40))
        text = (
            text[:at]
            + data.draw(st.sampled_from(["", "\ufe0f", "\U000e01ef", "\ufeff", "A", text[at : at + 60]]))
            + text[at + cut :]
        )
    documents = batch([text])
    for _, evidence in TextCredentialReader().read(documents):
        assert evidence.status in {Status.READ, Status.DAMAGED, Status.INVALID}
        assert evidence.status != Status.DAMAGED or evidence.origin == Origin.UNKNOWN
    list(read_permissions(documents))


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_store_is_read_or_refused(data: st.DataObject):
    damaged = bytearray(STORE)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        manifests = read_store(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    except DamagedBox:
        return
    assert origin_of(manifests) in {Origin.MACHINE, Origin.UNKNOWN}
    assert len(describe(manifests)) < 2_000


@given(st.binary(max_size=300))
def test_any_bytes_are_values_or_refused(data: bytes):
    try:
        read_cbor(data)
    except DamagedBox:
        return


@given(st.binary(max_size=60), TEXTS)
def test_marks_lie_within_the_text_and_do_not_overlap(payload: bytes, text: str):
    marked = (
        text + write_selectors("", payload)[: len(payload)] + write_block("", payload) + write_selectors(text, b"x")
    )
    marks = sorted(find_marks(marked), key=lambda mark: mark.start)
    assert all(0 <= mark.start < mark.end <= len(marked) for mark in marks)
    assert all(one.end <= two.start for one, two in pairwise(marks))


@pytest.mark.parametrize("size", [0, 1, 300, 70_000])
def test_sizes_of_manifests(size: int):
    payload = bytes(number % 256 for number in range(size))
    assert [mark.store for mark in find_marks(write_selectors("x", payload))] == [payload or None]
