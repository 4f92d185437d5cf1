"""Permission signals: every kind that is read, and what it says about training."""

import json

import pytest
from credentials_example import MACHINE, batch, manifest, store

from headwater.origin.marks import write_selectors
from headwater.origin.permission import Permission, path_of, preference, read_permissions, read_robots, stated


def found(
    text: str = "A text.", source: str | None = None, permission: str | None = None, **meta: object
) -> list[Permission]:
    documents = batch([text], source=[source], permission=[permission], meta=[json.dumps(meta) if meta else None])
    return [one for _, one in read_permissions(documents)]


def test_a_document_without_signals_has_none():
    assert found() == []
    assert found("We discuss noai tags and robots.txt and Content-Usage.", title="robots.txt explained") == []


@pytest.mark.parametrize(
    ("value", "allowed"),
    [("allowed", True), ("No", False), ("noai", False), ("train-ai=n", False), ("CC BY 4.0", None), ("ask us", None)],
)
def test_the_users_own_column_is_passed_through(value: str, allowed: bool | None):
    assert found(permission=value) == [Permission("stated", value, allowed)]
    assert stated(value) == allowed


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("train-ai=n", False),
        ("train-ai=y, search=n", True),
        ("search=y", None),
        ("", None),
        ("bots=n, train-ai=y", True),
        ("bots=n", False),
        ("train-ai=y, train-ai=n", False),
        ("train-ai", True),
        ("train-ai=n;exceptions=research", False),
        ("train-ai=maybe", None),
        ("search=yes, ai-train=no", False),
        ("=n,,;", None),
    ],
)
def test_preferences(expression: str, allowed: bool | None):
    assert preference(expression) is allowed


ROBOTS = """\
# comment
User-agent: GPTBot
User-Agent: ccbot/2.0
Disallow: /
Allow: /open/

User-agent: ClaudeBot
Disallow: /private/*.html$   # trailing
Disallow:

User-agent: SearchBot
Disallow: /

user-agent: *
Content-Usage: train-ai=n
Content-Usage: /open/ train-ai=y
Content-Signal: search=yes, ai-train=no
Disallow: /cgi/

License: https://example.org/license.xml
"""


def rules(path: str) -> dict[tuple[str, str], bool | None]:
    return {(one.signal, one.concerns): one.allowed for one in read_robots(ROBOTS, path)}


def test_robots_txt_names_crawlers_for_training():
    assert rules("/posts/1") == {
        ("RSL", ""): None,
        ("robots.txt", "GPTBot"): False,
        ("robots.txt", "CCBot"): False,
        ("robots.txt", "ClaudeBot"): True,
        ("Content-Usage", ""): False,
        ("Content-Signal", ""): False,
    }
    assert rules("/open/1")["robots.txt", "GPTBot"] is True
    assert rules("/open/1")["Content-Usage", ""] is True
    assert rules("/private/a.html")["robots.txt", "ClaudeBot"] is False
    assert rules("/private/a.html?x")["robots.txt", "ClaudeBot"] is True
    assert rules("/cgi/x")["robots.txt", ""] is False


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        # RFC 9309, sections 2.2.2, 2.2.3 and 5.2
        ("/path/file-with-a-*.html", "/path/file-with-a-b.html", True),
        ("/*.gif$", "/a/b.gif", True),
        ("/*.gif$", "/a/b.gif?x", False),
        ("/foo/", "/foo", False),
        ("/*", "/", True),
        ("/a*b*c$", "/abbc", True),
        ("/a*b*c$", "/abcb", False),
        ("/a$", "/ab", False),
        ("*", "/x", True),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool):
    (signal,) = read_robots(f"User-agent: GPTBot\nDisallow: {pattern}", path)
    assert signal.allowed is not matches


def test_the_longest_rule_decides_and_of_equal_ones_allow():
    (signal,) = read_robots("User-agent: GPTBot\nDisallow: /a/b\nAllow: /a\nDisallow: /a", "/a/c")
    assert (signal.allowed, signal.value) == (True, "Allow: /a")


def test_robots_txt_is_found_in_the_metadata_and_applied_to_the_address():
    text = "User-agent: GPTBot\nDisallow: /drafts/"
    for name in ("robots.txt", "robots_txt"):
        assert [one.allowed for one in found(source="https://a.example/drafts/1", **{name: text})] == [False]
        assert [one.allowed for one in found(url="https://a.example/posts/1", **{name: text})] == [True]


def test_tags_of_a_page():
    page = (
        '<html><head><meta name="robots" content="noindex, noai, noimageai"><meta name="CCBot" content="noai">'
        '<meta name="tdm-reservation" content="1"><link rel="license" type="application/rsl+xml" href="/license.xml"></head>'
    )
    assert set(found(page)) == {
        Permission("robots meta tag", "noai", allowed=False),
        Permission("robots meta tag", "noimageai", None, "pictures"),
        Permission("robots meta tag", "noai", allowed=False, concerns="ccbot"),
        Permission("TDMRep", "tdm-reservation: 1", allowed=False),
        Permission("RSL", "/license.xml", None),
    }


@pytest.mark.parametrize(
    ("header", "value", "signal", "allowed", "concerns"),
    [
        ("X-Robots-Tag", "noai, noindex", "X-Robots-Tag", False, ""),
        ("x_robots_tag", "gptbot: noai", "X-Robots-Tag", False, "gptbot"),
        ("X-Robots-Tag", ["noarchive", "noimageai"], "X-Robots-Tag", None, "pictures"),
        ("TDM-Reservation", "1", "TDMRep", False, ""),
        ("tdm-reservation", 0, "TDMRep", True, ""),
        ("tdm-reservation", "x", "TDMRep", None, ""),
        ("Content-Usage", "train-ai=n", "Content-Usage", False, ""),
        ("content_signal", "ai-train=yes", "Content-Signal", True, ""),
    ],
)
def test_headers(header: str, value: object, signal: str, allowed: bool | None, concerns: str):
    (one,) = found(headers={header: value})
    assert (one.signal, one.allowed, one.concerns) == (signal, allowed, concerns)


def test_the_first_matching_rule_of_a_tdmrep_file_applies():
    rules_file = [
        {"location": "/open/*", "tdm-reservation": 0},
        {"location": "/", "tdm-reservation": 1, "tdm-policy": "https://a.example/policy"},
    ]
    for value in (rules_file, json.dumps(rules_file)):
        for name in ("tdmrep.json", "/.well-known/tdmrep.json", "tdmrep"):
            assert [one.allowed for one in found(source="https://a.example/x", **{name: value})] == [False]
            assert [one.allowed for one in found(source="https://a.example/open/x", **{name: value})] == [True]
    assert found(tdmrep="no json") == found(tdmrep=[1, {"location": 3}]) == []


def test_ai_txt_speaks_of_paths_and_endings():
    text = "# Spawning\nUser-Agent: *\nDisallow: *.txt\nDisallow: *.html\nAllow: /free/"
    assert [one.allowed for one in found(source="https://a.example/x.html", ai_txt=text)] == [False]
    assert [one.allowed for one in found(source="https://a.example/free/x", ai_txt=text)] == [True]
    assert found(source="https://a.example/x.png", ai_txt=text) == []


@pytest.mark.parametrize(
    ("inside", "allowed"),
    [
        ('<prohibits type="usage">train-ai</prohibits>', [False]),
        ('<permits type="usage">all</permits>', [True]),
        ('<permits type="usage">search</permits><prohibits type="usage">ai-train</prohibits>', [None, False]),
        ('<permits type="user">non-commercial</permits>', []),
    ],
)
def test_rsl_licences(inside: str, allowed: list[bool | None]):
    licence = f'<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>{inside}</license></content></rsl>'
    assert [one.allowed for one in found(license_xml=licence)] == allowed
    assert [one.allowed for one in found(f"<html>{licence}</html>")] == allowed


def test_training_assertions_of_a_credential():
    uses = {"ai_generative_training": "notAllowed", "data_mining": "notAllowed", "ai_training": "constrained"}
    text = write_selectors("A text.", store(manifest("urn:a", MACHINE, uses=uses)))
    assert found(text) == [
        Permission("C2PA", "ai_generative_training: notAllowed", allowed=False, concerns="ai generative training"),
        Permission("C2PA", "data_mining: notAllowed", None, "data mining"),
        Permission("C2PA", "ai_training: constrained", None, "ai training"),
    ]


@pytest.mark.parametrize(
    "meta",
    [
        "{",
        "[" * 50_000,
        '"robots.txt"',
        '{"robots.txt": [1, null]}',
        '{"x-robots-tag": {"a": 1}}',
        '{"robots.txt": ":::\\n\\u0000"}',
    ],
)
def test_damaged_metadata_says_nothing(meta: str):
    assert list(read_permissions(batch(["a"], meta=[meta]))) == []


def test_signals_are_bounded():
    text = "".join(f'<meta name="robots" content="x{n}: noai">' for n in range(5000))
    assert len(found(text)) == 200


def test_paths():
    assert path_of("https://a.example/x/y?z=1#f") == "/x/y?z=1"
    assert path_of("https://a.example") == path_of("data/file.jsonl") == path_of("http://[bad") == "/"
