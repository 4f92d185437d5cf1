"""Calculations in a text, done again exactly: "12 * 3 = 36", chains of them, brackets, percent, powers."""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate.verifiers.numbers import NUMBER
from headwater.schema import Reason, Stage

_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "\u2212": "-", "–": "-", "≈": "="})
_TOKEN = re.compile(rf"\s*(?:(?P<number>{NUMBER})|(?P<sign>\*\*|[-+*/^()=%]))")
# What may stand before a number without being part of the calculation.
_UNITS = re.compile(r"[$€£¥]")
_START = re.compile(rf"(?<![\w.,]){NUMBER}|(?<![\w)])[-(]")
_MOST_TOKENS = 200
_MOST_POWER = 64
_MOST_BITS = 4096


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Fails documents in which a calculation is wrong.

    A calculation is a chain of two or more expressions of numbers joined by "=", at least one with an operator. A
    result is right when it equals the value rounded to as many decimals as it shows. Texts without one pass.
    """

    reason: Reason = Reason.WRONG_ARITHMETIC
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return how many equations of each document are wrong."""
        return np.array([sum(not right for right in equations(text)) for text in documents["text"].to_pylist()], float)


def equations(text: str) -> list[bool]:
    """Return for each equation of a text whether it is right, in order; a chain a = b = c has two."""
    found: list[bool] = []
    for line in _UNITS.sub("", text.translate(_SIGNS)).split("\n"):
        at = 0
        while (start := _START.search(line, at)) is not None:
            chain, end = _chain(line, start.start())
            at = max(end, start.end())
            if len(chain) > 1 and any(one.operators for one in chain):
                found += [_equal(left, right) for left, right in pairwise(chain)]
    return found


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of an equation."""

    value: Fraction | None
    """None where it has none, such as a division by zero."""
    operators: int
    decimals: int
    """Decimals of a side that is a single number."""


def _equal(left: _Side, right: _Side) -> bool:
    if left.value is None or right.value is None:
        return False
    if right.operators:
        return left.value == right.value
    # What is shown is rounded: half a unit of its last digit either way.
    return abs(left.value - right.value) <= Fraction(1, 2 * 10**right.decimals) * (right.decimals > 0)


def _chain(line: str, at: int) -> tuple[list[_Side], int]:
    """Return the sides of the equation that begins at a place of a line, and where it ends."""
    sides: list[_Side] = []
    end = at
    while True:
        parser = _Parser(line, at)
        try:
            value = parser.sum()
        except _NotThere:
            return sides, max(end, parser.at)
        except (ZeroDivisionError, OverflowError):
            value = None
        sides.append(_Side(value, parser.operators, parser.decimals))
        end = parser.at
        if parser.peek() != "=":
            # An operator that leads nowhere is prose: "3 + x = 5" says nothing that can be checked.
            return (sides if parser.peek() is None else []), end
        parser.take()
        at = parser.at


class _NotThere(Exception):  # noqa: N818  (no fault: the text goes on otherwise)
    """There is no expression here."""


class _Parser:
    """Recursive descent over one expression; nothing is ever evaluated but this grammar."""

    def __init__(self, line: str, at: int) -> None:
        self.line, self.at = line, at
        self.operators = self.decimals = self.tokens = 0
        self._depth = 0

    def peek(self) -> str | None:
        match = _TOKEN.match(self.line, self.at)
        return None if match is None else match["number"] or match["sign"]

    def take(self) -> str:
        match = _TOKEN.match(self.line, self.at)
        self.tokens += 1
        if match is None or self.tokens > _MOST_TOKENS:
            raise _NotThere
        self.at = match.end()
        return str(match["number"] or match["sign"])

    def sum(self) -> Fraction:
        value = self._product()
        while (sign := self.peek()) in {"+", "-"}:
            self._operator()
            other = self._product()
            value = _small(value + other if sign == "+" else value - other)
        return value

    def _product(self) -> Fraction:
        value = self._power()
        while (sign := self.peek()) in {"*", "/"}:
            self._operator()
            other = self._power()
            value = _small(value * other if sign == "*" else value / other)
        return value

    def _power(self) -> Fraction:
        value = self._single()
        if self.peek() in {"^", "**"}:
            self._operator()
            exponent = self._power()
            if exponent.denominator != 1 or abs(exponent) > _MOST_POWER:
                raise _NotThere
            value = _small(value ** int(exponent))
        return value

    def _single(self) -> Fraction:
        first = self.peek()
        if first == "-":
            self.take()
            return -self._single()
        if first == "(":
            self._depth += 1
            if self._depth > 20:
                raise _NotThere
            self.take()
            value = self.sum()
            if self.peek() != ")":
                raise _NotThere
            self.take()
            self._depth -= 1
            return value
        if first is None or not (first[0].isdigit() or first[0] == "."):
            raise _NotThere
        number = self.take()
        whole, _, decimals = number.partition(".")
        self.decimals = len(decimals)
        value = Fraction(f"{whole or 0}.{decimals or 0}".replace(",", ""))
        if self.peek() == "%":
            self.take()
            value /= 100
            self.decimals += 2
        return value

    def _operator(self) -> None:
        self.take()
        self.operators += 1


def _small(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS:
        raise OverflowError
    return value
