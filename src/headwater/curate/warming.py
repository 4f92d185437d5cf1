"""Compiling the kernels of this folder ahead of their first use."""

import pyarrow as pa

from headwater.curate.language import Language
from headwater.curate.personal import PersonalData

_BATCH = pa.record_batch({"text": ["The bridge was closed on Tuesday.", "Caf\u00e9 <post@cafe.fr>"]})


def warm() -> None:
    """Compile and cache every kernel by running it on two short texts (seconds the first time)."""
    Language()(_BATCH)
    PersonalData(action="mask")(_BATCH)
