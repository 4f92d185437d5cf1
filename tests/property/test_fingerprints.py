"""What holds for the fingerprints of all texts."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.schema import content_id
from headwater.store.generated import GENERATED, SKETCH, GeneratedLedger, content_hashes, shared_with
from headwater.text import fingerprints as module
from headwater.text.fingerprints import ALL, FEWEST, fingerprints, keyed

texts = st.lists(st.text(max_size=60) | st.none(), max_size=8)
# Few distinct words, so that sequences repeat and texts overlap.
worded = st.lists(
    st.lists(st.sampled_from(["ab", "cd", "ef", "gh", "ij", "kl", "mn"]), max_size=60).map(" ".join), max_size=8
)


# The first example compiles the kernels.
@settings(deadline=None)
@given(texts | worded, st.integers(1, 40))
def test_offsets_bounds_and_places_fit(some: list[str | None], fewest: int) -> None:
    found = fingerprints(some, fewest=fewest)
    counts = np.diff(found.offsets)
    assert len(found) == len(some) == len(counts)
    assert found.offsets[0] == 0
    assert found.offsets[-1] == len(found.hashes) == len(found.positions)
    for row, (begin, end) in enumerate(zip(found.offsets[:-1], found.offsets[1:], strict=True)):
        hashes = found.hashes[begin:end]
        assert len(np.unique(hashes)) == len(hashes)
        assert np.all(hashes & np.uint64(0xFFFFFFFF) <= found.bounds[row])
        assert np.all(np.diff(found.positions[begin:end]) >= 0)
        assert np.all(found.positions[begin:end] <= found.words[row] - 3)


@given(texts | worded)
def test_a_text_has_the_same_fingerprints_in_any_company(some: list[str | None]) -> None:
    together = fingerprints(some)
    for row, text in enumerate(some):
        alone = fingerprints([text])
        begin, end = together.offsets[row], together.offsets[row + 1]
        assert np.array_equal(alone.hashes, together.hashes[begin:end])
        assert np.array_equal(alone.positions, together.positions[begin:end])


@given(worded)
def test_the_sample_is_the_lowest_of_all(some: list[str]) -> None:
    sampled, everything = fingerprints(some), fingerprints(some, fewest=ALL)
    for row in range(len(some)):
        kept = set(sampled.hashes[sampled.offsets[row] : sampled.offsets[row + 1]].tolist())
        whole = everything.hashes[everything.offsets[row] : everything.offsets[row + 1]].tolist()
        assert kept == {one for one in whole if one & 0xFFFFFFFF <= sampled.bounds[row]}
        assert len(kept) >= min(FEWEST, len(whole))


@given(st.text(max_size=100))
def test_case_and_normal_form_do_not_count_twice(text: str) -> None:
    """Folding again what was folded changes nothing."""
    once = module._folded(text)
    assert module._folded(once.decode("utf-8", "surrogatepass")) == once


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=50), st.binary(min_size=16, max_size=16))
def test_a_key_maps_one_to_one_in_practice(values: list[int], key: bytes) -> None:
    """SipHash is no bijection: 50 values collide with probability 7e-17."""
    hashes = np.array(values, dtype=np.uint64)
    found = keyed(hashes, key)
    assert len(set(found.tolist())) == len(values)
    assert np.array_equal(found, keyed(hashes, key))


@settings(max_examples=25, deadline=None)
@given(st.lists(worded, min_size=1, max_size=4))
def test_a_ledger_does_what_sets_do(batches: list[list[str]]) -> None:
    """However documents are dealt to calls, each is kept once, with all its fingerprints, in the order it came."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = GeneratedLedger(Path(folder))
        kept: dict[str, str] = {}
        for batch in batches:
            rows = [{"id": text[:5], "content": content_id(text)} for text in batch]
            new = dict.fromkeys(text for text in batch if content_id(text) not in kept)
            assert ledger.add(pa.Table.from_pylist(rows, schema=GENERATED), fingerprints(batch)) == len(new)
            kept |= {content_id(text): text for text in new}
        assert ledger.check() == []
        sketches = pa.Table.from_batches(ledger.sketches(rows=3), SKETCH).to_pylist()
        assert [row["content"] for row in sketches] == list(kept)
        for row, text in zip(sketches, kept.values(), strict=True):
            assert row["fingerprints"] == sorted(fingerprints([text]).hashes.tolist())
        everything = [text for batch in batches for text in batch]
        recognised = np.zeros(len(everything), bool)
        for shared in shared_with(ledger.segments(), fingerprints(everything), content_hashes(everything), 1):
            recognised |= shared.exact >= 0
        assert recognised.all()
