"""The operator of signatures: columns, nulls, and independence of batches."""

import pickle

import numpy as np
import pyarrow as pa
import pytest

from headwater.curate import Signatures
from headwater.engine import Operator, operator_key
from headwater.errors import ConfigError

TEXTS = [
    "The committee met on Tuesday and agreed that the bridge had to be closed for repairs.",
    "The committee met on Tuesday and agreed that the bridge has to be closed for repairs.",
    "too few words here",
    "",
    None,
    "one two three four five",
]


def test_columns() -> None:
    operator = Signatures()
    batch = pa.record_batch({"id": list("abcdef"), "text": TEXTS})
    found = operator(batch)
    found.validate(full=True)
    assert isinstance(operator, Operator)
    assert found.schema.names == ["id", "text", "text_hash", "shingles", "bands", "sketch"]
    assert [found.schema.field(field.name).type for field in operator.adds] == operator.adds.types
    assert found["shingles"].to_pylist() == [12, 12, 0, 0, 0, 1]
    for name, width in (("bands", 14 * 8), ("sketch", 112)):
        values = found[name].to_pylist()
        assert [value is None for value in values] == [False, False, True, True, True, False]
        assert {len(value) for value in values if value is not None} == {width}
    hashes = found["text_hash"].to_pylist()
    assert len(set(hashes)) == 5
    assert hashes[3] == hashes[4]  # a null counts as empty


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_the_cut_into_batches_changes_nothing(kind: pa.DataType) -> None:
    batch = pa.record_batch({"text": pa.array(TEXTS * 3, kind)})
    whole = Signatures(bands=4, rows=2)(batch)
    parts = [Signatures(bands=4, rows=2)(batch.slice(begin, 5)) for begin in range(0, len(batch), 5)]
    assert pa.Table.from_batches(parts).combine_chunks().to_pylist() == whole.to_pylist()


def test_exact_copies_after_normalising() -> None:
    texts = ["A b!", "a  B", "a c", "", "!?", "?!", "!?"]
    batch = pa.record_batch({"text": texts})
    plain = Signatures()(batch)["text_hash"].to_pylist()
    normal = Signatures(normalised=True)(batch)["text_hash"].to_pylist()
    assert [plain.index(one) for one in plain] == [0, 1, 2, 3, 4, 5, 4]
    # Texts without words are not all one: they are compared as they stand.
    assert [normal.index(one) for one in normal] == [0, 0, 2, 3, 4, 5, 4]


def test_settings_are_part_of_the_key_and_are_checked() -> None:
    keys = {operator_key(Signatures(**{name: 3})) for name in ("shingle", "bands", "rows", "seed")}
    keys |= {operator_key(Signatures()), operator_key(Signatures(normalised=True))}
    assert len(keys) == 6
    assert pickle.loads(pickle.dumps(Signatures(seed=7))) == Signatures(seed=7)
    with pytest.raises(ConfigError, match=r"(?s)shingle = 0: allowed are 1 to 64.*rows = 65"):
        Signatures(shingle=0, rows=65)


def test_a_seed_chooses_other_bands_of_the_same_texts() -> None:
    batch = pa.record_batch({"text": TEXTS})
    one, two = (Signatures(seed=seed)(batch) for seed in (1, 2))
    assert one["text_hash"] == two["text_hash"]
    a, b = (np.frombuffer(found["bands"][0].as_py(), dtype=np.uint64) for found in (one, two))
    assert not set(a.tolist()) & set(b.tolist())
