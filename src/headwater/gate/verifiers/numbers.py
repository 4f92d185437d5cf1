"""Numbers in prose, exactly: thousands separators, decimals, percent, fractions, signs."""

import re
from fractions import Fraction

# 1,234,567.89 or 1234.5 or .5; a comma is a separator only between groups of three digits
NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(NUMBER)
_MOST_DIGITS = 60


def number_of(text: str) -> Fraction | None:
    """Return the number that a text is, or None where it is none.

    Signs, currency signs, a percent sign (which is left out, as prose does) and a final full stop may stand around it;
    a fraction of two numbers is one.
    """
    plain = text.strip().strip("$€£¥ ").rstrip(".%$€£¥ ").replace("\u2212", "-").replace(" ", "")
    sign = -1 if plain.startswith("-") else 1
    parts = plain.lstrip("+-$€£¥").split("/")
    if len(parts) > 2 or len(plain) > _MOST_DIGITS or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    values = [Fraction(part.replace(",", "")) for part in parts]
    if len(values) == 1:
        return sign * values[0]
    return sign * values[0] / values[1] if values[1] else None


def numbers_in(text: str) -> list[Fraction]:
    """Return every number of a text, in order, without sign."""
    return [Fraction(one.replace(",", "")) for one in _NUMBER.findall(text) if len(one) <= _MOST_DIGITS]
