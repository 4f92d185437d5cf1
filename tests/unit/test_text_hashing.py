"""Hash functions are what their names say: the sanity values their author publishes, and the standard library's."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.text.hashing import mixed, sha1_start, xxhash32, xxhash64

PRIME = 2654435761


def _sanity_buffer(length: int) -> np.ndarray:
    """Return the bytes that the program xxhsum checks itself with."""
    out, state = [], PRIME
    for _ in range(length):
        out.append(state >> 56 & 255)
        state = state * 11400714785074694797 % 2**64
    return np.array(out, dtype=np.uint8)


@pytest.mark.parametrize(
    ("length", "seed", "expected"),
    [
        (0, 0, 0xEF46DB3751D8E999),
        (0, PRIME, 0xAC75FDA2929B17EF),
        (1, 0, 0xE934A84ADB052768),
        (1, PRIME, 0x5014607643A9B4C3),
        (4, 0, 0x9136A0DCA57457EE),
        (14, 0, 0x8282DCC4994E35C8),
        (14, PRIME, 0xC3BD6BF63DEB6DF0),
        (222, 0, 0xB641AE8CB691C174),
        (222, PRIME, 0x20CB8AB7AE10C14A),
    ],
)
def test_published_values(length: int, seed: int, expected: int) -> None:
    data = _sanity_buffer(length)
    assert xxhash64(data, 0, length, np.uint64(seed)) == expected
    # The place in a buffer, and what stands around it, count for nothing.
    around = np.concatenate([np.full(3, 255, dtype=np.uint8), data, np.full(9, 255, dtype=np.uint8)])
    assert xxhash64(around, 3, 3 + length, np.uint64(seed)) == expected


def test_values_of_words() -> None:
    # Of the xxHash documentation and its bindings.
    for text, expected in (
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ):
        assert xxhash64(np.frombuffer(text, dtype=np.uint8), 0, len(text), np.uint64(0)) == expected


def test_the_mixer_is_one_to_one_and_spreads_bits() -> None:
    values = np.arange(1 << 16, dtype=np.uint64)
    out = np.array([mixed(value) for value in values], dtype=np.uint64)
    assert len(np.unique(out)) == len(values)
    # A changed bit changes half of the others: 64 x 65,535 tosses, so 5 sd are 0.0012.
    flipped = np.unpackbits((out[1:] ^ out[:-1]).view(np.uint8))
    assert abs(flipped.mean() - 0.5) < 0.0013


@pytest.mark.parametrize(
    ("length", "seed", "expected"),
    [
        (0, 0, 0x02CC5D05),
        (0, PRIME, 0x36B78AE7),
        (1, 0, 0xCF65B03E),
        (1, PRIME, 0xB4545AA4),
        (14, 0, 0x1208E7E2),
        (14, PRIME, 0x6AF1D1FE),
        (222, 0, 0x5BD11DBD),
        (222, PRIME, 0x58803C5F),
    ],
)
def test_published_values_of_32_bits(length: int, seed: int, expected: int) -> None:
    assert xxhash32(_sanity_buffer(length), 0, length, np.uint32(seed)) == expected


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 9))
def test_sha1_of_any_length_and_place(data: bytes, before: int) -> None:
    padded = np.frombuffer(bytes(before) + data + b"\xff" * 9, dtype=np.uint8)
    expected = int.from_bytes(hashlib.sha1(data).digest()[:8], "little")
    assert sha1_start(padded, before, before + len(data)) == expected
