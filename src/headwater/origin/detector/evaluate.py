"""How a detector does on what it had no like of: domains, generators, both, and human text of other sources.

Whatever is left out is left out of everything: models, stack, and every text that shares a group with a tested one.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from headwater.origin.detector.card import FalsePositives, Protocol, Quality, protocol, quality
from headwater.origin.detector.detector import Detector
from headwater.origin.detector.fit import Material, fit_models, model_scores
from headwater.origin.detector.stack import fit_stack


def by_domain(
    name: str, scores: NDArray[np.float64], is_machine: NDArray[np.bool_], domains: Sequence[str]
) -> Protocol:
    """Return the quality of held-out scores in each domain, and its mean.

    Thresholds are those of the tested domain's human texts: the figure is of the order of the scores, not of a
    threshold that travels.
    """
    which = np.asarray(domains)
    cells = [quality(domain, scores[which == domain], is_machine[which == domain]) for domain in dict.fromkeys(domains)]
    return protocol(name, cells)


def leave_out(
    material: Material,
    groups: NDArray[np.int64],
    parts: NDArray[np.float64],
    tested: NDArray[np.bool_],
    learnt: NDArray[np.bool_],
    name: str,
) -> tuple[Quality, Quality]:
    """Return the quality on tested texts of a detector that learnt others: without and with the fourth model.

    Args:
        material: all texts.
        groups: group of each text.
        parts: the models' held-out scores of each text, for the stack. The stack learns them on ``learnt`` texts
            only; the models that gave them had learnt texts of other folds, tested ones included, which a stack of
            four numbers cannot hand on.
        tested: the texts to score.
        learnt: the texts that may be learnt; those in a group of a tested one are dropped.
        name: name of the cell.
    """
    kept = learnt & ~tested & ~np.isin(groups, groups[tested])
    found = model_scores(fit_models(material, kept.astype(np.float64)), material)[tested]
    labels = material.is_machine[tested]
    out = []
    for count in (3, parts.shape[1]):
        stack = fit_stack(parts[kept, :count], material.is_machine[kept], np.ones(int(kept.sum())))
        out.append(quality(name, stack.score(found[:, :count]), labels))
    return out[0], out[1]


def false_positives(detector: Detector, sources: Mapping[str, Sequence[str]]) -> tuple[FalsePositives, ...]:
    """Return how many human texts of each source exceed the detector's threshold of 1%."""
    threshold = detector.threshold(0.01)
    return tuple(
        FalsePositives(source, len(texts), int((detector.score(texts) > threshold).sum()))
        for source, texts in sources.items()
    )
