"""Fingerprints: what counts as a word, what is sampled, and that the hashes never change."""

import subprocess
import sys

import numpy as np
import pytest

from headwater.text.fingerprints import ALL, FEWEST, FINGERPRINT_VERSION, fingerprints, keyed

_TEN = "The harbour was quiet, and nobody had come to meet them."


def of(text: str, **options: int) -> list[int]:
    return sorted(fingerprints([text], **options).hashes.tolist())


def test_hashes_are_the_ones_of_version_1() -> None:
    """They are on disk and with other organisations: a change here is a new version."""
    assert FINGERPRINT_VERSION == 1
    assert of("One two three") == [5992906743300818142]
    assert of("Überraschung — 東京, ok?") == [15192664823719289240, 16504957788146804893, 18156618309741245607]


def test_hashes_do_not_depend_on_the_process() -> None:
    code = f"from headwater.text.fingerprints import fingerprints; print(*fingerprints([{_TEN!r}]).hashes.tolist())"
    for seed in ("1", "2"):
        said = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        )
        assert [int(one) for one in said.stdout.split()] == fingerprints([_TEN]).hashes.tolist()


@pytest.mark.parametrize(
    "same",
    [
        "the HARBOUR was quiet and nobody had come to meet them",
        "The harbour\u00a0was\tquiet,\r\nand — nobody\u2026had come: to «meet» them!!",
        "**The har\u200bbour** was qui\u00adet, and\ufe01 nobody\U000e0101 had come to meet them.",
        "Ｔｈｅ harbour was quiet, and nobody had come to meet them.",
    ],
    ids=["case", "spaces and marks", "invisible characters", "wide letters"],
)
def test_form_does_not_count(same: str) -> None:
    assert of(same) == of(_TEN)


def test_apostrophes_do_not_count_but_hyphens_separate() -> None:
    assert of("we don't know it") == of("We don\u2019t know it") == of("we dont know it")
    assert of("a well-known old man") == of("a well known old man") != of("a wellknown old man")


def test_words_and_their_order_count() -> None:
    assert not set(of("one two three")) & set(of("three two one"))
    assert not set(of("one two three")) & set(of("one twothree"))


@pytest.mark.parametrize(("words", "sequences"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 3), (10, 15), (18, 31)])
def test_short_texts_keep_every_sequence(words: int, sequences: int) -> None:
    found = fingerprints([" ".join(f"w{i}" for i in range(words))])
    assert len(found.hashes) == sequences  # n - 2 of three words and n - 3 of four
    assert found.words.tolist() == [words]
    assert found.bounds.tolist() == [0xFFFFFFFF]


def test_longer_texts_keep_at_least_so_many_and_one_in_twelve_of_the_longest() -> None:
    rng = np.random.default_rng(0)
    lengths = [20, 40, 190, 1000, 20_000]
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 10**9, n)) for n in lengths]
    counts = np.diff(fingerprints(texts).offsets)
    assert np.all(counts >= FEWEST)
    # Binomial(39,995, 1/12): mean 3,333, standard deviation 55; six deviations, false alarm 2e-9.
    assert abs(counts[-1] - 39_995 / 12) < 330


def test_a_sample_is_all_sequences_up_to_the_bound() -> None:
    text = " ".join(f"w{i}" for i in np.random.default_rng(1).integers(0, 300, 700))
    sampled, everything = fingerprints([text]), fingerprints([text], fewest=ALL)
    ranks = everything.hashes & np.uint64(0xFFFFFFFF)
    kept = ranks <= sampled.bounds[0]
    assert np.array_equal(everything.hashes[kept], sampled.hashes)
    assert np.array_equal(everything.positions[kept], sampled.positions)


def test_repeated_sequences_count_once_at_their_first_place() -> None:
    found = fingerprints(["a b c d a b c d a b c d"], fewest=ALL)
    assert len(found.hashes) == len(set(found.hashes.tolist())) == 8
    assert found.positions.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_unspaced_scripts_have_a_word_per_character() -> None:
    found = fingerprints(["東京都に住む", "ภาษา", "한국어 문장 하나"])
    assert found.words.tolist() == [6, 4, 3]


def test_null_and_empty_texts_have_none() -> None:
    found = fingerprints([None, "", "...", "\ud800 \ud800", _TEN])
    assert np.diff(found.offsets).tolist()[:4] == [0, 0, 0, 0]
    assert np.array_equal(found.hashes, fingerprints([_TEN]).hashes)
    assert len(fingerprints([])) == 0


def test_key_is_siphash() -> None:
    """The vector of eight bytes in the authors' reference code (Aumasson and Bernstein 2012)."""
    message = np.frombuffer(bytes(range(8)), dtype="<u8").astype(np.uint64)
    found = keyed(message, bytes(range(16)))
    assert found.astype("<u8").tobytes().hex() == "6224939a79f5f593"
    with pytest.raises(ValueError, match="16 bytes, not 3"):
        keyed(message, b"abc")
