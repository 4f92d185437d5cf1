"""Compiling the kernels of this folder ahead of their first use."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from headwater.curate.duplicates import resolve_duplicates
from headwater.curate.language import Language
from headwater.curate.listed import Listed
from headwater.curate.personal import PersonalData
from headwater.curate.python_rule import PythonRule
from headwater.curate.sentences import SpanHashes, resolve_spans
from headwater.curate.signatures import Signatures
from headwater.curate.sql_rule import SqlRule
from headwater.engine import Operator, apply_operators
from headwater.sources import warm as warm_reading
from headwater.text.piece_counts import PieceCounts
from headwater.text.pieces import Cut
from headwater.text.repetition import LARGEST_KERNEL
from headwater.text.utf8 import utf8_bytes

_BATCH = pa.record_batch({"text": ["The bridge was closed on Tuesday.", "Caf\u00e9 <post@cafe.fr>"]})


def compiled() -> bool:
    """Say whether the kernels were compiled on this machine before, by the cache of the largest of them."""
    folder = Path(LARGEST_KERNEL.stats.cache_path)
    return any(folder.glob(f"*{LARGEST_KERNEL.py_func.__name__}-*.nbi"))


def compile_first(operators: Sequence[Operator]) -> None:
    """Compile and cache the kernels of operators by running them on two short texts; rules of the user's have none."""
    apply_operators([one for one in operators if not isinstance(one, SqlRule | PythonRule)], _BATCH)


def warm() -> None:
    """Compile and cache every kernel by running it on two short texts (seconds the first time)."""
    warm_reading()
    Language()(_BATCH)
    PersonalData(action="mask")(_BATCH)
    for what in ("words", "lines", "substring", "characters"):
        Listed("warm", entries=("a",), what=what, action="cut" if what == "lines" else "find")(_BATCH)
    PieceCounts(Cut.GPT2, lambda pieces: [1] * len(pieces)).count(*utf8_bytes(_BATCH["text"]))
    Signatures(mode="datatrove")(_BATCH)
    signals = pa.Table.from_batches([Signatures()(_BATCH)] * 2)
    with TemporaryDirectory() as folder:
        resolve_duplicates([signals], Path(folder) / "removed.parquet")
        resolve_spans([[SpanHashes(span=1, words=1)(_BATCH)]] * 2, Path(folder))
