"""What a curation did, in words and numbers: the verdict, the equation, alarming losses, and how copies differ."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from headwater.curate.result import Counts, CurateResult, Loss, PairSample, PersonalFound, RuleLoss
from headwater.report.text import count, listed, name, percent, plural, printable, significant

LARGE_LOSS = 0.5
"""Share of its documents above which what a source lost is pointed out."""
NEARLY_ALL = 0.95
"""Share above which next to nothing of a source is left."""
FEW_DOCUMENTS = 20
"""Documents below which a large loss of a source is no news."""

BANDS, ROWS = 14, 8
"""Bands of MinHash values and values of a band, where the settings do not say."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one of two texts that are compared."""

    text: str
    differs: bool
    """Whether the other text does not have it."""


def curate_verdict(result: CurateResult) -> str:
    """Return what a curation kept and what it did not, in one sentence."""
    counts = result.documents
    if not counts.read:
        return f"There was no document to curate{_failed(result)}."
    if counts.kept == counts.read:
        kept = "The one document was kept" if counts.read == 1 else f"All {count(counts.read)} documents were kept"
    else:
        many = f"{count(counts.kept)} of " if counts.kept else "None of "
        kept = f"{many}{plural(counts.read, 'document')} {'was' if counts.kept < 2 else 'were'} kept"
        kept += f" ({percent(counts.kept / counts.read, 1)})" if counts.kept else ""
    some = result.characters and counts.kept < counts.read
    parts = [f"{percent(result.kept_characters / result.characters, 1)} of the characters"] if some else []
    if result.tokens is not None:
        parts.append(plural(result.tokens, "token"))
    with_them = f", with {' and '.join(parts)}" if counts.kept and parts else ""
    lost = [_dropped(result)] if counts.dropped else []
    if counts.bad:
        lost.append(f"{plural(counts.bad, 'record')} {'was' if counts.bad == 1 else 'were'} bad")
    rest = "; " + ", and ".join(lost) if lost else ""
    wrong = "" if counts.adds_up else "; the counts do not add up"
    return f"{kept}{with_them}{rest}{_failed(result)}{wrong}."


def _dropped(result: CurateResult) -> str:
    dropped = result.documents.dropped
    words = f"{count(dropped)} {'was' if dropped == 1 else 'were'} dropped"
    top = max(result.rules, key=lambda rule: rule.dropped, default=None)
    return f"{words}, most often for {name(top.rule)} ({count(top.dropped)})" if top and top.dropped else words


def _failed(result: CurateResult) -> str:
    many = len(result.failed)
    return f"; {plural(many, 'part')} of the input could not be worked on" if many else ""


def equation(counts: Counts) -> str:
    """Return the counts as the equation that has to hold: in = kept + dropped + bad."""
    kept, dropped, bad = count(counts.kept), count(counts.dropped), count(counts.bad)
    return f"{count(counts.read)} in = {kept} kept + {dropped} dropped + {bad} bad"


def missing_words(counts: Counts) -> str:
    """Return by how many documents the equation is off; empty where it holds."""
    off = counts.read - counts.kept - counts.dropped - counts.bad
    if not off:
        return ""
    return f"{plural(off, 'document')} missing" if off > 0 else f"{plural(-off, 'document')} too many"


def personal_words(found: PersonalFound, settings: Mapping[str, object]) -> str:
    """Return what personal data were found and what was done with them."""
    if not found.documents:
        return "Personal data were looked for and none were found."
    kinds = listed([f"{count(many)} {kind.replace('_', ' ')}" for kind, many in found.finds.items() if many])
    chosen = settings.get("personal_data")
    action = chosen.get("action") if isinstance(chosen, Mapping) else None
    done = {"mask": " Placeholders stand for them in the kept text.", "drop": " Documents with any were dropped."}
    said = (
        f"Personal data were found in {plural(found.documents, 'document')}, {count(found.kept)} of them kept: {kinds}."
    )
    return said + done.get(str(action), "")


def threshold_words(threshold: float | Sequence[str] | None) -> str:
    """Return a threshold as it is written in the settings: ``0.3``, ``100,000``, ``en, de``; a dash without one."""
    if threshold is None:
        return "–"
    return f"{threshold:,.10g}" if isinstance(threshold, int | float) else printable(", ".join(threshold), 80)


def against_threshold(measured: float | str | None, threshold: float | Sequence[str] | None) -> str:
    """Return ``0.412 > 0.3``: a measured value, how it lies, and the threshold it was compared with."""
    if measured is None:
        return "–"
    if isinstance(measured, str) or not isinstance(threshold, int | float | None):
        return f"{name(str(measured))}, none of {threshold_words(threshold)}"
    if threshold is None:
        return _short(measured)
    sign = ">" if measured > threshold else "<" if measured < threshold else "="
    digits = 3
    # 0.3002 lies above 0.3, and has to be seen to.
    while digits < 12 and sign in "<>" and f"{measured:.{digits}g}" == f"{threshold:.{digits}g}":
        digits += 1
    return f"{_short(measured, digits)} {sign} {threshold_words(threshold)}"


def _short(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, without zeros at its end."""
    shown = significant(value, digits)
    return shown.rstrip("0").rstrip(".") if "." in shown and "×" not in shown else shown


def line(text: str, limit: int) -> str:
    """Return the beginning of a text on one line, with its line breaks shown, since some rules are about those."""
    return re.sub(r"\s*\n\s*", " ↵ ", printable(text, limit)).strip() or "(empty)"


def alarms(sources: Sequence[Loss]) -> list[Loss]:
    """Return the sources that lost more than ``LARGE_LOSS``, without the tiny ones: those that lost most first."""
    found = [one for one in sources if one.documents >= FEW_DOCUMENTS and one.lost_share > LARGE_LOSS]
    return sorted(found, key=lambda one: (-(one.lost_share > NEARLY_ALL), -one.documents, one.name))


def lost_characters(loss: Loss) -> float | None:
    """Return the share of characters that was dropped, 0 to 1; None without a character."""
    return 1 - loss.kept_characters / loss.characters if loss.characters else None


def reasons_words(reasons: Mapping[str, int], most: int) -> str:
    """Return ``near_duplicate 1,203, too_few_words 318``, the commonest first; a dash where there is none."""
    ranked = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))[:most]
    return ", ".join(f"{name(reason)} {count(many)}" for reason, many in ranked) or "–"


def bands_and_rows(settings: Mapping[str, object]) -> tuple[int, int] | None:
    """Return the bands and rows that near-duplicates were looked for with; None where they were not."""
    given = settings.get("duplicates")
    given = given if isinstance(given, Mapping) else {}
    if given.get("near") is False:
        return None
    bands, rows = given.get("bands"), given.get("rows")
    return (
        bands if isinstance(bands, int) and bands > 0 else BANDS,
        rows if isinstance(rows, int) and rows > 0 else ROWS,
    )


def found_probability(similarity: float, bands: int = BANDS, rows: int = ROWS) -> float:
    """Return the probability that two documents become a candidate pair, ``1 - (1 - s^rows)^bands`` (Broder 1997).

    Args:
        similarity: Jaccard index s of their word sequences, 0 to 1.
        bands: bands of MinHash values, one of which has to agree.
        rows: values of a band, all of which have to agree.
    """
    return float(1 - (1 - similarity**rows) ** bands)


def similarity_at(probability: float, bands: int = BANDS, rows: int = ROWS) -> float:
    """Return the similarity at which a pair is found with a probability: the inverse of ``found_probability``."""
    return float((1 - (1 - probability) ** (1 / bands)) ** (1 / rows))


def similarity_words(pair: PairSample, values: int = BANDS * ROWS) -> str:
    """Return how alike two documents are, with the standard error of the estimate: ``sqrt(s (1 - s) / values)``."""
    if pair.reason == "exact_duplicate":
        return "equal texts"
    if pair.similarity is None:
        return "not estimated"
    error = (max(pair.similarity * (1 - pair.similarity), 0.0) / values) ** 0.5
    return f"similarity {pair.similarity:.2f} ± {error:.2f}"


def differences(removed: str, kept: str, limit: int) -> tuple[list[Piece], list[Piece]]:
    """Return two texts as pieces, each on one line and cut, with the words that only one of them has marked.

    Where a text is cut off, what the other has beyond it is not known to differ and is not marked.
    """
    left, right = line(removed, limit), line(kept, limit)
    cut = len(removed) > limit or len(kept) > limit
    mine, other = re.findall(r"\s+|\S+", left), re.findall(r"\s+|\S+", right)
    steps = SequenceMatcher(None, mine, other, autojunk=False).get_opcodes()
    ends = len(steps) - 1
    marked = [(tag != "equal" and not (cut and i == ends), step) for i, (tag, *step) in enumerate(steps)]
    return (
        _joined([Piece("".join(mine[a:b]), differs) for differs, (a, b, _, _) in marked]),
        _joined([Piece("".join(other[c:d]), differs) for differs, (_, _, c, d) in marked]),
    )


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    return [Piece(piece.text, piece.differs and not piece.text.isspace()) for piece in pieces if piece.text]


def rethresholdable(rules: Sequence[RuleLoss]) -> list[RuleLoss]:
    """Return the rules that compare a stored value with a number, those first that alone drop the most."""
    found = [rule for rule in rules if rule.measure and isinstance(rule.threshold, int | float)]
    return sorted(found, key=lambda rule: (-rule.alone, -rule.dropped))


def rethreshold_command(out: str, reason: str, value: str) -> str:
    """Return the command that decides again from stored values; ``DIR`` and ``REASON`` where a name cannot be shown."""
    folder = shlex.quote(out) if _shown_whole(out) else "DIR"
    return f"headwater rethreshold {folder} --set {shlex.quote(reason) if _shown_whole(reason) else 'REASON'}={value}"


def _shown_whole(text: str) -> bool:
    return bool(text) and printable(text, 300) == text and "\n" not in text


def settings_lines(settings: Mapping[str, object], prefix: str = "") -> list[str]:
    """Return settings as lines of dotted keys and values: ``duplicates.near = true``."""
    lines = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            lines += settings_lines(value, f"{prefix}{key}.")
        else:
            lines.append(f"{prefix}{key} = {json.dumps(value, ensure_ascii=False, default=str)}")
    return lines
