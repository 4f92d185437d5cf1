"""Ed25519 keys, key files and what is signed."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from headwater.errors import InputError, MissingExtraError, StoreError
from headwater.origin.signing import PublicKey, canonical_json, create_key, load_key, verified


def test_a_signature_is_that_of_rfc_8032(tmp_path: Path) -> None:
    """RFC 8032, section 7.1, test 1: the public key of a secret key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    path = tmp_path / "key.pem"
    pem = Ed25519PrivateKey.from_private_bytes(secret).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.touch(0o600)
    path.write_bytes(pem)
    assert load_key(path).public.text == f"ed25519:{public}"


def test_a_key_file_is_its_owners_alone_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "own.pem"
    old = os.umask(0)
    try:
        key = create_key(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path) == key
    with pytest.raises(StoreError, match="not replaced"):
        create_key(path)
    assert load_key(path) == key


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits are those of POSIX")
def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    create_key(path)
    path.chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        load_key(path)


def test_the_private_part_is_not_shown(tmp_path: Path) -> None:
    key = create_key(tmp_path / "own.pem")
    assert key._private.hex() not in repr(key)
    assert repr(key._private) not in repr(key)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.pem"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(InputError, match="no private key"):
        load_key(path)


def test_a_key_of_another_kind_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path = tmp_path / "other.pem"
    path.touch(0o600)
    path.write_bytes(X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(InputError, match="another kind"):
        load_key(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_key(tmp_path / "none.pem")


def test_only_what_was_signed_under_its_label_by_that_key_is_verified(tmp_path: Path) -> None:
    key, other = create_key(tmp_path / "a.pem"), create_key(tmp_path / "b.pem")
    value = {"b": [1, None, True], "a": {"z": "ä", "y": "\u2028"}}
    data, signature = canonical_json(value), key.sign("manifest", value)
    assert verified("manifest", data, signature, key.public) == value
    for label, changed, signed, public in (
        ("manifest", data.replace(b"true", b"null"), signature, key.public),
        ("manifest", data + b" ", signature, key.public),
        ("card", data, signature, key.public),
        ("manifest", data, signature[:-1] + bytes([signature[-1] ^ 1]), key.public),
        ("manifest", data, b"", key.public),
        ("manifest", data, signature, other.public),
        ("manifest", data, signature, PublicKey(bytes(32))),
    ):
        with pytest.raises(InputError, match="signature is not that of key"):
            verified(label, changed, signed, public)


def test_signed_bytes_that_are_not_canonical_are_refused(tmp_path: Path) -> None:
    """Two readers must not see two things in what was signed: keys twice, other spaces, deep nesting."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = create_key(tmp_path / "a.pem")
    private = load_pem_private_key((tmp_path / "a.pem").read_bytes(), None)
    for data in (b'{"a":1,"a":2}', b'{"a": 1}', b'{"b":1,"a":2}', b"[1]", b"{", b'{"a":1.5}', b"[" * 100_000):
        with pytest.raises(InputError, match="canonical"):
            verified("manifest", data, private.sign(b"headwater manifest\n" + data), key.public)


def test_canonical_json_has_one_form() -> None:
    assert (
        canonical_json({"b": "ü", "a": [1, {"d": None, "c": False}]})
        == '{"a":[1,{"c":false,"d":null}],"b":"ü"}'.encode()
    )
    for value in ({"a": 1.5}, {"ä": 1}, {"a": {"b": b"x"}}, {1: 2}):
        with pytest.raises(TypeError):
            canonical_json(value)


def test_a_public_key_is_passed_on_as_text(tmp_path: Path) -> None:
    public = create_key(tmp_path / "a.pem").public
    assert PublicKey.from_text(f" {public.text}\n") == PublicKey.from_text(public.raw.hex()) == public
    assert len(public.fingerprint) == 32
    for text in ("", "ed25519:", "ed25519:00", "ssh-ed25519 AAAA", public.text + "00"):
        with pytest.raises(InputError, match="no public key"):
            PublicKey.from_text(text)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(MissingExtraError, match=r"headwater\[audit\]"):
        create_key(tmp_path / "a.pem")
    assert not (tmp_path / "a.pem").exists()
    assert json.loads(canonical_json({"a": 1})) == {"a": 1}
