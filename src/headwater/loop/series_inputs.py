"""Recordings read from files and cut into windows, in the form the loop works on: one window per document."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.config import HumanSettings, Settings
from headwater.errors import InputError, did_you_mean
from headwater.generate import machine_rows
from headwater.loop.inputs import HumanInput, StreamInput
from headwater.loop.result import CorpusFacts, ReadFacts
from headwater.loop.row_inputs import read_table_file
from headwater.models.windows import Cut, Recording, WindowForm, window_texts, window_values
from headwater.schema import Origin, content_id, documents
from headwater.sources import expand_paths

Floats = NDArray[np.float64]
DEFAULT_RATE = 10.0
"""Steps per second where signals have clocks of their own and no rate is set."""
_HOLE = 4  # steps without a value after which a recording ends and another begins
CHANNELS = b"headwater.channels"
"""Key of the schema metadata that names the channels of a table of windows."""


def read_series(settings: Settings) -> HumanInput:
    """Return the windows of the human recordings of the settings, exact copies set apart.

    Raises:
        InputError: files cannot be read, a column or signal is missing, or no recording is as long as a window.
    """
    wanted = settings.human
    cut, where = cut_of(wanted), ", ".join(wanted.paths)
    bad: Counter[str] = Counter()
    channels, recordings = _read(wanted, wanted.channels, bad)
    steps, labels, segments = cut.windows(recordings)
    if not len(steps):
        longest = max((len(one.values) for one in recordings), default=0)
        raise InputError(
            f"{where} holds no window: the longest recording has {longest} steps and a window {cut.length}. Set a "
            "smaller window, or a higher rate."
        )
    values = window_values(steps, labels)
    texts = window_texts(values, channels)
    named = [content_id(text) for text in texts]
    rows = documents(texts, id=named, group=segments, origin=Origin.HUMAN.value, source=where)
    for name in values.column_names:
        rows = rows.append_column(name, values[name])
    rows = rows.replace_schema_metadata({**(rows.schema.metadata or {}), CHANNELS: "\n".join(channels).encode()})
    first: dict[str, int] = {}
    repeats = [first.setdefault(text, i) for i, text in enumerate(texts)]
    fresh = np.array([place == i for i, place in enumerate(repeats)], np.bool_)
    copies = np.flatnonzero(~fresh)
    repeated = pa.array([named[repeats[i]] for i in copies], pa.string())
    removed = rows.take(pa.array(copies)).append_column("repeats", repeated)
    rows = rows.filter(pa.array(fresh))
    count = len({one.name.rsplit("@", 1)[0] for one in recordings})
    remarks = [
        f"Windows of {cut.length} steps with the channels {', '.join(channels)}; "
        + (
            "a recording counts as one unit of independence."
            if cut.segment is None
            else f"{cut.segment} steps count as one unit of independence, with {cut.gap} steps left out between units."
        )
    ]
    if count == 1:
        remarks.append(
            "All windows come from one recording. Its segments count as independent, which neighbours in time are "
            "only nearly, and nothing here says what holds for another recording."
        )
    facts = CorpusFacts(
        where, rows.num_rows, removed.num_rows, rows.num_rows, len(set(rows["group"].to_pylist())), {}, grouped=True
    )
    return HumanInput(rows, facts, ReadFacts(len(steps), sum(bad.values()), dict(bad)), tuple(remarks), removed)


def series_form_of(human: pa.Table, settings: Settings) -> WindowForm:
    """Return the form of human windows that were read.

    Raises:
        InputError: a channel never changes, or there is a single label.
    """
    channels = human.schema.metadata[CHANNELS].decode().split("\n")
    return WindowForm.of(human, channels, settings.human.window)


def read_series_stream(settings: Settings, form: WindowForm) -> StreamInput:
    """Return the windows of the machine recordings of the settings; the recipe is the file's name.

    Raises:
        InputError: files cannot be read, or lack a channel of the human recordings.
    """
    wanted = settings.human
    bad: Counter[str] = Counter()
    tables = []
    for path in expand_paths(settings.stream.paths, arrays=True):
        one = wanted.model_copy(update={"paths": (str(path),)})
        _, recordings = _read(one, form.channels, bad)
        steps, labels, _ = cut_of(wanted).windows(recordings)
        values = window_values(steps.reshape(len(steps), form.length, len(form.channels)), labels)
        tables.append(machine_rows(values, window_texts(values, form.channels), recipe=path.name.split(".")[0]))
    stream = pa.concat_tables(tables)
    if not stream.num_rows:
        raise InputError(f"{', '.join(settings.stream.paths)} holds no recording as long as a window.")
    return StreamInput(
        stream, ", ".join(settings.stream.paths), ReadFacts(stream.num_rows, sum(bad.values()), dict(bad))
    )


def cut_of(wanted: HumanSettings) -> Cut:
    """Return how the settings cut recordings: not at all where a column names them and no segment is set."""
    stride = wanted.stride or max(wanted.window // 2, 1)
    segment = wanted.segment or (None if wanted.group is not None else 3 * wanted.window)
    return Cut(wanted.window, stride, segment, stride if wanted.gap is None else wanted.gap)


def _read(wanted: HumanSettings, names: Sequence[str], bad: Counter[str]) -> tuple[tuple[str, ...], list[Recording]]:
    """Return the channels and the recordings of all files; the first file says which channels there are."""
    recordings: list[Recording] = []
    channels: tuple[str, ...] = tuple(names)
    for path in expand_paths(wanted.paths, arrays=True):
        read = _npz if path.suffix == ".npz" else _table
        channels, found = read(path, wanted, channels, bad)
        recordings += found
    return channels, recordings


def _npz(
    path: Path, wanted: HumanSettings, names: tuple[str, ...], bad: Counter[str]
) -> tuple[tuple[str, ...], list[Recording]]:
    """Return a recording whose signals have clocks of their own: arrays ``<signal>__t`` and ``<signal>__value``."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as arrays (pickled objects are refused): {error}") from error
    rate = wanted.rate or DEFAULT_RATE
    signals: dict[str, tuple[Floats, Floats]] = {}
    for key, times in arrays.items():
        signal = key.removesuffix("__t")
        if signal == key or f"{signal}__value" not in arrays:
            continue
        values = arrays[f"{signal}__value"]
        if times.ndim != 1 or len(values) != len(times) or values.dtype.kind not in "fiu" or len(times) < 2:
            bad["signal_of_the_wrong_shape"] += 1
            continue
        flat = values.reshape(len(values), -1).astype(np.float64)
        for i in range(flat.shape[1]):
            signals[signal if flat.shape[1] == 1 else f"{signal}[{i}]"] = times.astype(np.float64), flat[:, i]
    if not signals:
        raise InputError(f"{path} has no pair of arrays <signal>__t (seconds) and <signal>__value.")
    chosen = _chosen(path, names, signals) or tuple(
        name for name, (times, values) in signals.items() if _usable(times, values, rate)
    )
    if not chosen:
        raise InputError(f"{path} has no signal of at least {rate:g} values per second. Set a lower rate.")
    series = {name: _in_order(*signals[name]) for name in chosen}
    start = max(float(times[0]) for times, _ in series.values())
    end = min(float(times[-1]) for times, _ in series.values())
    if end - start < 2 / rate:
        raise InputError(f"the signals of {path} have no common time: {', '.join(chosen)}.")
    clock = np.asarray(start + (np.arange(int((end - start) * rate)) + 0.5) / rate, np.float64)
    values = np.stack([_at_rate(times, values, clock, 1 / rate) for times, values in series.values()], axis=1)
    holes = np.any([_hole(times, clock, _HOLE / rate) for times, _ in series.values()], axis=0)
    return chosen, list(_stretches(path.name.split(".")[0], values, None, holes))


def _chosen(path: Path, names: tuple[str, ...], signals: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the channels of some names; the name of a signal stands for all its components."""
    found: list[str] = []
    for name in names:
        own = [one for one in signals if one == name or one.startswith(f"{name}[")]
        if not own:
            raise InputError(
                f"{path} has no signal {name!r}. Signals: {', '.join(signals)}.{did_you_mean(name, list(signals))}"
            )
        found += own
    return tuple(found)


def _usable(times: Floats, values: Floats, rate: float) -> bool:
    """Return whether a signal is a series that is dense enough and changes."""
    steps = np.diff(times)
    return bool(
        np.isfinite(values).all()
        and values.std() > 0
        and (steps <= 0).mean() < 0.1  # several values at one time are detections of several things
        and (times[-1] - times[0]) * rate <= len(times) * 1.05
    )


def _in_order(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    there = np.isfinite(times) & np.isfinite(values)
    times, first = np.unique(times[there], return_index=True)
    if len(times) < 2:
        raise InputError("a chosen signal has fewer than two values.")
    return times, values[there][first]


def _at_rate(times: Floats, values: Floats, clock: Floats, step: float) -> Floats:
    """Return the mean of a signal, drawn with straight lines, over a step around each time: no alias of faster ones."""
    sums = np.r_[0.0, np.cumsum(np.diff(times) * (values[1:] + values[:-1]) / 2)]

    def integral(at: Floats) -> Floats:
        place = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
        away = at - times[place]
        slope = (values[place + 1] - values[place]) / (times[place + 1] - times[place])
        return np.asarray(sums[place] + away * (values[place] + 0.5 * slope * away))

    low, high = np.maximum(clock - step / 2, times[0]), np.minimum(clock + step / 2, times[-1])
    return (integral(high) - integral(low)) / (high - low)


def _hole(times: Floats, clock: Floats, most: float) -> NDArray[np.bool_]:
    """Return at which times of a clock the neighbouring values of a signal lie too far apart."""
    place = np.clip(np.searchsorted(times, clock), 1, len(times) - 1)
    return np.asarray(times[place] - times[place - 1] > most)


def _stretches(
    name: str, values: Floats, labels: Sequence[str] | None, broken: NDArray[np.bool_]
) -> Iterator[Recording]:
    """Return the parts of a recording between its holes."""
    edges = np.flatnonzero(np.diff(np.r_[True, broken, True].astype(np.int8)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        own = None if labels is None else tuple(labels[begin:end])
        yield Recording(f"{name}@{begin}", values[begin:end], own)


def _table(
    path: Path, wanted: HumanSettings, names: tuple[str, ...], bad: Counter[str]
) -> tuple[tuple[str, ...], list[Recording]]:
    """Return the recordings of a table with a row per step, in the order of time or of the rows."""
    table = read_table_file(path, bad)
    used = [name for name in (wanted.time, wanted.group, wanted.target) if name is not None]
    for name in (*used, *names):
        if name not in table.column_names:
            raise InputError(
                f"{path} has no column {name!r}. Columns: {', '.join(table.column_names)}."
                f"{did_you_mean(name, table.column_names)}"
            )
    channels = names or tuple(
        field.name
        for field in table.schema
        if field.name not in used and (pa.types.is_floating(field.type) or pa.types.is_integer(field.type))
    )
    if not channels:
        raise InputError(f"{path} has no column of numbers to make windows of.")
    try:
        values = np.stack([_numbers(table[name]) for name in channels], axis=1)
        times = None if wanted.time is None else _numbers(table[wanted.time])
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} has a channel that holds no numbers: {error}. Name others in channels.") from error
    labels = None if wanted.target is None else [str(one) for one in table[wanted.target].to_pylist()]
    groups = (
        np.zeros(len(values), object)
        if wanted.group is None
        else np.asarray(table[wanted.group].to_pylist(), object).astype(str)
    )
    recordings: list[Recording] = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        name = f"{path.name.split('.')[0]}" + ("" if wanted.group is None else f"/{group}")
        recordings += _rows(name, rows, values, labels, times, wanted.rate, bad)
    return channels, recordings


def _rows(
    name: str,
    rows: NDArray[np.int64],
    values: Floats,
    labels: Sequence[str] | None,
    times: Floats | None,
    rate: float | None,
    bad: Counter[str],
) -> Iterator[Recording]:
    """Return the stretches of one recording of a table; a row with a missing value ends a stretch."""
    broken = np.asarray(~np.isfinite(values[rows]).all(axis=1), np.bool_)
    bad["step_with_a_missing_value"] += int(broken.sum())
    if times is None:
        yield from _stretches(name, values[rows], None if labels is None else [labels[i] for i in rows], broken)
        return
    rows = rows[~broken & np.isfinite(times[rows])]
    rows = rows[np.unique(times[rows], return_index=True)[1]]
    if len(rows) < 2:
        return
    own = times[rows]
    step = 1 / rate if rate is not None else float(np.median(np.diff(own)))
    clock = own[0] + (np.arange(int((own[-1] - own[0]) / step)) + 0.5) * step
    even = np.stack([_at_rate(own, values[rows, i], clock, step) for i in range(values.shape[1])], axis=1)
    nearest = np.clip(np.searchsorted(own, clock), 0, len(own) - 1)
    named = None if labels is None else [labels[rows[i]] for i in nearest]
    yield from _stretches(name, even, named, _hole(own, clock, _HOLE * step))


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(), np.float64)
