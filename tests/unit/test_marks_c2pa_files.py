"""Content credentials of files, signed here with c2pa-python and a certificate made for the test."""

import io
import struct
import zlib
from pathlib import Path

import pytest

c2pa = pytest.importorskip("c2pa", reason="c2pa-python is not installed (extra audit)")

from credentials_example import MACHINE, signed, signer  # noqa: E402

from headwater.errors import InputError, MissingExtraError  # noqa: E402
from headwater.origin.evidence import Status  # noqa: E402
from headwater.origin.marks.c2pa_files import read_file_credentials  # noqa: E402
from headwater.schema import EvidenceKind, Origin  # noqa: E402

CV = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def picture() -> bytes:
    """Return a grey PNG of 8 x 8 pixels (PNG specification, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    lines = (b"\0" + b"\x80" * 8) * 8
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def wave() -> bytes:
    import wave as waves

    out = io.BytesIO()
    with waves.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [("a.png", "image/png", picture()), ("a.wav", "audio/wav", wave())],
)
def test_a_credential_is_verified_where_the_signer_is_trusted(
    tmp_path: Path, name: str, media_type: str, content: bytes
):
    path = tmp_path / name
    path.write_bytes(signed(content, media_type, MACHINE, softwareAgent={"name": "Model X"})[0])
    (known,) = read_file_credentials(path, trust_anchors=signer()[2])
    (unknown,) = read_file_credentials(path)
    assert (known.kind, known.origin, known.status) == (
        EvidenceKind.CONTENT_CREDENTIAL,
        Origin.MACHINE,
        Status.VERIFIED,
    )
    assert (unknown.origin, unknown.status) == (Origin.MACHINE, Status.READ)
    for words in ("Example writer, Model X", "c2pa.created as trainedAlgorithmicMedia", "signed by Example press"):
        assert words in known.detail


@pytest.mark.parametrize(
    ("term", "origin"),
    [
        ("compositeWithTrainedAlgorithmicMedia", Origin.MIXED),
        ("digitalCreation", Origin.HUMAN),
        ("humanEdits", Origin.HUMAN),
        ("digitalCapture", Origin.UNKNOWN),
    ],
)
def test_the_origin_is_what_the_signer_states(tmp_path: Path, term: str, origin: Origin):
    path = tmp_path / "a.png"
    path.write_bytes(signed(picture(), "image/png", CV + term)[0])
    (evidence,) = read_file_credentials(path, trust_anchors=signer()[2])
    assert (evidence.origin, evidence.status) == (origin, Status.VERIFIED)


def test_changed_content_is_invalid(tmp_path: Path):
    content = bytearray(signed(picture(), "image/png", MACHINE)[0])
    content[content.index(b"IDAT") + 8] ^= 1
    path = tmp_path / "a.png"
    path.write_bytes(content)
    (evidence,) = read_file_credentials(path, trust_anchors=signer()[2])
    assert (evidence.status, evidence.usable) == (Status.INVALID, False)
    assert "assertion.dataHash.mismatch" in evidence.detail


def test_a_cut_credential_is_damaged(tmp_path: Path):
    content = signed(picture(), "image/png", MACHINE)[0]
    path = tmp_path / "a.png"
    path.write_bytes(content[: content.index(b"c2pa.assertions") + 100])
    (evidence,) = read_file_credentials(path)
    assert (evidence.status, evidence.origin) == (Status.DAMAGED, Origin.UNKNOWN)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", picture()),
        ("a.png", b""),
        ("a.jpg", b"no picture"),
        ("a.txt", b"text"),
        ("a", b"\0\1"),
        ("a.pdf", b"%PDF-1.7"),
    ],
)
def test_files_without_a_credential_have_no_evidence(tmp_path: Path, name: str, content: bytes):
    path = tmp_path / name
    path.write_bytes(content)
    assert read_file_credentials(path) == []


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InputError, match="There is no file"):
        read_file_credentials(tmp_path / "none.png")
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    with pytest.raises(MissingExtraError, match="audit"):
        read_file_credentials(tmp_path / "none.png")


def test_the_command_says_what_a_file_carries(tmp_path: Path, cli):
    marked, plain, anchors = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "trust.pem"
    marked.write_bytes(signed(picture(), "image/png", MACHINE)[0])
    plain.write_bytes(picture())
    anchors.write_text(signer()[2])
    code, out, err = cli("credentials", marked, plain, "--trust-anchors", anchors)
    assert code == 0, err
    assert f"{marked}: machine (verified)" in out
    assert f"{plain}: no content credential" in out
    text = tmp_path / "posts.jsonl"
    text.write_text("{}\n")
    assert f"headwater audit {text}" in cli("credentials", text)[1]
    code, out, err = cli("credentials", tmp_path / "nowhere.png")
    assert (code, out) == (2, "")
    assert "There is no file" in err
