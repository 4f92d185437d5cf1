"""Uncertain quantities: what a user writes for a number that is not known, and how it is drawn.

A quantity is drawn by putting uniform numbers through its quantile function. Uniforms belong to names, not to the order
of the calls (:func:`uniforms`), so two scenarios in which a name has another distribution still use the same draws:
common random numbers, without which the difference of two scenarios drowns in the noise of both.
"""

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["constant", "range", "normal", "uniform", "triangular"]

Z90 = 1.6448536269514722
"""Standard normal quantile at 95%: half the width of a 90% interval in standard deviations."""
Z95 = 1.959963984540054
"""The same at 97.5%."""

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12, "%": 0.01}
_NUMBER = r"([-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([kKmMbBtT%]?)"
_CALL = re.compile(r"(normal|uniform|triangular)\s*\((.*)\)", re.IGNORECASE)
_RANGE = re.compile(rf"{_NUMBER}\s*\.\.\s*{_NUMBER}")
_SINGLE = re.compile(_NUMBER)
ALLOWED = "a number, a range such as 20..65 (90%), normal(mean, sd), uniform(low, high) or triangular(low, mode, high)"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that is known, or a distribution of one that is not."""

    kind: Kind
    parameters: tuple[float, ...]
    """Constant: value. Range: 5% and 95% point. Normal: mean, standard deviation. Uniform: both ends. Triangular: low,
    mode, high."""
    text: str = ""
    """As it was written."""

    def ppf(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the quantiles at probabilities ``u`` (shape of ``u``, strictly between 0 and 1).

        A range of positive numbers is lognormal, any other normal: ``a..b`` has its 5% point at a and its 95% point at
        b. This is the convention of squigglepy, with which the published models are written.
        """
        from scipy.special import ndtri

        p = self.parameters
        match self.kind:
            case "constant":
                return np.full(np.shape(u), p[0])
            case "range" if p[0] > 0:
                return lognormal(p[0], p[1], ndtri(u))
            case "range":
                return (p[0] + p[1]) / 2 + (p[1] - p[0]) / (2 * Z90) * ndtri(u)
            case "normal":
                return p[0] + p[1] * ndtri(u)
            case "uniform":
                return p[0] + (p[1] - p[0]) * u
            case "triangular":
                low, mode, high = p
                left = (mode - low) / (high - low)
                rising = low + np.sqrt(u * (high - low) * (mode - low))
                return np.where(u < left, rising, high - np.sqrt((1 - u) * (high - low) * (high - mode)))

    def quantile(self, p: float) -> float:
        """Return the quantile at one probability."""
        return float(self.ppf(np.array([p]))[0])

    @property
    def certain(self) -> bool:
        """Whether it is a constant."""
        return self.kind == "constant"

    def __str__(self) -> str:
        return self.text or written(self)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A quantity that changes with time: quantities at dates, linear between them and constant beyond them."""

    years: tuple[float, ...]
    """Dates in calendar years, ascending."""
    values: tuple[Quantity, ...]
    """The quantity at each date; one uniform number decides all of them, so a path that is high stays high."""

    def at(self, year: float, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values at a date, shape of ``u``."""
        place = int(np.searchsorted(self.years, year, side="right")) - 1
        if place < 0:
            return self.values[0].ppf(u)
        if place >= len(self.years) - 1:
            return self.values[-1].ppf(u)
        share = (year - self.years[place]) / (self.years[place + 1] - self.years[place])
        return (1 - share) * self.values[place].ppf(u) + share * self.values[place + 1].ppf(u)

    def quantile(self, year: float, p: float) -> float:
        """Return the quantile of its value at a date, at one probability."""
        return float(self.at(year, np.array([p]))[0])

    @property
    def certain(self) -> bool:
        """Whether nothing about it is uncertain."""
        return all(value.certain for value in self.values)

    def __str__(self) -> str:
        return ", ".join(f"{year:g}: {value}" for year, value in zip(self.years, self.values, strict=True))


def constant(value: float) -> Quantity:
    """Return a known number."""
    return Quantity("constant", (float(value),))


def between(low: float, high: float) -> Quantity:
    """Return a 90% range; see :meth:`Quantity.ppf`."""
    return Quantity("range", (float(low), float(high)))


def parse(value: object) -> Quantity:
    """Return the quantity that a user wrote.

    Numbers may carry a suffix: ``20B`` is 20e9 (k, M, B, T), ``5%`` is 0.05.

    Args:
        value: a number, or text in one of the forms of ``ALLOWED``.

    Raises:
        ValueError: it is in none of these forms, or its numbers are in the wrong order; the message says which.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no quantity; write {ALLOWED}")  # noqa: TRY004  (settings report ValueError)
    if not isinstance(value, str):
        return Quantity("constant", (_finite(float(value), str(value)),), f"{value:.12g}")
    text = value.strip()
    if single := _SINGLE.fullmatch(text):
        return Quantity("constant", (_number(single[1], single[2]),), text)
    if found := _RANGE.fullmatch(text):
        # the suffix of the upper end serves both: 20..65B
        low, high = _number(found[1], found[2] or found[4]), _number(found[3], found[4])
        if low > high:
            if found[2] and not found[4] and float(found[1].replace("_", "")) <= float(found[3].replace("_", "")):
                raise ValueError(f"{text}: the upper end is the smaller one; write {found[1]}..{found[3]}{found[2]}")
            lower, upper = f"{found[3]}{found[4]}", f"{found[1]}{found[2] or found[4]}"
            raise ValueError(f"{text}: the range is reversed; write {lower}..{upper}")
        return Quantity("range", (low, high), text) if low < high else Quantity("constant", (low,), text)
    if call := _CALL.fullmatch(text):
        return _called(call[1].lower(), call[2], text)
    raise ValueError(f"{text!r} is no quantity; write {ALLOWED}")


def _called(name: str, arguments: str, text: str) -> Quantity:
    parts = [_SINGLE.fullmatch(part.strip()) for part in arguments.split(",")]
    wanted = 3 if name == "triangular" else 2
    if len(parts) != wanted or any(part is None for part in parts):
        raise ValueError(f"{text!r}: {name} takes {wanted} numbers; write {ALLOWED}")
    numbers = tuple(_number(part[1], part[2]) for part in parts if part is not None)
    match name:
        case "normal":
            if numbers[1] < 0:
                raise ValueError(f"{text!r}: the standard deviation is negative")
            return Quantity("normal", numbers, text) if numbers[1] else Quantity("constant", numbers[:1], text)
        case "uniform":
            if numbers[0] > numbers[1]:
                raise ValueError(f"{text!r}: the ends are reversed; the lower one comes first")
            if numbers[0] == numbers[1]:
                return Quantity("constant", numbers[:1], text)
            return Quantity("uniform", numbers, text)
        case _:
            if not numbers[0] <= numbers[1] <= numbers[2] or numbers[0] == numbers[2]:
                raise ValueError(f"{text!r}: write triangular(low, mode, high) with low <= mode <= high")
            return Quantity("triangular", numbers, text)


def _number(digits: str, suffix: str) -> float:
    return _finite(float(digits.replace("_", "")) * _SUFFIXES[suffix.lower()], digits + suffix)


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large, or no number")
    return value


def written(quantity: Quantity) -> str:
    """Return a quantity in the form :func:`parse` reads."""
    numbers = [f"{number:.12g}" for number in quantity.parameters]
    if quantity.kind == "constant":
        return numbers[0]
    return "..".join(numbers) if quantity.kind == "range" else f"{quantity.kind}({', '.join(numbers)})"


def lognormal(low: float, high: float, z: NDArray[np.float64], *, half_width: float = Z90) -> NDArray[np.float64]:
    """Return the values of a lognormal at standard normal deviates.

    Args:
        low: its lower point, positive.
        high: its upper point.
        z: standard normal deviates.
        half_width: deviate of the upper point: ``Z90`` where the points enclose 90%, ``Z95`` where they enclose 95%.
    """
    return np.asarray(10 ** log10_lognormal(low, high, z, half_width=half_width))


def log10_lognormal(low: float, high: float, z: NDArray[np.float64], *, half_width: float = Z90) -> NDArray[np.float64]:
    """Return log10 of :func:`lognormal`."""
    a, b = math.log10(low), math.log10(high)
    return (a + b) / 2 + (b - a) / (2 * half_width) * z


def uniforms(seed: int, name: str, draws: int) -> NDArray[np.float64]:
    """Return uniform numbers strictly between 0 and 1 that belong to a name, shape (draws,).

    They are the same in every scenario and do not depend on what else is drawn.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    return np.asarray(rng.random(draws) * (1 - 2**-53) + 2**-54)


def normals(seed: int, name: str, draws: int) -> NDArray[np.float64]:
    """Return standard normal deviates that belong to a name, shape (draws,)."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniforms(seed, name, draws)))


def schedule(points: Mapping[object, object] | Sequence[Sequence[object]]) -> Schedule:
    """Return the schedule that a user wrote: ``{2025 = 0.3, 2028 = "0.4..0.6"}``, or a list of pairs.

    Raises:
        ValueError: a date is no year, the dates are not ascending, or a value is no quantity.
    """
    pairs = list(points.items()) if isinstance(points, Mapping) else [tuple(point) for point in points]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ValueError("a table needs pairs of a year and a value, such as { 2025 = 0.3, 2028 = 0.4 }")
    years = []
    for year, _ in pairs:
        try:
            years.append(float(str(year)))
        except ValueError:
            raise ValueError(f"{year!r} is no year; write 2027 or 2027.5") from None
    if any(a >= b for a, b in pairwise(years)):
        raise ValueError(f"the years of a table must ascend, got {', '.join(f'{year:g}' for year in years)}")
    return Schedule(tuple(years), tuple(parse(value) for _, value in pairs))
