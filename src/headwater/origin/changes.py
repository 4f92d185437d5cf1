"""Drift of each group of an audit against older text of the same source: what can be said without references."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from headwater.config import AuditSettings
from headwater.origin.columns import DATE_PARTS, column_values
from headwater.origin.drift import EMPTY, WordTable, drift, word_table
from headwater.origin.result import Drift
from headwater.sources import Columns, read_documents

LAST_BEFORE = {"year": "2022", "month": "2022-11"}
"""The last period before machine text was common: ChatGPT came out on 2022-11-30."""
MOST_TABLES = 60
"""Tables of words that are held at once, of up to some 50 MB each; sources that come later are left out."""

Keys = tuple[str, ...]


def drifts(settings: AuditSettings, tell: Callable[[str], None]) -> tuple[dict[Keys, Drift], int]:
    """Return the drift of each group of a later period, by the values of the grouping columns, and sources left out.

    The corpus is read once more. Nothing is returned unless it is grouped by ``year`` or ``month``; periods with fewer
    than 400 documents of at least 100 words have no drift.
    """
    name = next((one for one in settings.by if one in DATE_PARTS), None)
    if name is None:
        return {}, 0
    tables: defaultdict[Keys, WordTable] = defaultdict(lambda: EMPTY)
    left_out: set[Keys] = set()
    place = settings.by.index(name)
    stream = read_documents(settings.paths, Columns(text=settings.text, id=settings.id, created=settings.date))
    for batch in stream:
        values = [column_values(batch, one) for one in settings.by]
        texts: defaultdict[Keys, list[str]] = defaultdict(list)
        for text, *own_keys in zip(batch["text"].to_pylist(), *values, strict=True):
            if None not in own_keys:
                texts[tuple(own_keys)].append(text)
        for keys, own in texts.items():
            if keys in tables or len(tables) < MOST_TABLES:
                tables[keys] += word_table(own)
            else:
                left_out.add(_source(keys, place))
        tell(f"wording of {stream.report.accepted:,} documents")
    found = dict(_found(tables, place, LAST_BEFORE[name], settings.confidence))
    return found, len(left_out)


def _found(tables: Mapping[Keys, WordTable], place: int, last: str, confidence: float) -> Iterator[tuple[Keys, Drift]]:
    before: defaultdict[Keys, list[str]] = defaultdict(list)
    for keys in sorted(tables):
        if keys[place] <= last:
            before[_source(keys, place)].append(keys[place])
    for keys, table in tables.items():
        periods = before[_source(keys, place)][-2:]
        if keys[place] > last and periods:
            older = [tables[(*keys[:place], period, *keys[place + 1 :])] for period in periods]
            one = drift(table, older, periods[-1], confidence)
            if one is not None:
                yield keys, one


def _source(keys: Keys, place: int) -> Keys:
    return (*keys[:place], *keys[place + 1 :])
