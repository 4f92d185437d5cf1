"""Fuzz what measures texts: every operator of every set of rules over any text, its memory checked.

    python -m venv fuzz && fuzz/bin/pip install atheris -e .
    PYTHONPATH=src:benchmarks/fuzz fuzz/bin/python benchmarks/fuzz/texts.py corpus/ -max_total_time=300

With ``--raw`` first, texts are bytes that need not be UTF-8: no reader lets such through, but users of single operators
may hand them in. Then any error is fine that is no access outside of an array.
"""

import sys

import checked_memory  # isort: skip  (before anything of Headwater)
import atheris
import pyarrow as pa

with atheris.instrument_imports(include=["headwater"]):
    from headwater.curate.job import foreseen_steps
    from headwater.curate.settings import curate_settings
    from headwater.engine import apply_operators

_RAW = "--raw" in sys.argv
_SETTINGS = {
    "fineweb": {"duplicates.sentences": True, "personal_data.action": "mask"},
    "c4": {"duplicates.paragraphs": True, "personal_data.action": "drop"},
}
_STEPS = [foreseen_steps(curate_settings(name, changes)) for name, changes in _SETTINGS.items()]
_SEPARATOR = b"\xff\xfe"


def _batch(data: bytes) -> pa.RecordBatch:
    """Return the documents that bytes stand for."""
    parts = data.split(_SEPARATOR)
    if _RAW:
        texts = pa.array(parts, pa.binary()).view(pa.string())
    else:
        texts = pa.array([part.decode("utf-8", "replace") for part in parts], pa.string())
    return pa.RecordBatch.from_arrays([pa.array(list(map(str, range(len(parts))))), texts], names=["id", "text"])


def test_one(data: bytes) -> None:
    """Measure some documents and decide on them."""
    for steps in _STEPS:
        batch = _batch(data)
        if not _RAW:
            measured, errors = apply_operators(steps.operators, batch)
            assert not errors, errors[0].message
            measured.validate(full=True)
            steps.first_rules.decide(measured)
            continue
        for operator in steps.operators:
            try:
                operator(batch)
            except (checked_memory.OutOfBoundsError, IndexError):
                raise
            except Exception:  # bytes that are no text may be refused in any words
                continue


if __name__ == "__main__":
    test_one(b"The people have been here.\nSo it is." + _SEPARATOR + b"a@b.org")  # loads what is slow to load
    atheris.Setup([one for one in sys.argv if one != "--raw"], test_one)
    atheris.Fuzz()
