"""Numbers, names and sentences as a reader meets them."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from headwater.store import Part

ARM_NAMES = {
    "human-only": "Human only",
    "ungated": "Ungated",
    "filtered": "Filtered",
    "gated": "Gated",
    "gated-stream": "Gated + stream",
}
"""Loops of a run, by arm."""

SELECTION_NAMES = {
    "admit-all": "Everything",
    "random": "Random share",
    "lowest-perplexity": "Lowest perplexity",
    "dsir": "DSIR",
    "discriminator": "Discriminator",
    "headwater": "Headwater gate",
    "ceiling": "Ceiling",
}
"""Ways of choosing from the stream, by arm."""

PART_PURPOSES = {
    Part.TRAIN: "trains the models; the human base of every loop",
    Part.SOURCES: "unseen documents the run's own rewrites are made from",
    Part.STEERING: "its scores may be shown and steer what is made next",
    Part.CERTIFICATION: "only answers admit or not yet",
    Part.FINAL: "only reported on; every loss in this report is on it",
}

# XML allows neither control characters nor lone surrogates nor the two non-characters: the SVG renderer aborts the
# whole process on them. The characters that reverse or hide text could make one name pass for another.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def printable(text: str, limit: int = 400) -> str:
    """Return a text that any renderer can show: unprintable characters become U+FFFD, long texts end in an ellipsis."""
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def name(text: str) -> str:
    """Return the name of a recipe or arm on one line, at most 60 characters long."""
    return printable(" ".join(text.split()) or "(no name)", 60)


def arm(code: str) -> str:
    """Return the name of a loop; an unknown arm is its own name."""
    return name(ARM_NAMES.get(code, code))


def selection(code: str) -> str:
    """Return the name of a way of choosing from the stream; an unknown arm is its own name."""
    return name(SELECTION_NAMES.get(code, code))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with a fixed number of decimals; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{abs(value):,.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0,.") else text


def significant(value: float | None, digits: int = 3) -> str:
    """Return a number of any size with so many significant digits, whole ones below a million in full."""
    if value is None or not math.isfinite(value):
        return number(value)
    if value == 0:
        return "0"
    if value == round(value) and abs(value) < 1e6:
        return number(value, 0)
    size = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))  # after rounding, so that 0.9999 is 1.00
    if -4 <= size < 6:
        return number(value, max(digits - 1 - size, 0))
    mantissa = number(value / 10.0**size if size > -300 else value * 1e300 / 10.0 ** (size + 300), digits - 1)
    return f"{mantissa} × 10{str(size).translate(_RAISED)}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def signed(value: float | None, digits: int = 3) -> str:
    """Return a number with its sign, ``±0.000`` for what rounds to zero."""
    text = number(value, digits)
    if text[:1] in {"−", "–"} or value is None:
        return text
    return f"+{text}" if text.strip("0,.") else f"±{text}"


def count(value: float) -> str:
    """Return a whole number with thousands separated."""
    return number(value, 0)


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as a percentage; neither 0% nor 100% unless it is exactly that."""
    if share is None or math.isnan(share):
        return "–"
    scaled, least = 100 * share, 10**-digits
    if 0 < scaled < least / 2:
        return f"<{least:g}%"
    if 100 - least / 2 < scaled < 100:
        return f">{100 - least:g}%"
    return f"{scaled:.{digits}f}%"


CAUSES: Mapping[str, str] = {
    "drift": "drift",
    "selection_or_truncation": "selection or truncation",
    "mutation": "mutation",
}
"""Where a difference of observed and computed inbreeding points to, in words."""


def plural(value: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: ``1 recipe``, ``3 recipes``."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def date(created: str) -> str:
    """Return an ISO 8601 time as ``22 November 2026, 18:10 UTC``; the text itself if it is none."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return printable(created, 40)
    zone = moment.strftime("%Z") if moment.tzinfo else ""
    return f"{moment.day} {moment:%B %Y, %H:%M} {zone}".rstrip()


def duration(seconds: float) -> str:
    """Return a time span as ``41 s``, ``3 min 20 s`` or ``2 h 5 min``; empty where it was not measured."""
    whole = round(seconds) if math.isfinite(seconds) else 0
    if whole <= 0:
        return f"{seconds:.1f} s" if seconds > 0 else ""
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 7200 else f"{whole // 3600} h {whole % 3600 // 60} min"
