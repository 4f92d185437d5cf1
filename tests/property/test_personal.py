"""Personal data on any text: places are places, masking touches nothing else, and plain Python agrees on addresses."""

import ipaddress
import re
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headwater.curate import PersonalData, Placeholders
from headwater.text.personal import PersonalKind, find_personal, replace_personal
from headwater.text.utf8 import text_array, utf8_bytes

PIECES = (
    "a@b.de", "x.y@mail.co.uk", "@", "jane", ".", "-", "--", ":", "::", "+", "(", ")", " ", "\n", "/", "=", "_", "#",
    "8.8.8.8", "1.2.3.4", "10.0.0.1", "2606:4700:4700::1111", "2001:", "+49 30 901820", "+1", "(212)", "555-0187", "tel",
    "4111 1111 1111 1111", "4111111111111111", "1111", "DE89370400440532013000", "DE89", "123-45-6789", "123", "45",
    "AKIAI44QH8DHBT7ZQ2GB", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "eyJhbGciOiJI.eyJzdWIiOiIx.dozjgNryP4J3j",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7bq0V9Zxq1Jm8ybTQv3nXb6tZf0uYh5cWl2R",
    "é", "ü", "中", "：", "\u00a0", "\u2011", "😀", "example.com", "version ", "0", "7", "z",
)  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join)
plain = st.text(alphabet="ab1.-@ _'", max_size=24)
dotted = st.lists(
    st.sampled_from(["1", "25", "250", "300", "01", "8", ".", ".", ".", " ", "a", "-", ",", "0"]), max_size=16
).map("".join)


def places(batch: list[str], *kinds: PersonalKind) -> list[tuple[int, int, int, int]]:
    """Return row, begin, end (in bytes of the row) and kind of every find."""
    data, offsets = utf8_bytes(pa.array(batch, pa.string()))
    found = find_personal(data, offsets, kinds or tuple(PersonalKind))
    return [
        (int(row), int(begin - offsets[row]), int(end - offsets[row]), int(kind))
        for row, begin, end, kind in zip(found.rows, found.begins, found.ends, found.kinds, strict=True)
    ]


@given(st.lists(texts, max_size=4))
@settings(max_examples=400, deadline=None)
def test_places_are_in_order_apart_and_between_characters(batch: list[str]) -> None:
    found = places(batch)
    assert found == sorted(found)
    for (row, _, end, _), (next_row, begin, _, _) in pairwise(found):
        assert row != next_row or end <= begin
    for row, begin, end, _ in found:
        raw = batch[row].encode()
        assert 0 <= begin < end <= len(raw)
        assert raw[:begin].decode() + raw[begin:end].decode() + raw[end:].decode() == batch[row]
    # A text is looked at by itself.
    assert found == [(row, *rest) for row, text in enumerate(batch) for _, *rest in places([text])]


@given(st.lists(texts, max_size=4))
@settings(max_examples=400, deadline=None)
@example(["a@b.com@c.org", "1.2.3.4.5@x.de", "+49 30 901820@b.de"])
def test_masking_changes_places_only_and_leaves_nothing_to_find(batch: list[str]) -> None:
    column = pa.array(batch, pa.string())
    data, offsets = utf8_bytes(column)
    found = find_personal(data, offsets)
    marks = [f"<{kind.value}>" for kind in PersonalKind]
    once = text_array(*replace_personal(data, offsets, found, marks), pa.string())
    once.validate(full=True)
    expected = [text.encode() for text in batch]
    for row, begin, end, kind in reversed(places(batch)):
        expected[row] = expected[row][:begin] + marks[kind].encode() + expected[row][end:]
    assert once.to_pylist() == [raw.decode() for raw in expected]

    operator = PersonalData(action="mask")
    masked = operator(pa.record_batch({"text": column}))
    masked["text"].validate(full=True)
    assert places(masked["text"].to_pylist()) == []
    assert operator(masked)["text"] == masked["text"]


@given(texts)
@settings(max_examples=200, deadline=None)
def test_what_is_put_in_may_be_nothing_or_an_address_of_nobody(text: str) -> None:
    for filled in (Placeholders(*[""] * 7), Placeholders(emails="email@example.com", ip_addresses="192.0.2.1")):
        operator = PersonalData(action="mask", placeholders=filled)
        masked = operator(pa.record_batch({"text": [text]}))["text"].to_pylist()
        assert places(masked) == []


ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
LOCAL = re.compile(rf"\b{ATOM}(?:\.{ATOM})*$")


def emails(text: str) -> list[tuple[int, int]]:
    """Return where addresses stand, by regular expressions and the rules on top-level domains."""
    found: list[tuple[int, int]] = []
    free = 0
    for at in (match.start() for match in re.finditer("@", text)):
        local = LOCAL.search(text, free, at)
        begin, end, labels = at + 1, -1, 0
        while local and (label := LABEL.match(text, begin)):
            labels += 1
            top = next(
                (part for part in (label[0], label[0].split("-")[0]) if re.fullmatch("[A-Za-z]{2,}", part)), None
            )
            if labels > 1 and top:
                end = begin + len(top)
            if text[label.end() : label.end() + 1] != ".":
                break
            begin = label.end() + 1
        if local and end > 0:
            found.append((local.start(), end))
            free = end
    return found


@given(plain)
@settings(max_examples=1500, deadline=None)
def test_addresses_are_those_of_regular_expressions(text: str) -> None:
    assert [place[1:3] for place in places([text], PersonalKind.EMAIL)] == emails(text)


@given(dotted)
@settings(max_examples=1500, deadline=None)
def test_ip_addresses_are_those_of_the_standard_library(text: str) -> None:
    expected = []
    for match in re.finditer(r"(?<![\w])(?<!\w\.)(?<![A-Za-z][-/])\d+(?:\.\d+){3}(?!\w|\.\d|\.[a-z])", text):
        try:
            public = ipaddress.ip_address(match[0]).is_global
        except ValueError:
            public = False
        if public:
            expected.append(match.span())
    assert [place[1:3] for place in places([text], PersonalKind.IP_ADDRESS)] == expected


@pytest.mark.parametrize("seed", range(3))
def test_public_addresses_are_those_of_the_standard_library(seed: int) -> None:
    import random

    rng = random.Random(seed)
    addresses = [ipaddress.IPv4Address(rng.getrandbits(32)) for _ in range(20_000)]
    addresses += [ipaddress.IPv4Address(i << 24 | rng.getrandbits(24)) for i in range(256) for _ in range(20)]
    found = {row for row, *_ in places([str(address) for address in addresses])}
    assert found == {i for i, address in enumerate(addresses) if address.is_global}
    six = [ipaddress.IPv6Address(rng.choice((0x2, 0x3, 0xF)) << 124 | rng.getrandbits(124)) for _ in range(5_000)]
    six += [ipaddress.IPv6Address(0x2001 << 112 | rng.getrandbits(112) >> rng.choice((0, 4, 8))) for _ in range(2_000)]
    six += [ipaddress.IPv6Address(0x2606 << 112 | 0x4700 << 96 | rng.getrandbits(24)) for _ in range(100)]
    found = {row for row, *_ in places([str(address) for address in six])}
    documentation = ipaddress.IPv6Network("3fff::/20")  # newer than some versions of Python
    unicast = ipaddress.IPv6Network("2000::/3")
    assert found == {
        i for i, address in enumerate(six) if address in unicast and address.is_global and address not in documentation
    }
