"""First-seen dates: what they can mean at the latest, and what they are worth."""

from datetime import date

import pytest
from credentials_example import batch

from headwater.origin.evidence import Evidence
from headwater.origin.marks import DateReader
from headwater.origin.marks.dates import latest_day
from headwater.schema import EvidenceKind, Origin


def found(created: str | None, **reader: str) -> list[Evidence]:
    return [one for _, one in DateReader(**reader).read(batch(["A text."], created=[created]))]


@pytest.mark.parametrize(
    ("value", "latest"),
    [
        ("2021", date(2021, 12, 31)),
        ("2020-02", date(2020, 2, 29)),
        ("2021-12", date(2021, 12, 31)),
        ("2022-11-29", date(2022, 11, 29)),
        (" 2022-11-29\n", date(2022, 11, 29)),
        ("2022-11-29T23:59:59Z", date(2022, 11, 29)),
        ("2022-11-29T23:30:00-05:00", date(2022, 11, 30)),
        ("2022-11-29 23:30:00.123 -0500", date(2022, 11, 30)),
        ("2022-11-29T00:30:00+05:00", date(2022, 11, 29)),
        ("2022-11-29 12:00", date(2022, 11, 29)),
        ("1851-10-18", date(1851, 10, 18)),
        *(
            (value, None)
            for value in ("", "yesterday", "2021-13", "2021-00", "2021-02-30", "29/11/2022", "Nov 3, 2020", "20221129")
        ),
        *(
            (value, None)
            for value in ("0021-05-05", "0000", "9999-12-31", "1970-01-01", "1970-01-01T00:00:00Z", "1900-01-01")
        ),
        *((value, None) for value in ("2021-01-01T25:00:00Z", "2021-01-01T10:00:00+99:00", "-2021-01-01", "٢٠٢١")),
        ("1583862000", None),
    ],
)
def test_the_latest_day_a_date_can_mean(value: str, latest: date | None):
    assert latest_day(value) == latest


@pytest.mark.parametrize(
    ("created", "grade"),
    [
        ("1900", "strong"),
        ("2019-01-31", "strong"),
        ("2019-02-01", "weaker"),
        ("2019", "weaker"),
        ("2020-05-31", "weaker"),
        ("2020-06-01", "weakest"),
        ("2020", "weakest"),
        ("2022-11-29", "weakest"),
        ("2022-10", "weakest"),
    ],
)
def test_a_date_before_chat_assistants_is_graded(created: str, grade: str):
    (evidence,) = found(created)
    assert (evidence.kind, evidence.origin) == (EvidenceKind.FIRST_SEEN, Origin.HUMAN)
    assert evidence.detail.startswith(f"dated {created} by the column 'created': {grade},")


@pytest.mark.parametrize("created", [None, "2022-11-30", "2022-11", "2022", "2023-01-01", "2999-01-01", "soon"])
def test_later_unknown_and_impossible_dates_say_nothing(created: str | None):
    assert found(created) == []


def test_who_attests_is_named():
    (evidence,) = found("2015-04-01", attested_by="the crawl CC-MAIN-2015-14")
    assert "by the crawl CC-MAIN-2015-14" in evidence.detail


def test_rows_are_numbered():
    documents = batch(["a", "b", "c"], created=["2030", None, "2010"])
    assert [row for row, _ in DateReader().read(documents)] == [2]
