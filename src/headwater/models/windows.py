"""Windows of series: how recordings are cut, and what a window looks like as a row.

A row is a document with two columns more: ``value.window``, the steps of the window one after the other with all
channels of a step together, and ``value.label``, null where recordings have no labels. Windows overlap and neighbours
in time are alike, so a recording is first cut into segments with a gap between them, and all windows of one segment are
one unit of independence.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import InputError
from headwater.models.table_form import VALUE

Floats = NDArray[np.float64]
WINDOW, LABEL = VALUE + "window", VALUE + "label"


@dataclass(frozen=True, slots=True)
class Recording:
    """Steps of one contiguous stretch, evenly spaced in time."""

    name: str
    """Names the stretch: that of its recording, ``@``, and where it begins."""
    values: Floats
    """Shape (steps, channels)."""
    labels: tuple[str, ...] | None = None
    """One per step."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How recordings become windows; all in steps."""

    length: int = 20
    stride: int = 10
    segment: int | None = 60
    """Steps whose windows are one unit of independence; None: a whole recording is one."""
    gap: int = 10
    """Steps left out after each segment."""

    def windows(self, recordings: Sequence[Recording]) -> tuple[Floats, list[str | None], list[str]]:
        """Return windows, shape (windows, length, channels), their labels and the segment of each.

        The label of a window is that of its last step.
        """
        found: list[Floats] = []
        labels: list[str | None] = []
        segments: list[str] = []
        for one in recordings:
            for number, start in self._starts(len(one.values)):
                found.append(one.values[start : start + self.length])
                labels.append(None if one.labels is None else one.labels[start + self.length - 1])
                segments.append(one.name.rsplit("@", 1)[0] if number is None else f"{one.name}#{number}")
        width = recordings[0].values.shape[1] if recordings else 0
        return np.array(found, float).reshape(-1, self.length, width), labels, segments

    def _starts(self, steps: int) -> Iterator[tuple[int | None, int]]:
        if self.segment is None:
            yield from ((None, start) for start in range(0, steps - self.length + 1, self.stride))
            return
        for number, begin in enumerate(range(0, steps, self.segment + self.gap)):
            last = min(begin + self.segment, steps) - self.length
            for start in range(begin, last + 1, self.stride):
                yield number, start


@dataclass(frozen=True)
class WindowForm:
    """What the windows of a world look like, as the human ones do."""

    channels: tuple[str, ...]
    length: int
    labels: tuple[str, ...]
    """Every label of the human windows, sorted; none where they have no labels."""
    centre: Floats
    scale: Floats
    """Mean and standard deviation of each channel over the human windows."""

    @classmethod
    def of(cls, table: pa.Table, channels: Sequence[str], length: int) -> "WindowForm":
        """Return the form of human windows.

        Raises:
            InputError: a channel never changes, or there is a single label.
        """
        labels = tuple(sorted({label for label in table[LABEL].to_pylist() if label is not None}))
        if len(labels) == 1:
            raise InputError(f"the only label is {labels[0]!r}; a classifier needs two at least. Leave the target out.")
        steps = _steps(table, length, len(channels)).reshape(-1, len(channels))
        scale = steps.std(axis=0)
        still = [name for name, one in zip(channels, scale, strict=True) if not one > 0]
        if still:
            raise InputError(f"channels that never change say nothing: {', '.join(still)}. Leave them out.")
        return cls(tuple(channels), length, labels, steps.mean(axis=0), scale)

    def steps(self, table: pa.Table) -> Floats:
        """Return windows, shape (windows, length, channels); NaN for one of another size."""
        return _steps(table, self.length, len(self.channels))

    def standard(self, table: pa.Table) -> Floats:
        """Return windows in standard deviations from the mean of each channel, shape (windows, length * channels).

        What is missing lies at the mean; windows that miss values never pass the hard checks.
        """
        return np.nan_to_num((self.steps(table) - self.centre) / self.scale).reshape(-1, self._size)

    def values(self, standard: Floats, labels: Sequence[str | None]) -> pa.Table:
        """Return the columns of windows given in standard deviations."""
        steps = standard.reshape(-1, self.length, len(self.channels)) * self.scale + self.centre
        return window_values(steps, labels)

    def codes(self, table: pa.Table) -> NDArray[np.int64]:
        """Return the place of each label; -1 for one that no human window has."""
        return np.array([self._place.get(label, -1) for label in table[LABEL].to_pylist()], np.int64)

    @cached_property
    def _place(self) -> dict[str | None, int]:
        return {label: i for i, label in enumerate(self.labels or (None,))}

    @property
    def _size(self) -> int:
        return self.length * len(self.channels)


def window_values(steps: Floats, labels: Sequence[str | None]) -> pa.Table:
    """Return the columns ``value.window`` and ``value.label``.

    Args:
        steps: shape (windows, length, channels).
        labels: one per window.
    """
    flat = np.ascontiguousarray(steps, np.float32).reshape(len(steps), -1)
    ends = np.arange(len(flat) + 1, dtype=np.int32) * flat.shape[1]
    windows = pa.ListArray.from_arrays(pa.array(ends), pa.array(flat.ravel()))
    return pa.table({WINDOW: windows, LABEL: pa.array(labels, pa.string())})


def window_texts(values: pa.Table, channels: Sequence[str]) -> list[str]:
    """Return each window as one line of JSON, channel by channel: what its id is made of, and what a person reads."""
    lines = []
    for window, label in zip(values[WINDOW].to_pylist(), values[LABEL].to_pylist(), strict=True):
        shown = {name: [float(f"{x:.6g}") for x in window[i :: len(channels)]] for i, name in enumerate(channels)}
        lines.append(json.dumps(shown if label is None else {"label": label, **shown}, ensure_ascii=False))
    return lines


def units_of(table: pa.Table) -> NDArray[np.int64]:
    """Return a number for the unit of independence of each row, counted in order of appearance."""
    place: dict[str, int] = {}
    column = "unit" if "unit" in table.column_names else "group"
    return np.array([place.setdefault(unit, len(place)) for unit in table[column].to_pylist()], np.int64)


def _steps(table: pa.Table, length: int, width: int) -> Floats:
    size = length * width
    column = table[WINDOW].combine_chunks()
    lengths = column.value_lengths().fill_null(-1).to_numpy(zero_copy_only=False)
    if (lengths == size).all():
        flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    else:
        rows = [row if row is not None and len(row) == size else [np.nan] * size for row in column.to_pylist()]
        flat = np.array(rows, np.float64)
    return flat.reshape(-1, length, width)
