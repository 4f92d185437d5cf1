"""Evidence of origin: which piece decides, and what contradicts it."""

from itertools import pairwise, permutations

import pytest

from headwater.origin.evidence import Evidence, Status, rule
from headwater.schema import EVIDENCE_SENTENCES, EvidenceKind, Origin


def _says(kind, origin, status=Status.READ):
    return Evidence(EvidenceKind(kind), Origin(origin), "found", status)


def test_the_precedence_is_the_one_that_is_documented():
    assert list(EvidenceKind) == [
        "content_credential", "watermark", "generation_ledger", "attestation", "first_seen", "source_type",
        "generator_tag", "chat_residue", "detector",
    ]  # fmt: skip
    assert set(EVIDENCE_SENTENCES) == set(EvidenceKind)


def test_the_stronger_piece_decides_and_the_other_is_shown_whatever_their_order():
    for stronger, weaker in pairwise(EvidenceKind):
        pieces = [_says(weaker, "human"), _says(stronger, "machine", Status.VERIFIED)]
        for order in permutations(pieces):
            found = rule(order)
            assert (found.origin, found.decided_by) == (Origin.MACHINE, pieces[1])
            assert found.contradicted_by == (pieces[0],)


def test_no_evidence_says_nothing():
    assert rule([]).origin == Origin.UNKNOWN
    assert rule([_says("content_credential", "unknown", Status.VERIFIED)]).decided_by is None


@pytest.mark.parametrize("status", ["damaged", "invalid"])
def test_a_mark_that_cannot_be_read_or_checked_decides_nothing(status):
    found = rule([_says("watermark", "machine", Status(status)), _says("chat_residue", "machine")])
    assert found.decided_by == _says("chat_residue", "machine")


def test_a_credential_nobody_verified_is_weaker_than_a_date():
    found = rule([_says("content_credential", "machine"), _says("first_seen", "human")])
    assert found.origin == Origin.HUMAN
    assert [one.kind for one in found.contradicted_by] == ["content_credential"]
    verified = rule([_says("content_credential", "machine", Status.VERIFIED), _says("first_seen", "human")])
    assert verified.origin == Origin.MACHINE


def test_of_two_equal_claims_the_one_that_keeps_a_document_out_of_the_reserve_holds():
    for pieces in permutations([_says("source_type", "human"), _says("source_type", "machine")]):
        assert rule(pieces).origin == Origin.MACHINE


def test_agreeing_pieces_contradict_nothing():
    assert rule([_says("watermark", "machine"), _says("detector", "machine")]).contradicted_by == ()
