"""Small facts the published models rest on, each file with its source and licence in its first lines."""

import csv
import datetime as dt
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """A model and what it was trained on."""

    name: str
    year: float
    """Date of its publication as a calendar year."""
    flop: float | None
    """Training compute, FLOP; None where it is not known."""
    size: float
    """Words (``training_sets``) or tokens (``recent_training_sets``)."""
    text_only: bool
    source: str


@cache
def population() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the years 1950 to 2100 and the world population in each (UN 2022, medium variant)."""
    rows = _rows("population.csv")
    return np.array([int(row["year"]) for row in rows]), np.array([float(row["population"]) for row in rows])


@cache
def compute_projection() -> NDArray[np.float64]:
    """Return year, median, lower and upper end of the 2-sigma range of log10 FLOP of the largest run, shape (7, 4)."""
    return np.array([[float(value) for value in row.values()] for row in _rows("compute_projection.csv")])


@cache
def training_sets() -> tuple[TrainingSet, ...]:
    """Return language models of 2010 to 2023 with the words they were trained on."""
    return tuple(
        TrainingSet(
            row["system"],
            calendar_year(row["date"]),
            float(row["flop"]) if row["flop"] else None,
            float(row["words"]),
            True,
            "Epoch AI",
        )
        for row in _rows("training_sets.csv")
        if row["words"]
    )


@cache
def recent_training_sets() -> tuple[TrainingSet, ...]:
    """Return models of 2024 to 2026 with the tokens their makers say they were trained on."""
    return tuple(
        TrainingSet(
            row["system"],
            calendar_year(row["date"]),
            None,
            float(row["tokens"]),
            row["text_only"] == "yes",
            row["source"],
        )
        for row in _rows("recent_training_sets.csv")
    )


def calendar_year(date: str) -> float:
    """Return an ISO date as a calendar year with its fraction."""
    day = dt.date.fromisoformat(date)
    start = dt.date(day.year, 1, 1)
    return day.year + (day - start).days / (dt.date(day.year + 1, 1, 1) - start).days


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("headwater.forecast.facts").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
