"""The training mix: every human document, and admitted machine documents up to a share."""

import numpy as np
import pyarrow as pa

from headwater.gate.selection import token_counts
from headwater.schema import content_id


def within_share(human: pa.Table, admitted: pa.Table, share: float) -> pa.Table:
    """Return the admitted documents that fit under the largest machine share.

    Where they do not all fit, documents are taken in the order of a hash of their ids: a fixed random sample that
    changes little when documents are added. Ids themselves may be the user's own, and sort by recipe.

    Args:
        human: the human training documents, which are never left out.
        admitted: admitted machine documents.
        share: largest machine-made share of all tokens, in [0, 1]; 1 means no limit.
    """
    counts = token_counts(admitted)
    if share >= 1 or counts.sum() * (1 - share) <= share * token_counts(human).sum():
        return admitted
    limit = share / (1 - share) * token_counts(human).sum()
    order = np.argsort(np.array([content_id(key) for key in admitted["id"].to_pylist()], dtype=np.str_), kind="stable")
    fitting = order[np.cumsum(counts[order]) <= limit]
    return admitted.take(pa.array(np.sort(fitting)))


def training_mix(human: pa.Table, admitted: pa.Table, share: float) -> pa.Table:
    """Return the human documents and those machine documents that fit under the share."""
    return pa.concat_tables([human, within_share(human, admitted, share)])
