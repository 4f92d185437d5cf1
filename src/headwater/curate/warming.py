"""Compiling the kernels of this folder ahead of their first use."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from headwater.curate.duplicates import resolve_duplicates
from headwater.curate.language import Language
from headwater.curate.listed import Listed
from headwater.curate.personal import PersonalData
from headwater.curate.sentences import SpanHashes, resolve_spans
from headwater.curate.signatures import Signatures
from headwater.text.piece_counts import PieceCounts
from headwater.text.pieces import Cut
from headwater.text.utf8 import utf8_bytes

_BATCH = pa.record_batch({"text": ["The bridge was closed on Tuesday.", "Caf\u00e9 <post@cafe.fr>"]})


def warm() -> None:
    """Compile and cache every kernel by running it on two short texts (seconds the first time)."""
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
