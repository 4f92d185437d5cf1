"""Rules: which measured values drop a document, and why. Measuring is done before; rules only compare.

Every rule is asked for every document, so a document has all the reasons it fails for, in the order of the rules, and
other thresholds can be tried later on the stored values. A value that could not be measured (null) fails no rule.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.curate.reasons import sentence_of
from headwater.engine import Operator
from headwater.errors import ConfigError, InputError, did_you_mean

Comparison = Literal["above", "below", "outside"]
Threshold = float | tuple[str, ...] | None

_WORDS: Mapping[Comparison, str] = {"above": "is above", "below": "is below", "outside": "is none of"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One test of one measured value."""

    reason: str
    """Why a document that fails it is dropped: a ``Reason``, or ``custom:`` and a name."""
    measure: str
    """The column it looks at."""
    fails: Comparison
    """A value fails when it is above the threshold, below it, or none of the values of the threshold."""
    threshold: Threshold
    """What the value is compared with, strictly; None: the rule is off. 0 is a threshold like any other."""
    family: str
    """The published filter, or the step, it belongs to."""

    @property
    def sentence(self) -> str:
        """What it means for a document to fail the rule."""
        return sentence_of(self.reason)

    def __str__(self) -> str:
        """The rule in words, as ``words is below 50``."""
        if self.threshold is None:
            return f"{self.measure}: off"
        limit = ", ".join(self.threshold) if isinstance(self.threshold, tuple) else f"{self.threshold:g}"
        return f"{self.measure} {_WORDS[self.fails]} {limit}"

    def failed(self, values: pa.Array) -> NDArray[np.bool_]:
        """Return for each value whether it fails the rule; a null does not."""
        if self.threshold is None:
            return np.zeros(len(values), dtype=np.bool_)
        if isinstance(self.threshold, tuple):
            found = pc.invert(pc.is_in(values, value_set=pa.array(self.threshold, pa.string())))
            found = pc.and_(found, pc.is_valid(values))
        else:
            compare = pc.greater if self.fails == "above" else pc.less
            found = pc.fill_null(compare(pc.cast(values, pa.float64()), self.threshold), fill_value=False)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in their order, and the operators that measure what they look at."""

    name: str
    rules: tuple[Rule, ...]
    """In the order their reasons are given in; of the published filters, the order they are tried in."""
    operators: tuple[Operator, ...] = ()
    """What measures the columns, in the order they are applied; one may rewrite the text for those after it."""

    def __post_init__(self) -> None:
        reasons = [rule.reason for rule in self.rules]
        double = sorted({reason for reason in reasons if reasons.count(reason) > 1})
        if double:
            raise ConfigError([f"two rules have the reason {reason!r}" for reason in double], f"the rules {self.name}")

    @property
    def families(self) -> tuple[str, ...]:
        """The families of the rules, in their order."""
        return tuple(dict.fromkeys(rule.family for rule in self.rules))

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that rules look at which are not off."""
        return tuple(dict.fromkeys(rule.measure for rule in self.rules if rule.threshold is not None))

    def of(self, *families: str) -> "RuleSet":
        """Return the rules of some families only."""
        return replace(self, rules=tuple(rule for rule in self.rules if rule.family in families))

    def and_also(self, rules: Iterable[Rule], operators: Iterable[Operator] = ()) -> "RuleSet":
        """Return the set with more rules and operators behind its own."""
        return replace(self, rules=(*self.rules, *rules), operators=(*self.operators, *operators))

    def changed(self, thresholds: Mapping[str, float | bool | None], where: str = "thresholds") -> "RuleSet":
        """Return the set with other thresholds.

        Args:
            thresholds: reason to number; None and False switch the rule off.
            where: what holds the thresholds, for the message about faults.

        Raises:
            ConfigError: a reason is none of this set, or a threshold no number; every fault is named.
        """
        known = {rule.reason: rule for rule in self.rules}
        faults = []
        for reason, threshold in thresholds.items():
            if reason not in known:
                there = f"Known: {', '.join(known)}.{did_you_mean(reason, known)}" if known else "It has no rules."
                faults.append(f"{reason}: there is no such rule in {self.name!r}. {there}")
            elif isinstance(known[reason].threshold, tuple) and threshold is not None and threshold is not False:
                faults.append(f"{reason}: it is compared with names, not with a number (given: {threshold!r})")
            elif not _is_threshold(threshold):
                faults.append(
                    f"{reason}: a threshold is a number, or false for a rule that is off (given: {threshold!r})"
                )
        if faults:
            raise ConfigError(faults, where)
        new = {key: None if value is None or value is False else float(value) for key, value in thresholds.items()}
        rules = tuple(replace(rule, threshold=new[rule.reason]) if rule.reason in new else rule for rule in self.rules)
        return replace(self, rules=rules)

    def decide(self, measured: pa.RecordBatch | pa.Table | pa.StructArray) -> pa.ListArray:
        """Return why each document is dropped: a list of reasons in the order of the rules, empty if it is kept.

        Args:
            measured: the columns the rules look at; others are left alone.

        Raises:
            InputError: a column is missing.
        """
        failed = np.zeros((len(measured), len(self.rules)), dtype=np.bool_)
        for place, rule in enumerate(self.rules):
            if rule.threshold is not None:
                failed[:, place] = rule.failed(_column(measured, rule))
        offsets = np.zeros(len(measured) + 1, dtype=np.int32)
        np.cumsum(failed.sum(axis=1), out=offsets[1:])
        reasons = pa.array([str(rule.reason) for rule in self.rules], pa.string())
        return pa.ListArray.from_arrays(pa.array(offsets), reasons.take(pa.array(np.nonzero(failed)[1])))


def _is_threshold(value: object) -> bool:
    if value is None or value is False:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _column(measured: pa.RecordBatch | pa.Table | pa.StructArray, rule: Rule) -> pa.Array:
    names = [field.name for field in measured.type] if isinstance(measured, pa.StructArray) else measured.schema.names
    if rule.measure not in names:
        raise InputError(
            f"The rule {rule.reason!r} needs the column {rule.measure!r}, which was not measured. "
            f"Columns: {', '.join(names) or 'none'}. Measure it first, or switch the rule off."
        )
    column = measured.field(rule.measure) if isinstance(measured, pa.StructArray) else measured[rule.measure]
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
