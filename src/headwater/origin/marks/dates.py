"""Evidence reader: a first-seen date from before machine text was common.

Machine text existed before chat assistants did, so the evidence is graded in its words: nothing before GPT-2 (February
2019) could write a page of fluent text; from GPT-3 (June 2020) on machines could, and few people had access; on
30 November 2022 everybody got it. Spun and template text is older still. A date is as good as whoever attests it, who
is named with it. Later dates say nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from headwater.origin.evidence import Evidence
from headwater.origin.marks.page import candidates
from headwater.schema import EvidenceKind, Origin

CHAT_ASSISTANTS = date(2022, 11, 30)
"""ChatGPT was opened to the public."""
FIRST_FLUENT = date(2019, 2, 1)
"""GPT-2 was announced in this month."""
FIRST_SERVICE = date(2020, 6, 1)
"""The interface of GPT-3 was announced in this month."""

_EARLIEST_YEAR = 1000
# Zero points and defaults of clocks and file formats, which stand where nobody knew the date.
_DEFAULTS = frozenset(
    date(*day)
    for day in (
        (1601, 1, 1),
        (1753, 1, 1),
        (1899, 12, 30),
        (1899, 12, 31),
        (1900, 1, 1),
        (1904, 1, 1),
        (1969, 12, 31),
        (1970, 1, 1),
        (1980, 1, 1),
    )
)
_DATE = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::\d{2}(?:[.,]\d{1,9})?)?\s?(Z|[+-]\d{2}:?\d{2})?)?)?)?",
    re.ASCII,
)


def latest_day(value: str) -> date | None:
    """Return the latest day (UTC) a date of ISO 8601 can mean, or None where it is none or nobody's.

    ``2021`` means 31 December 2021, ``2021-02`` the last of February. A time without a zone is taken as it stands.
    Impossible dates, years before 1000 and the zero points of clocks (such as 1970-01-01) give None.
    """
    found = _DATE.fullmatch(value.strip())
    if found is None:
        return None
    year, month, day, hour, minute, zone = found.groups()
    if int(year) < _EARLIEST_YEAR or int(year) >= 9999:
        return None
    try:
        if month is None:
            return date(int(year), 12, 31)
        if day is None:
            following = date(int(year) + int(month) // 12, int(month) % 12 + 1, 1)
            return following - timedelta(days=1) if 1 <= int(month) <= 12 else None
        local = date(int(year), int(month), int(day))
        if local in _DEFAULTS:
            return None
        if hour is None or zone in {None, "Z"}:
            return (
                local if hour is None else datetime(*local.timetuple()[:3], int(hour), int(minute), tzinfo=UTC).date()
            )
        moment = datetime.fromisoformat(f"{local}T{hour}:{minute}:00{zone}")
    except ValueError:
        return None
    return max(local, moment.astimezone(UTC).date())


@dataclass(frozen=True, slots=True)
class DateReader:
    """Reads the dates in the column ``created``."""

    attested_by: str = "the column 'created'"
    """Who or what vouches for the dates, such as a crawl or an archive; named with every piece of evidence."""

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) of kind ``first_seen``; see :class:`headwater.origin.evidence.EvidenceReader`."""
        for row, value in candidates(documents, "created", r"^\s*[12]\d{3}"):
            latest = latest_day(value)
            if latest is not None and latest < CHAT_ASSISTANTS:
                detail = f"dated {value.strip()} by {self.attested_by}: {_grade(latest)}"
                yield row, Evidence(EvidenceKind.FIRST_SEEN, Origin.HUMAN, detail)


def _grade(latest: date) -> str:
    if latest < FIRST_FLUENT:
        return "strong, before machines wrote fluent text (GPT-2, February 2019)"
    if latest < FIRST_SERVICE:
        return "weaker, after GPT-2 (February 2019) and before GPT-3 (June 2020)"
    return "weakest, after GPT-3 (June 2020) and before chat assistants were public (30 November 2022)"
