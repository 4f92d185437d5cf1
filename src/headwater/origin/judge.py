"""A detector with the references it is read against: known human texts, and machine texts where there are some."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from headwater.measure.detection import auroc
from headwater.origin.detector.detector import Detector, content_id, default_detector, load_detector
from headwater.origin.detector.fit import fit_detector
from headwater.origin.detector.lm_columns import StatisticsReader
from headwater.origin.detector.lm_models import ready
from headwater.origin.examine import scored
from headwater.origin.references import NOTHING_KNOWN, Known, without_shared
from headwater.origin.result import ReferenceFacts
from headwater.origin.share import DevelopmentScores, ks_distance
from headwater.origin.verdicts import SHORT_WORDS, LengthBuckets

LEAST_FITTED = 25
"""Known human and known machine texts from which on the detector is fitted to them."""
_MOST_LEARNT = 0.1  # share of the references a detector may know already before fitting to them flatters it
_SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Scores of texts of one known origin by models that had not seen them; what cannot be judged is left out."""

    scores: NDArray[np.float64]
    """Shape (texts,)."""
    words: NDArray[np.int64]
    """Words of each, shape (texts,)."""
    groups: NDArray[np.str_]
    """Unit of independence of each, shape (texts,)."""
    kinds: NDArray[np.str_] | None = None
    """What each has in the columns the corpus is grouped by, shape (texts,); None where nobody asked."""

    def __len__(self) -> int:
        return len(self.scores)

    def at_least(self, words: int) -> "Side":
        """Return the texts of at least so many words."""
        return self._where(self.words >= words)

    def of_kind(self, kind: str) -> "Side":
        """Return the texts with these values in the grouping columns; see :func:`kind_of`."""
        same = self.kinds == kind if self.kinds is not None and kind else np.zeros(len(self), np.bool_)
        return self._where(same)

    def _where(self, kept: NDArray[np.bool_]) -> "Side":
        kinds = None if self.kinds is None else self.kinds[kept]
        return Side(self.scores[kept], self.words[kept], self.groups[kept], kinds)


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """What documents are judged with."""

    detector: Detector
    """Scores documents."""
    human: Side | None
    """Known human texts of the user; None without."""
    machine: Side | None
    """Known machine texts of the user; None without."""
    known: Mapping[int, float]
    """Held-out scores of texts the detector was fitted to, by content."""
    facts: ReferenceFacts
    """What is to be said about the references."""

    @property
    def yardstick(self) -> Side:
        """The human texts p-values are taken against: the user's, or else those the detector learnt from."""
        return self.human or _learnt(self.detector, machine=False)


def judge_of(
    human: Known,
    machine: Known,
    *,
    detector: Path | None,
    thorough: bool,
    rng: np.random.Generator,
    tell: Callable[[str], None] = lambda what: None,
    language_models: StatisticsReader | None = None,
) -> Judge:
    """Return the detector, fitted to the known texts where there are enough of both, with held-out references.

    Args:
        human: texts known to be human.
        machine: texts known to be machine-made.
        detector: folder of a fitted detector; None: the shipped one.
        thorough: use the slower form, with a model of characters.
        rng: divides the texts into folds.
        tell: told what is being done.
        language_models: models whose statistics are further columns of a detector that is fitted here; None: those
            of the detector, if it was fitted with any, from where they were.

    Raises:
        InputError: the detector cannot be used, or not with these language models.
    """
    base = default_detector(thorough=thorough) if detector is None else load_detector(detector)
    if base.lm is not None:
        tell("loading the language models")
        base = ready(base, language_models)
    human, machine, shared = without_shared(human, machine)
    remarks = []
    if shared:
        remarks.append(f"{shared:,} texts are among the human and the machine references; they were left out of both.")
    seen = seen_scores(base)
    learnt = count_seen(seen, (*human.texts, *machine.texts))
    if learnt:
        remarks.append(
            f"{learnt:,} of the references are texts the detector learnt from; their held-out scores stand for them. "
            "It is not fitted to references again of which it knows more than a tenth."
        )
    fresh = learnt <= _MOST_LEARNT * (len(human) + len(machine))
    if min(len(human), len(machine)) >= LEAST_FITTED and fresh:
        tell("fitting the detector to the references")
        fitted = fit_detector(
            human.texts,
            machine.texts,
            human_groups=human.groups,
            machine_groups=machine.groups,
            base=base,
            thorough=thorough,
            rng=rng,
            language_models=language_models,
        )
        one = fitted.detector
        scores = np.concatenate([fitted.human_scores, fitted.machine_scores])
        known = dict(zip(map(int, map(content_id, (*human.texts, *machine.texts))), scores.tolist(), strict=True))
    else:
        one = base
        known = seen
        if len(machine) and fresh:
            remarks.append(
                f"{len(human):,} human and {len(machine):,} machine references are too few to fit the detector to; "
                f"{LEAST_FITTED} of each are needed."
            )
    tell("scoring the references")
    human_scores = scored(one, human.texts, known)[:2] if len(human) else None
    machine_scores = scored(one, machine.texts, known)[:2] if len(machine) else None
    human_side, machine_side = _side(human, human_scores), _side(machine, machine_scores)
    if human_side is None and machine_side is None and one.references.own.any():
        human_side, machine_side = (_learnt(one, machine=kind, own=True) for kind in (False, True))
        remarks.append(
            "The references are the texts the detector was fitted to. What is said of the corpus holds as far as it is "
            "of their kind, which nothing here can show; give references of the corpus' own kind with --human and --ai."
        )
    elif one.lm is not None:
        human_side, machine_side, remark = _completed(one, human_side, machine_side)
        remarks += remark
    left_out = len(human) - len(human_side) if human_side is not None and len(human) else 0
    if left_out:
        verb = "is" if left_out == 1 else "are"
        remarks.append(f"{left_out:,} of the human references {verb} no English prose; nothing is compared with them.")
    facts = ReferenceFacts(
        human=len(human_side) if human_side else 0,
        machine=len(machine_side) if machine_side else 0,
        auroc=_auroc(one, human_side, machine_side),
        shift=_shift(base, human_side) if one.lm is None else None,
        remarks=(*remarks, *_suspicious(human, human_scores, one, machine_side)),
    )
    return Judge(one, human_side, machine_side, known, facts)


def _completed(
    detector: Detector, human: Side | None, machine: Side | None
) -> tuple[Side | None, Side | None, list[str]]:
    """Return both sides, one that is missing made up by texts the detector was fitted to, and what to say about it.

    Scores with language models cannot be compared with those of the shipped detector's texts, which have none.
    """
    if human is not None and machine is not None and len(machine) >= LEAST_FITTED:
        return human, machine, []
    which = "human" if human is None else "machine"
    return (
        human or _learnt(detector, machine=False, own=True),
        machine if machine is not None and len(machine) >= LEAST_FITTED else _learnt(detector, machine=True, own=True),
        [
            f"Too few {which} references were given, so the {which} texts the detector was fitted to stand for them: "
            "it reads language models, and other texts have no scores that it could be compared with."
        ],
    )


def seen_scores(detector: Detector) -> dict[int, float]:
    """Return held-out scores of every text a detector learnt from, by content: the user's and the shipped one's."""
    learnt = detector.references
    content = learnt.content.copy()
    shipped = _labels()[2]
    if (~learnt.own).sum() == len(shipped):
        content[~learnt.own] = shipped
    scored = (content != 0) & np.isfinite(learnt.scores)
    return dict(zip(content[scored].tolist(), learnt.scores[scored].tolist(), strict=True))


def count_seen(seen: Mapping[int, float], texts: Sequence[str]) -> int:
    """Return how many texts are among those a detector learnt from (:func:`seen_scores`)."""
    return sum(int(content_id(text)) in seen for text in texts)


_Scored = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Words and scores of texts."""


def _side(texts: Known, found: _Scored | None) -> Side | None:
    if found is None:
        return None
    words, scores = found
    kept = ~np.isnan(scores)
    kinds = np.array(texts.kinds, dtype=np.str_)[kept] if texts.kinds else None
    return Side(scores[kept], words[kept], np.array(texts.groups, dtype=np.str_)[kept], kinds)


def _learnt(detector: Detector, *, machine: bool, own: bool = False) -> Side:
    """Return texts that a detector learnt from: the user's, or the shipped detector's.

    The latter count twice, as held out by group and as held out by domain: text to be judged may be of a domain the
    detector knows or of one it does not.
    """
    sets = [detector.references] if own else [detector.references, detector.unfamiliar]
    chosen = [(one.is_machine == machine) & np.isfinite(one.scores) & (one.own == own) for one in sets]
    if detector.lm is not None:  # scores without language models lie on another scale
        chosen = [rows & np.isfinite(detector.lm.statistics).all(axis=1) for rows in chosen]
    scores = np.concatenate([one.scores[rows] for one, rows in zip(sets, chosen, strict=True)])
    words = np.concatenate([one.words[rows] for one, rows in zip(sets, chosen, strict=True)])
    groups = np.concatenate([np.flatnonzero(rows) for rows in chosen]).astype(np.str_)
    return Side(scores, words, groups)


@cache
def _labels() -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.uint64]]:
    """Return domain, generator and content id of the texts that the shipped detector learnt from, in their order."""
    with (files("headwater.origin.detector") / "default" / "labels.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return stored["domain"], stored["generator"], stored["content"]


def development(detector: Detector) -> DevelopmentScores:
    """Return scores of the texts that the shipped detector learnt from, by models that knew nothing of their domain.

    They are this detector's where it started from the shipped one, which keeps their place in its memory.
    """
    domain, generator, _ = _labels()
    if (~detector.references.own).sum() != len(domain):
        detector = default_detector()
    references = detector.unfamiliar
    chosen = ~references.own & np.isfinite(references.scores) & (references.words >= SHORT_WORDS)
    kept = chosen[~references.own]
    return DevelopmentScores(references.scores[chosen], references.is_machine[chosen], domain[kept], generator[kept])


def _auroc(detector: Detector, human: Side | None, machine: Side | None) -> float | None:
    if human is None or not len(human):
        return None
    others = machine.scores if machine is not None and len(machine) else development(detector).machine_scores
    return auroc(human.scores, others)


def _shift(base: Detector, human: Side | None) -> float | None:
    """Return the Kolmogorov-Smirnov distance of the references' scores to those of the texts learnt from."""
    if human is None or not len(human):
        return None
    return ks_distance(human.scores, development(base).human_scores)


def _suspicious(human: Known, found: _Scored | None, detector: Detector, machine: Side | None) -> list[str]:
    """Say which human references score as machine texts do: a reserve may be contaminated."""
    if found is None:
        return []
    scores = found[1]
    others = machine.scores if machine is not None and len(machine) else development(detector).machine_scores
    limit = float(np.median(others))
    odd = np.flatnonzero(scores > limit)
    if not len(odd):
        return []
    worst = odd[np.argsort(-scores[odd], kind="stable")][:_SHOWN]
    named = "; ".join(f"{' '.join(human.texts[row].split())[:80]!r}" for row in worst)
    return [
        f"{len(odd):,} of {len(human):,} human references score higher than half of the machine texts do. If they are "
        f"machine-made, every number here is too low. Look at them first: {named}"
    ]


def machine_p_values(texts: Sequence[str]) -> list[float]:
    """Return how likely so high a score is among human texts: the shipped detector's p-values, for whoever asks.

    Not a number for texts that are too short or no English prose.
    """
    silent = judge_of(NOTHING_KNOWN, NOTHING_KNOWN, detector=None, thorough=False, rng=np.random.default_rng(0))
    side = silent.yardstick
    words, scores, _ = scored(silent.detector, texts, silent.known)
    p = LengthBuckets.of(side.scores, side.words).p_values(scores, words)
    return np.where(words >= SHORT_WORDS, p, np.nan).tolist()
