"""C2PA manifests inside texts: the layout of the specification, reading, damage, checking and signing."""

import base64
import json
import re
import unicodedata

import pyarrow as pa
import pytest
from credentials_example import MACHINE, batch, box, manifest, signed, signer, store, superbox

from headwater.errors import InputError
from headwater.origin.evidence import Evidence, Status, rule
from headwater.origin.marks.c2pa_text import (
    BEGIN,
    END,
    Mark,
    TextCredentialReader,
    find_marks,
    padded_size,
    write_block,
    write_selectors,
)
from headwater.origin.marks.credential import check, read_store
from headwater.origin.marks.jumbf import MOST_UNPACKED, DamagedBox, read_cbor, read_superbox
from headwater.schema import EvidenceKind, Origin

HUMAN = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCreation"
CAMERA = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def found(*texts: str, anchors: str = "") -> list[tuple[int, Evidence]]:
    return list(TextCredentialReader(anchors).read(batch(list(texts))))


def only(text: str, anchors: str = "") -> Evidence:
    ((_, evidence),) = found(text, anchors=anchors)
    return evidence


def test_the_layout_is_that_of_the_specification():
    """Bytes of "hello world" with the store DE AD BE EF, as two other implementations publish them.

    Golden vector ``ascii_small`` of encypherai/c2pa-text and E0001 of dualeai/c2patxt (C2PA 2.4, A.8).
    """
    expected = (
        "68656c6c6f20776f726c64efbbbff3a084b3f3a084a2f3a08580f3a084b1f3a08584f3a08588f3a08584efb880efb881"
        "efb880efb880efb880efb884f3a0878ef3a0869df3a086aef3a0879f"
    )
    assert write_selectors("hello world", bytes.fromhex("deadbeef")).encode().hex() == expected


def test_a_block_is_that_of_the_specification():
    """Golden vectors ``python_comment``, ``xml_comment`` and data address ``small`` of encypherai/c2pa-text (A.9)."""
    address = "https://fabrikam.com/manifests/a1b2c3.c2pa"
    assert write_block("Hello, World!\n", address) == (
        f"# -----BEGIN C2PA MANIFEST----- {address} -----END C2PA MANIFEST-----\nHello, World!\n"
    )
    assert write_block("<root/>\n", address, ("<!--", "-->"), last=True) == (
        f"<root/>\n\n<!-- -----BEGIN C2PA MANIFEST----- {address} -----END C2PA MANIFEST----- -->"
    )
    assert "data:application/c2pa;base64,3q2+7w== -----END" in write_block("x", bytes.fromhex("deadbeef"))


@pytest.mark.parametrize(
    ("tail", "payload", "fault"),
    [
        # Vectors of dualeai/c2patxt by their ids; the header is magic, version, length.
        pytest.param("", b"\xde\xad\xbe\xef", "", id="X0001"),
        pytest.param("\ufe0f\ufe0e", b"\xde\xad\xbe\xef", "", id="X0017: selectors of the user follow"),
        pytest.param("", b"\x0e\x0f\x10\x11", "", id="X0023: both blocks of selectors"),
        pytest.param("", b"", "it carries no manifest", id="X0022"),
    ],
)
def test_extent_of_a_mark(tail: str, payload: bytes, fault: str):
    text = write_selectors("Doc.", payload)
    (mark,) = find_marks(text + tail)
    assert (mark.store, mark.fault) == (None if fault else payload, fault)
    assert text[mark.start : mark.end] == text[4:]


@pytest.mark.parametrize(
    "text",
    [
        "Just 👍️ emoji ☝️ here.",
        "Stray \ufeff marker only.",
        "\ufeffLeading byte order mark.",
        "Bad \ufeff" + write_selectors("", b"x")[1:9][::-1] + " tail",
        "Short \ufeff" + write_selectors("", b"x")[1:6],
        "",
        "  \t  ",
    ],
    ids=["X0005", "X0006", "X0009", "X0007", "X0008", "X0010", "X0011"],
)
def test_text_without_a_mark_has_none(text: str):
    assert find_marks(text) == []
    assert found(text) == []


def test_damage_is_named():
    whole = write_selectors("Doc.", store(manifest("urn:a", MACHINE)))
    header = 4 + 1
    cases = {
        "it is cut off: ": whole[:-1],
        "it is cut off in its header": whole[: header + 10],
        "its version is 2, and only 1 is defined": whole[: header + 8] + "\ufe02" + whole[header + 9 :],
        "the U+FEFF that must precede it was removed": whole.replace("\ufeff", ""),
        "some of its selectors were removed": re.sub("[\ufe00-\ufe0f]", "", whole),
        "it is cut off: 3 of 65535 bytes": write_selectors("", b"abc").replace(
            "\ufe00\ufe00\ufe00\ufe03", "\ufe00\ufe00\U000e01ef\U000e01ef"
        ),
        "it begins with a box of type": write_selectors("", box(b"free", b"") + b"rest"),
        "it has no end": f"# {BEGIN} https://example.org/a.c2pa",
        "it ends without having begun": f"text {END} text",
        "it names neither a manifest nor the address of one": f"{BEGIN} {END}",
        "its manifest is no base64": f"{BEGIN} data:application/c2pa;base64,@@@ {END}",
    }
    for fault, text in cases.items():
        evidence = only(text)
        assert fault in evidence.detail, text
        assert (evidence.status, evidence.origin, evidence.usable) == (Status.DAMAGED, Origin.UNKNOWN, False)


def test_two_marks_are_each_reported_and_decide_nothing():
    one = store(manifest("urn:a", MACHINE))
    for text in (
        write_selectors(write_selectors("Doc.", one), one),
        write_block(write_block("Doc.", one), one, last=True),
        f'<script type="application/c2pa">{base64.b64encode(one).decode()}</script><link rel="c2pa-manifest" href="https://a.example/b">',
    ):
        evidence = [one for _, one in found(text)]
        assert [one.status for one in evidence] == [Status.DAMAGED] * 2
        assert all("one of 2 marks where one is allowed" in one.detail for one in evidence)


def test_a_broken_mark_does_not_hide_a_whole_one():
    whole = store(manifest("urn:a", MACHINE))
    text = write_selectors("Doc.", whole)[:-3] + " and " + write_selectors("", whole)
    assert [(one.status, one.origin) for _, one in found(text)] == [
        (Status.DAMAGED, Origin.UNKNOWN),
        (only(write_selectors("Doc.", whole)).status, Origin.MACHINE),
    ]


def test_a_mark_within_a_block_within_a_block():
    inner = write_block("", "https://example.org/b.c2pa").strip()
    marks = find_marks(f"# {BEGIN} https://example.org/a.c2pa\n{inner}")
    assert [(mark.fault, mark.address) for mark in marks] == [
        ("another one begins before it ends", ""),
        ("", "https://example.org/b.c2pa"),
    ]


def test_the_place_is_given_in_bytes_and_characters():
    text = write_selectors("Grüße 👋", store(manifest("urn:a", MACHINE)))
    evidence = only(text + "!")
    size = len(text.encode()) - len("Grüße 👋".encode())
    assert f"of {size} bytes at byte {len('Grüße 👋'.encode())}, character 7:" in evidence.detail


@pytest.mark.parametrize(
    ("types", "origin"),
    [
        ((MACHINE,), Origin.MACHINE),
        ((COMPOSITE,), Origin.MIXED),
        ((HUMAN,), Origin.HUMAN),
        ((CAMERA,), Origin.UNKNOWN),
        ((MACHINE, HUMAN), Origin.MIXED),
        ((MACHINE, CAMERA), Origin.MACHINE),
        (("http://c2pa.org/digitalsourcetype/empty",), Origin.UNKNOWN),
        (("http://c2pa.org/digitalsourcetype/trainedAlgorithmicData",), Origin.MACHINE),
        ((), Origin.UNKNOWN),
    ],
)
def test_the_origin_is_what_the_actions_state(types: tuple[str, ...], origin: Origin):
    evidence = only(write_selectors("Doc.", store(manifest("urn:a", *types))))
    assert evidence.origin == origin
    assert evidence.kind == EvidenceKind.CONTENT_CREDENTIAL
    assert "made with Example writer" in evidence.detail


def test_what_the_content_was_made_from_counts():
    both = store(manifest("urn:a", MACHINE, generator="Model X"), manifest("urn:b", HUMAN))
    evidence = only(write_selectors("Doc.", both))
    assert evidence.origin == Origin.MIXED
    assert "made with Model X, Example writer" in evidence.detail


def test_a_manifest_kept_elsewhere_is_reported_and_not_fetched():
    for text in (
        write_block("x", "https://example.org/a.c2pa", ("//", "")),
        f"---\n{BEGIN}\nhttps://example.org/a.c2pa\n{END}\n---\nText.",
        '<html><head><link href="https://example.org/a.c2pa" rel="c2pa-manifest"></head></html>',
    ):
        evidence = only(text)
        assert (evidence.status, evidence.origin) == (Status.READ, Origin.UNKNOWN)
        assert "https://example.org/a.c2pa, not fetched" in evidence.detail


def test_a_mark_is_reported_although_the_normalised_copy_has_lost_it():
    text = write_selectors("The harbour opened in 1904.", store(manifest("urn:a", MACHINE)))
    documents = batch([text])
    normalised = unicodedata.normalize("NFKC", text)
    cleaned = "".join(
        one
        for one in normalised
        if unicodedata.category(one) != "Cf" and "VARIATION SELECTOR" not in unicodedata.name(one, "")
    )
    assert cleaned == "The harbour opened in 1904."
    assert found(cleaned) == []
    assert only(text).origin == Origin.MACHINE
    assert documents.column("text").to_pylist() == [text]


def test_marks_are_bounded_in_number():
    assert len(find_marks(END * 1000)) == 50


def test_boxes_are_bounded():
    deep = box(b"free", b"")
    for _ in range(40):
        deep = superbox(b"c2as", "x", deep)
    with pytest.raises(DamagedBox, match="nested more than 12 deep"):
        read_superbox(deep)
    with pytest.raises(DamagedBox, match="more than 4096 boxes"):
        read_superbox(superbox(b"c2as", "x", box(b"free", b"") * 5000))
    with pytest.raises(DamagedBox, match="states 4294967280 bytes"):
        read_superbox(b"\xff\xff\xff\xf0jumb")


def test_values_are_bounded():
    with pytest.raises(DamagedBox, match="nested too deep"):
        read_cbor(b"\x81" * 100 + b"\x00")
    with pytest.raises(DamagedBox, match="too many values"):
        read_cbor(b"\x9a\x7f\xff\xff\xff" + b"\x00" * 200_000)
    with pytest.raises(DamagedBox, match="cut off"):
        read_cbor(b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        # RFC 8949, appendix A
        ("1903e8", 1000),
        ("3863", -100),
        ("f5", True),
        ("f6", None),
        ("fb3ff199999999999a", 1.1),
        ("f93e00", 1.5),
        ("4401020304", b"\x01\x02\x03\x04"),
        ("62c3bc", "ü"),
        ("83010203", [1, 2, 3]),
        ("a201020304", {1: 2, 3: 4}),
        ("c074323031332d30332d32315432303a30343a30305a", "2013-03-21T20:04:00Z"),
        ("5f42010243030405ff", b"\x01\x02\x03\x04\x05"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ],
)
def test_values_are_those_of_the_standard(data: str, value: object):
    assert read_cbor(bytes.fromhex(data)) == value


def test_a_padded_mark_has_the_size_its_signer_was_told():
    """3 + (13 + M) * 4 + 6 bytes for a store of M, whatever is in it (C2PA 2.4, A.8.3: deterministic padding)."""
    for content in (b"", b"\0" * 50, b"\xff" * 50, bytes(range(256)), b"\0\xff" * 7):
        mark = write_selectors("", content, padded=True)
        assert len(mark.encode()) == padded_size(len(content)) == 3 + (13 + len(content)) * 4 + 6


def test_without_c2pa_a_credential_is_read_and_not_checked(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    evidence = only(write_selectors("Doc.", store(manifest("urn:a", MACHINE))))
    assert (evidence.status, evidence.origin) == (Status.READ, Origin.MACHINE)
    assert "not checked" in evidence.detail


def packed(one: bytes, label: str = "urn:a") -> bytes:
    """Return a manifest as a compressed one (C2PA, "Compressed Manifests")."""
    return superbox(b"c2cm", label, box(b"brob", pa.compress(one, codec="brotli", asbytes=True)))


def test_a_compressed_manifest_states_what_the_plain_one_does():
    plain = manifest("urn:a", MACHINE)
    assert read_store(store(packed(plain))) == read_store(store(plain))
    evidence = only(write_selectors("Doc.", store(packed(plain))))
    assert evidence.origin == Origin.MACHINE


@pytest.mark.parametrize(
    ("compressed", "message"),
    [
        (superbox(b"c2cm", "urn:a", box(b"brob", b"no brotli")), "cannot be unpacked"),
        (superbox(b"c2cm", "urn:a", box(b"brob", pa.compress(bytes(99), codec="brotli", asbytes=True)[:-2])), "cannot be unpacked"),
        (superbox(b"c2cm", "urn:a"), "holds nothing"),
        (packed(b"no box at all"), "states"),
        (packed(bytes(MOST_UNPACKED + 1)), "unpack to more"),
    ],
)  # fmt: skip
def test_a_compressed_manifest_that_cannot_be_read_is_damaged(compressed: bytes, message: str):
    evidence = only(write_selectors("Doc.", store(compressed)))
    assert (evidence.status, evidence.origin) == (Status.DAMAGED, Origin.UNKNOWN)
    assert message in evidence.detail


def test_all_compressed_manifests_of_a_store_share_one_limit():
    half = packed(manifest("urn:a", MACHINE) + bytes(MOST_UNPACKED // 2))
    assert len(read_store(store(half))) == 1
    with pytest.raises(DamagedBox, match="unpack to more"):
        read_store(store(half, half))


class TestChecked:
    """With c2pa-python: its signatures, our marks."""

    @pytest.fixture(autouse=True)
    def _needs_c2pa(self) -> None:
        pytest.importorskip("c2pa", reason="c2pa-python is not installed (extra audit)")

    def signed_text(self, text: str) -> str:
        from headwater.origin.marks.c2pa_sign import SigningKey, sign_text

        chain, key, _ = signer()
        return sign_text(text, SigningKey(chain, key), program="Headwater", model="Model X")

    def test_a_signed_text_is_verified_where_the_signer_is_trusted(self):
        text = self.signed_text("Grüße aus Köln.\nZweite Zeile.")
        evidence = only(text, anchors=signer()[2])
        assert (evidence.status, evidence.origin) == (Status.VERIFIED, Origin.MACHINE)
        assert "Model X" in evidence.detail
        assert "signed by Example press" in evidence.detail
        assert rule([evidence]).origin == Origin.MACHINE
        assert evidence.rank == 0

    def test_trust_anchors_can_be_named_on_the_command_line(self, tmp_path, cli):
        anchors, corpus = tmp_path / "trust.pem", tmp_path / "corpus.jsonl"
        anchors.write_text(signer()[2])
        corpus.write_text(json.dumps({"text": self.signed_text("A text.")}))
        for options, status in (((), "read"), (("--trust-anchors", anchors), "verified")):
            code, out, err = cli("audit", corpus, *options, "--json", "-q", "-C", tmp_path)
            assert code == 0, err
            assert json.loads(out)["evidence"]["content_credential"] == {status: 1}

    def test_a_compressed_manifest_is_checked_like_a_plain_one(self):
        text = self.signed_text("A text.")
        (mark,) = find_marks(text)
        outer = 8 + int.from_bytes(mark.store[8:12], "big")  # the store's header and its description
        one = mark.store[outer : outer + int.from_bytes(mark.store[outer : outer + 4], "big")]
        compressed = store(packed(one, read_store(mark.store)[0].label))
        assert len(compressed) < len(mark.store)
        for status, anchors in ((Status.VERIFIED, signer()[2]), (Status.READ, "")):
            assert check(compressed, text.encode(), True, anchors).status == status

    def test_an_unknown_signer_proves_nothing(self):
        evidence = only(self.signed_text("A text."))
        assert evidence.status == Status.READ
        assert "no trust anchor vouches" in evidence.detail
        assert evidence.rank > 0

    def test_a_mark_is_canonical(self):
        text = self.signed_text("Cafe\u0301")
        assert text.startswith("Café\ufeff")
        (mark,) = find_marks(text)
        assert mark.store is not None
        assert len(text[mark.start :].encode()) == padded_size(len(mark.store))

    @pytest.mark.parametrize("change", [lambda t: "x" + t, lambda t: t.replace("text", "Text"), lambda t: t + "!"])
    def test_a_changed_text_is_invalid(self, change):
        evidence = only(change(self.signed_text("A text.")), anchors=signer()[2])
        assert (evidence.status, evidence.usable) == (Status.INVALID, False)
        assert "assertion.dataHash.mismatch" in evidence.detail

    def test_a_mark_moved_to_another_text_is_invalid(self):
        mark = self.signed_text("A text.").removeprefix("A text.")
        assert only("B text." + mark, anchors=signer()[2]).status == Status.INVALID

    def test_a_changed_manifest_is_invalid_or_damaged(self):
        text = self.signed_text("A text.")
        (mark,) = find_marks(text)
        assert mark.store is not None
        forged = mark.store.replace(b"trainedAlgorithmicMedia", b"digitalCreation\0\0\0\0\0\0\0\0")
        evidence = only(write_selectors("A text.", forged, padded=True), anchors=signer()[2])
        assert evidence.status == Status.INVALID
        assert "assertion.hashedURI.mismatch" in evidence.detail

    def test_nothing_readable_may_stand_in_the_excluded_bytes(self):
        text = self.signed_text("A text.")
        (mark,) = find_marks(text)
        padding = len(text[mark.end :].encode())
        assert padding >= 3
        swapped = text[: mark.end] + "!" * padding  # as many bytes, all excluded from the hash
        assert only(swapped, anchors=signer()[2]).status == Status.INVALID

    def test_a_store_made_as_a_separate_file_binds_the_bare_text(self):
        bare = "A line.\nAnother line.\n"
        _, detached = signed(bare.encode(), "text/plain", MACHINE, embed=False)
        for marked in (
            write_selectors(bare, detached),
            write_block(bare, detached),
            write_block(bare, detached, ("/*", "*/")),
            write_block(bare, detached, ("<!--", "-->"), last=True),
        ):
            assert only(marked, anchors=signer()[2]).status == Status.VERIFIED
            assert only(marked.replace("Another", "Other"), anchors=signer()[2]).status == Status.INVALID

    def test_unusable_input_is_refused(self):
        from headwater.origin.marks.c2pa_sign import SigningKey, sign_text

        chain, key, _ = signer()
        with pytest.raises(InputError, match="has a C2PA mark already"):
            self.signed_text(self.signed_text("A text."))
        with pytest.raises(InputError, match="is empty"):
            self.signed_text("")
        with pytest.raises(InputError, match="PKCS 8"):
            sign_text("A text.", SigningKey(chain, b"no key"), program="Headwater")
        with pytest.raises(InputError, match="trust anchors cannot be used"):
            found(self.signed_text("A text."), anchors="no certificate")
        assert "PRIVATE" not in repr(SigningKey(chain, key))


def test_marks_are_values():
    assert find_marks(write_selectors("a", b"b")) == [Mark("selectors", 1, 16, store=b"b")]
