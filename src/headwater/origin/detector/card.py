"""The card of a detector: what it learnt from, how good it is by which protocol, and what it cannot do.

A detector without its card is a number without a meaning; the two are saved together and refuse to be parted.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.measure.detection import auroc, tpr_at_fpr

LIMITS = (
    "A score is no probability. What it means is read off known human texts of the same kind (a reserve); without them "
    "there is no number to trust.",
    "English prose only. Other languages, code, tables and lists are refused by name. Texts of mixed authorship and "
    "human texts edited by a machine are a class of their own that is not recognised.",
    "Below 50 words nothing is said about a single text.",
    "The shipped detector learnt no generator later than mid-2024 and no text in more than thirteen domains. A newer "
    "generator, or one that was told to write differently, is found less often; paraphrase costs most of the recall "
    "at a false-positive rate of 1%.",
    "Continuations by base models (without instruction tuning) are not recognised.",
    "Simple wording: whether texts of non-native writers, of children or of admission essays are flagged more often "
    "must be checked on the user's own reserve.",
    "Canonical and much-quoted text (scripture, poems, licences) needs a match list of its own.",
    "A false-positive rate holds for texts like those its threshold was taken from; it travels better than the recall.",
    "Absence of a sign of machine text proves nothing. A detector is the last in the precedence of evidence.",
)
"""What every user of a detector should know."""
LM_LIMIT = (
    "It reads how predictable a text is to a large language model, and simple wording is predictable. That brings back "
    "the bias against non-native writers, children and everyone who writes plainly, which the other models do not have "
    "(seven detectors of 2023 flagged 48% to 76% of the essays of non-native writers: Liang et al. 2023). "
    "Before its verdicts count, look at the false positives on a reserve of your own that holds such writers, with and "
    "without the language models."
)
"""What a user of a detector with statistics of language models should know besides."""


@dataclass(frozen=True, slots=True)
class Source:
    """A collection of texts."""

    name: str
    """What it is called."""
    licence: str
    """Under which licence it was used."""
    texts: int
    """Texts taken from it."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well scores tell two sets of texts apart."""

    name: str
    """Which texts: a domain, a generator, or ``mean``."""
    human: int
    """Human texts."""
    machine: int
    """Machine texts."""
    auroc: float
    """Area under the receiver operating characteristic, 0 to 1."""
    tpr_1: float
    """Share of machine texts found where at most 1% of these human texts are flagged."""
    tpr_5: float
    """The same at 5%."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way of measuring, with its results."""

    name: str
    """What was left out, such as ``leave one domain out``."""
    cells: tuple[Quality, ...]
    """Results, one per set left out."""
    mean: Quality
    """Their mean."""


@dataclass(frozen=True, slots=True)
class FalsePositives:
    """Human texts of a source, flagged at a threshold that was fixed before."""

    source: str
    """Where they are from."""
    texts: int
    """How many."""
    flagged: int
    """How many exceed the threshold: that of 1% of the human texts learnt, held out by group and by domain."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Words of the texts after normalisation: 5th, 50th and 95th percentile."""

    low: float
    """5% are shorter."""
    median: float
    """Half are shorter."""
    high: float
    """5% are longer."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How good one form of a detector is."""

    held_out: Quality | None = None
    """As :attr:`Card.held_out`."""
    protocols: tuple[Protocol, ...] = ()
    """As :attr:`Card.protocols`."""
    false_positives: tuple[FalsePositives, ...] = ()
    """As :attr:`Card.false_positives`."""
    calibration_error: float | None = None
    """As :attr:`Card.calibration_error`."""
    held_out_without: Quality | None = None
    """As :attr:`Card.held_out_without`."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model a detector reads."""

    source: str
    """Folder, or name on the Hugging Face hub."""
    fingerprint: str
    """SHA-256 over its configuration, its tokenizer and values of each of its tensors."""


@dataclass(frozen=True, slots=True)
class ModelPair:
    """The language models whose statistics are columns of the stack; one model may be both."""

    scoring: LanguageModel
    """Whose probabilities are looked at: scoring model of Fast-DetectGPT, performer of Binoculars."""
    reference: LanguageModel
    """Over whose distribution the expectation runs: reference model, observer."""
    tokens: int
    """Tokens of a text that are read at most."""

    @property
    def names(self) -> str:
        """The models' sources, to name them in a sentence."""
        same = self.scoring == self.reference
        return self.scoring.source if same else f"{self.scoring.source} with reference {self.reference.source}"

    def same_models(self, other: "ModelPair") -> bool:
        """Return whether both are the same models read in the same way, wherever they lie."""
        mine, others = ((one.scoring.fingerprint, one.reference.fingerprint, one.tokens) for one in (self, other))
        return mine == others


@dataclass(frozen=True, slots=True)
class Card:
    """What is known about a detector."""

    name: str
    """Its name."""
    version: str
    """Its version."""
    created: str
    """When it was made, ISO 8601; empty where that was not stated."""
    base: str
    """Name of the detector it started from; empty if none."""
    sources: tuple[Source, ...]
    """What it learnt from."""
    human: int
    """Human texts learnt, those of the base included."""
    machine: int
    """Machine texts learnt, those of the base included."""
    own_human: int
    """Of the human texts, those the user fitted it to; texts of a base are the base's, whoever gave them."""
    own_machine: int
    """Of the machine texts, those the user fitted it to."""
    weight: float
    """How often each of the user's texts counted."""
    domains: tuple[str, ...]
    """What the texts are about or where they are from."""
    generators: tuple[str, ...]
    """What made the machine texts."""
    dates: str
    """From when the texts are."""
    human_words: Lengths
    """Lengths of the human texts."""
    machine_words: Lengths
    """Lengths of the machine texts; zeros if there are none."""
    features: tuple[str, ...]
    """What it looks at."""
    held_out: Quality | None
    """On the texts it learnt last (the user's, or all), each scored by models that had not seen it."""
    protocols: tuple[Protocol, ...]
    """How it does on what it had no like of."""
    false_positives: tuple[FalsePositives, ...]
    """Human texts it never saw, flagged at the nominal 1%."""
    calibration_error: float | None
    """Expected calibration error of the held-out odds, half of the texts being machine-made."""
    languages: tuple[str, ...] = ("English",)
    """Languages it can judge."""
    refused: str = "every other language, by script where it can be told; code, tables and lists"
    """What it refuses."""
    limits: tuple[str, ...] = LIMITS
    """What it cannot do."""
    fast: Figures | None = None
    """The figures of the form without the fourth model; None for a detector that has none, whose own are above."""
    language_models: ModelPair | None = None
    """Language models it reads; None for a detector that needs none."""
    held_out_without: Quality | None = None
    """Where it reads language models: ``held_out`` without them, on the same texts."""

    def of_fast(self, features: tuple[str, ...]) -> "Card":
        """Return the card of the form without the fourth model, with its own figures; none where none were taken."""
        return replace(self, features=features, fast=None, **_fields(self.fast or Figures()))


def _fields(figures: Figures) -> dict[str, Any]:
    return {one.name: getattr(figures, one.name) for one in fields(figures)}


def quality(name: str, scores: NDArray[np.float64], is_machine: NDArray[np.bool_]) -> Quality:
    """Return how well scores tell the machine texts from the human ones."""
    human, machine = scores[~is_machine], scores[is_machine]
    return Quality(
        name,
        len(human),
        len(machine),
        auroc(human, machine),
        tpr_at_fpr(human, machine, 0.01),
        tpr_at_fpr(human, machine, 0.05),
    )


def protocol(name: str, cells: Sequence[Quality]) -> Protocol:
    """Return results with their mean, every cell counting the same."""
    mean = Quality(
        "mean",
        sum(cell.human for cell in cells),
        sum(cell.machine for cell in cells),
        float(np.mean([cell.auroc for cell in cells])),
        float(np.mean([cell.tpr_1 for cell in cells])),
        float(np.mean([cell.tpr_5 for cell in cells])),
    )
    return Protocol(name, tuple(cells), mean)


def lengths(words: NDArray[np.int64]) -> Lengths:
    """Return the percentiles of text lengths; zeros if there are none."""
    if not len(words):
        return Lengths(0.0, 0.0, 0.0)
    return Lengths(*(float(value) for value in np.quantile(words, (0.05, 0.5, 0.95))))


def card_to_json(card: Card, schema: int, weights_sha256: str) -> str:
    """Return the card as JSON, bound to its weights."""
    found = asdict(card)
    if card.language_models is None:  # the same file as before there were any
        del found["language_models"], found["held_out_without"]
        if card.fast is not None:
            del found["fast"]["held_out_without"]
    return json.dumps({"schema": schema, "weights_sha256": weights_sha256, **found}, indent=1) + "\n"


def card_from_json(text: str, schema: int, where: str) -> tuple[Card, str]:
    """Return a card and the SHA-256 of its weights.

    Raises:
        InputError: the text is no card, or one of a later version.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is no JSON ({error}). Take the whole folder of the detector again.") from None
    if not isinstance(found, dict) or not isinstance(found.get("schema"), int):
        raise InputError(f"{where} is no card of a detector: it has no schema number. Name a detector's folder.")
    if found["schema"] > schema:
        raise InputError(
            f"{where} has schema {found['schema']}; this version of headwater reads up to {schema}. Update headwater."
        )
    packed = found.pop("weights_sha256", None)
    try:
        return TypeAdapter(Card).validate_python({key: found[key] for key in found if key != "schema"}), str(packed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(one) for one in first["loc"])
        raise InputError(
            f"{where} is damaged: {first['msg']} at {place or 'the top'}. Take the whole folder of the detector again."
        ) from None


def card_markdown(card: Card) -> str:
    """Return the card as Markdown to read."""
    own = f" ({card.own_human} and {card.own_machine} of them the user's, weight {card.weight:g})" if card.base else ""
    lines = [
        f"# Detector {card.name} {card.version}".rstrip(),
        "",
        *([f"Made {card.created}."] if card.created else []),
        *([f"Started from detector {card.base}."] if card.base else []),
        f"Learnt from {card.human} human and {card.machine} machine texts{own}.",
        "",
        f"- Lengths in words (5%, 50%, 95%): human {_range(card.human_words)}; machine {_range(card.machine_words)}",
        f"- Generators: {', '.join(card.generators) or 'not stated'}",
        f"- Domains: {', '.join(card.domains) or 'not stated'}",
        f"- Dates: {card.dates or 'not stated'}",
        f"- Looks at: {'; '.join(card.features)}",
        f"- Languages: {', '.join(card.languages)}; refuses {card.refused}",
    ]
    if card.calibration_error is not None:
        lines.append(f"- Expected calibration error, held out, half machine: {card.calibration_error:.3f}")
    lines += [f"- Source: {one.name}, {one.texts} texts, {one.licence}" for one in card.sources]
    pair = card.language_models
    if pair is not None:
        lines += [
            f"- Language model, {role}: {one.source} (fingerprint {one.fingerprint[:12]})"
            for role, one in (("scoring", pair.scoring), ("reference", pair.reference))
        ]
        lines.append(f"- Tokens read by the language models: the first {pair.tokens}")
    if card.held_out is not None:
        rows = [card.held_out, *([card.held_out_without] if card.held_out_without is not None else [])]
        lines += ["", "## Held out", "", *_table(rows)]
    for one in card.protocols:
        lines += ["", f"## {one.name[:1].upper()}{one.name[1:]}", "", *_table([*one.cells, one.mean])]
    if card.false_positives:
        lines += ["", "## Human texts never seen, flagged at the nominal 1%", ""]
        lines += ["| source | texts | flagged | share |", "|---|---|---|---|"]
        for row in card.false_positives:
            share = row.flagged / row.texts if row.texts else 0.0
            lines.append(f"| {row.source} | {row.texts} | {row.flagged} | {share:.2%} |")
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in card.limits)]
    return "\n".join(lines) + "\n"


def _range(words: Lengths) -> str:
    return f"{words.low:.0f}, {words.median:.0f}, {words.high:.0f}"


def _table(rows: Sequence[Quality]) -> list[str]:
    head = ["| | human | machine | AUROC | TPR at 1% | TPR at 5% |", "|---|---|---|---|---|---|"]
    return head + [
        f"| {one.name} | {one.human} | {one.machine} | {one.auroc:.3f} | {one.tpr_1:.3f} | {one.tpr_5:.3f} |"
        for one in rows
    ]
