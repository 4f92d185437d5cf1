"""Permission signals: what rights holders say about the use of a document for training. No evidence of who wrote it.

A separate axis: signals are read and passed on, they never change an origin. Read are the user's own column
``permission``; robots.txt (RFC 9309) for crawlers that gather training data, with the lines ``Content-Usage``
(draft-ietf-aipref-attach, draft-ietf-aipref-vocab), ``Content-Signal`` and ``License`` (RSL); robots meta tags and
``X-Robots-Tag`` with ``noai``; ai.txt (Spawning); the TDM Reservation Protocol (W3C community report of 10 May 2024) as
tag, header or file; RSL licences; and the training assertions of C2PA credentials in the text.

Headers and files are found in ``meta``, the JSON text of what else a row carried, under their own names
(``x-robots-tag``, ``content-usage``, ``robots.txt`` or ``robots_txt``, ``ai.txt``, ``tdmrep.json`` ...), at any depth.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from headwater.origin.marks.c2pa_text import manifests_of
from headwater.origin.marks.page import attributes, candidates, json_nodes, metadata, tags

AI_AGENTS = (
    "AI2Bot",
    "Amazonbot",
    "anthropic-ai",
    "Applebot-Extended",
    "Bytespider",
    "CCBot",
    "ClaudeBot",
    "Claude-Web",
    "cohere-ai",
    "cohere-training-data-crawler",
    "DeepSeekBot",
    "Diffbot",
    "FacebookBot",
    "Google-Extended",
    "GPTBot",
    "ImagesiftBot",
    "img2dataset",
    "meta-externalagent",
    "Omgilibot",
    "PanguBot",
    "PerplexityBot",
    "Timpibot",
    "webzio-extended",
)
"""Crawlers whose operators say that they gather training data, or that stand for such a use."""

_LARGEST_FILE = 512_000  # RFC 9309, section 2.5: at least 500 kibibytes are read
_LONGEST_VALUE = 300
_MOST_SIGNALS = 200
_STATED = {
    **dict.fromkeys(("allowed", "allow", "granted", "permitted", "yes", "y", "true", "1"), True),
    **dict.fromkeys(("disallowed", "denied", "not allowed", "notallowed", "forbidden", "no", "n", "false", "0"), False),
    **dict.fromkeys(("noai", "no-ai", "noml", "reserved"), False),
}
# Most specific first (draft-ietf-aipref-vocab; Content-Signal by its own names). A bare key is a preference for "yes".
_TRAINING_KEYS = ("train-ai", "ai-train", "train-genai", "genai", "ai", "tdm", "bots", "all")
_TDM_FILES = {"tdmrep.json", "tdmrep"}
_NO_TRAINING = {"noai", "noml"}
_PAIR = re.compile(r"\s*([a-z*][\w.*-]{0,40})\s*(?:=\s*\"?([\w.-]{1,40})\"?)?\s*(?:;[^,]*)?", re.IGNORECASE)
_RSL_USE = re.compile(
    r"<(permits|prohibits)\b[^<>]{0,200}\btype\s{0,9}=\s{0,9}[\"']usage[\"'][^<>]{0,200}>([^<>]{0,500})<", re.IGNORECASE
)
_RSL_USES = {"all", "ai-all", "ai-train", "train-ai", "train-genai"}
_PAGE_HINT = (
    r"(?i)\bno(?:ai|imageai|ml)\b|tdm-(?:reservation|policy)|content-(?:usage|signal)|application/rsl\+xml|<rsl\b"
)
_META_HINT = (
    r"(?i)x[-_]robots[-_]tag|tdm[-_]?(?:reservation|rep)|content[-_](?:usage|signal)|robots[._]txt|ai[._]txt|\"rsl"
    r"|license[._]xml"
)


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission signal on one document."""

    signal: str
    """Which: ``stated``, ``robots.txt``, ``robots meta tag``, ``X-Robots-Tag``, ``ai.txt``, ``TDMRep``,
    ``Content-Usage``, ``Content-Signal``, ``RSL`` or ``C2PA``."""
    value: str
    """What it says, as it stands there, at most 300 characters."""
    allowed: bool | None
    """Whether it allows training on the text; None where it says nothing about that, or only where terms are found."""
    concerns: str = ""
    """Whom or which use it is limited to: a crawler, a kind of training; empty for everybody."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Rules of a robots.txt for some agents."""

    agents: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]  # (allow | disallow | content-usage | content-signal, value)


def read_permissions(documents: pa.RecordBatch) -> Iterator[tuple[int, Permission]]:
    """Yield (row, signal) of the permission signals on a batch in the ``DOCUMENT`` schema; most rows have none.

    Damaged signals are passed over or have ``allowed=None``; nothing is raised for data and nothing is fetched.
    """
    for row, value in candidates(documents, "permission", r"\S"):
        yield row, Permission("stated", value[:_LONGEST_VALUE], stated(value))
    for row, text in candidates(documents, "text", _PAGE_HINT):
        yield from ((row, one) for one in _first(_in_page(text)))
    for row, text in candidates(documents, "text", "\U000e0133\U000e0122\U000e0140|C2PA MANIFEST|application/c2pa"):
        yield from ((row, one) for one in _first(_in_credentials(text)))
    sources = documents.column("source")
    for row, text in candidates(documents, "meta", _META_HINT):
        fields = list(_fields(metadata(text)))
        address = next((v for k, v in fields if k in {"url", "uri", "warc-target-uri"} and isinstance(v, str)), None)
        path = path_of(address or sources[row].as_py() or "")
        yield from ((row, one) for one in _first(_in_fields(fields, path)))


def stated(value: str) -> bool | None:
    """Return whether a value of the column ``permission`` allows training, where its words are known."""
    word = value.strip().lower()
    return _STATED[word] if word in _STATED else preference(value)


def preference(expression: str) -> bool | None:
    """Return whether an expression such as ``train-ai=n, search=y`` allows training; None where it does not say.

    The most specific category that is stated counts; of two statements about it the restrictive one.
    """
    found: dict[str, set[bool]] = {}
    for part in expression[:_LONGEST_VALUE].split(","):
        pair = _PAIR.fullmatch(part)
        if pair and pair.group(1).lower() in _TRAINING_KEYS:
            answer = _STATED.get((pair.group(2) or "y").lower())
            if answer is not None:
                found.setdefault(pair.group(1).lower(), set()).add(answer)
    return next((False not in found[key] for key in _TRAINING_KEYS if key in found), None)


def read_robots(text: str, path: str, agents: Sequence[str] = AI_AGENTS) -> list[Permission]:
    """Return what a robots.txt says about a path: to crawlers for training data, and about usage.

    Args:
        text: content of the file; what exceeds 512,000 characters is ignored.
        path: path of the document with its query, such as ``/posts/1?page=2``.
        agents: product names of the crawlers that are asked about.

    One signal for each agent with rules of its own, one for ``*`` where it forbids the path to everybody else, and the
    usage lines and licences of the file. The longest matching pattern decides, of equal ones ``Allow`` (RFC 9309,
    section 2.2.2).
    """
    groups, licences = _groups(text[:_LARGEST_FILE])
    signals = [Permission("RSL", licence[:_LONGEST_VALUE], None) for licence in licences]
    wanted = {agent.lower(): agent for agent in agents}
    rules_of: dict[str, list[tuple[str, str]]] = {}
    for group in groups:
        for agent in group.agents:
            rules_of.setdefault(agent.lower(), []).extend(group.rules)
    for agent, rules in rules_of.items():
        if agent != "*" and agent not in wanted:
            continue
        allowed, rule = _decision(rules, path)
        if agent != "*" or not allowed:
            signals.append(Permission("robots.txt", rule, allowed, "" if agent == "*" else wanted[agent]))
        for kind, name in (("content-usage", "Content-Usage"), ("content-signal", "Content-Signal")):
            lines = [
                (length, value) for k, v in rules if k == kind for length, value in [_applies(v, path)] if length >= 0
            ]
            longest = max((length for length, _ in lines), default=-1)
            joined = ", ".join(value for length, value in lines if length == longest)
            if joined:
                concerns = "" if agent == "*" else wanted[agent]
                signals.append(Permission(name, joined[:_LONGEST_VALUE], preference(joined), concerns))
    return signals


def path_of(address: str) -> str:
    """Return path and query of a web address, or ``/`` where it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    if parts.scheme not in {"http", "https"}:
        return "/"
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _in_page(text: str) -> Iterator[Permission]:
    for _, _, name, inside in tags(text, ("meta", "link")):
        found = attributes(inside)
        content = found.get("content", "")
        key = (found.get("name") or found.get("http-equiv") or found.get("property") or "").lower()
        if name == "link":
            if (
                "license" in found.get("rel", "").lower().split()
                and found.get("type", "").lower() == "application/rsl+xml"
            ):
                yield Permission("RSL", found.get("href", "")[:_LONGEST_VALUE], None)
        elif key in {"robots", "googlebot", "bingbot"} or key in _AGENT_NAMES:
            yield from _directives("robots meta tag", content, "" if key == "robots" else key)
        elif key == "tdm-reservation":
            yield _reservation(content)
        elif key in {"content-usage", "content-signal"}:
            yield Permission(key.title(), content[:_LONGEST_VALUE], preference(content))
    yield from _licence(text)


def _in_credentials(text: str) -> Iterator[Permission]:
    for _, manifests in manifests_of(text):
        for use, answer in manifests[-1].uses.items():
            allowed = {"allowed": True, "notAllowed": False}.get(answer)
            concerns = use.replace("_", " ")
            # Mining and inference are uses of their own; only the two kinds of training speak about training.
            yield Permission("C2PA", f"{use}: {answer}", allowed if use.endswith("training") else None, concerns)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of the fields of a JSON value at any depth; the rules of a tdmrep.json are no fields."""
    rules: set[int] = set()
    for node in json_nodes(value):
        if id(node) in rules:
            continue
        for key, inner in node.items():
            name = _name(key)
            if name in _TDM_FILES and isinstance(inner, list):
                rules.update(id(rule) for rule in inner)
            yield name, inner


def _in_fields(fields: Iterable[tuple[str, Any]], path: str) -> Iterator[Permission]:
    for name, value in fields:
        if name in _TDM_FILES:
            yield from _reservations(metadata(value) if isinstance(value, str) else value, path)
            continue
        if isinstance(value, list):
            value = ", ".join(one for one in value if isinstance(one, str))  # noqa: PLW2901  (a header given twice)
        if isinstance(value, int) and name == "tdm-reservation":
            value = str(int(value))  # noqa: PLW2901
        if not isinstance(value, str):
            continue
        if name == "x-robots-tag":
            yield from _directives("X-Robots-Tag", value, "")
        elif name == "tdm-reservation":
            yield _reservation(value)
        elif name in {"content-usage", "content-signal"}:
            yield Permission(name.title(), value[:_LONGEST_VALUE], preference(value))
        elif name == "robots.txt":
            yield from read_robots(value, path)
        elif name == "ai.txt":
            yield from _ai_file(value, path)
        elif name in {"rsl", "rsl.xml", "license.xml"}:
            yield from _licence(value)


def _directives(signal: str, content: str, concerns: str) -> Iterator[Permission]:
    """Yield what robots directives say about training. A header can name an agent: ``gptbot: noai, noindex``."""
    for part in content[:_LONGEST_VALUE].lower().split(","):
        agent, colon, directive = part.rpartition(":")
        whom = agent.strip() if colon else concerns
        if directive.strip() in _NO_TRAINING:
            yield Permission(signal, directive.strip(), allowed=False, concerns=whom)
        elif directive.strip() == "noimageai":
            yield Permission(signal, "noimageai", None, "pictures")


def _reservation(value: str) -> Permission:
    return Permission("TDMRep", f"tdm-reservation: {value[:20]}", {"1": False, "0": True}.get(value.strip()))


def _reservations(rules: Any, path: str) -> Iterator[Permission]:
    """Yield the rule of a tdmrep.json that covers the path: the first whose location matches (section 6.2)."""
    for rule in rules if isinstance(rules, list) else []:
        location = rule.get("location") if isinstance(rule, dict) else None
        if isinstance(location, str) and _matches(location, path):
            yield _reservation(str(rule.get("tdm-reservation")))
            return


def _ai_file(text: str, path: str) -> Iterator[Permission]:
    """Yield what an ai.txt says to everybody; its patterns are paths, or endings such as ``*.txt``."""
    groups, _ = _groups(text[:_LARGEST_FILE])
    rules = [
        (kind, value if value.startswith(("/", "*")) else f"/{value}")
        for group in groups
        if "*" in group.agents
        for kind, value in group.rules
    ]
    matching = any(kind in {"allow", "disallow"} and _matches(value, path) for kind, value in rules)
    if matching:
        allowed, rule = _decision(rules, path)
        yield Permission("ai.txt", rule, allowed)


def _licence(text: str) -> Iterator[Permission]:
    if "<rsl" not in text.lower():
        return
    for verb, uses in _RSL_USE.findall(text)[:_MOST_SIGNALS]:
        stated_uses = uses.lower().replace(",", " ").split()
        allowed = (verb.lower() == "permits") if _RSL_USES & set(stated_uses) else None
        yield Permission("RSL", f"{verb.lower()} {' '.join(stated_uses)}"[:_LONGEST_VALUE], allowed)


def _groups(text: str) -> tuple[list[_Group], list[str]]:
    """Return the groups of a robots.txt and the licences it names."""
    groups: list[_Group] = []
    licences: list[str] = []
    agents: list[str] = []
    rules: list[tuple[str, str]] = []
    for line in re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")):
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            if rules:
                groups.append(_Group(tuple(agents), tuple(rules)))
                agents, rules = [], []
            agents.append(value.partition("/")[0].strip().lower())
        elif key == "license":
            licences.append(value)
        elif key in {"allow", "disallow", "content-usage", "content-signal"}:
            if not agents:
                if key in {"allow", "disallow"}:
                    continue
                agents = ["*"]  # a usage line before any group is about everybody
            rules.append((key, value))
    if agents:
        groups.append(_Group(tuple(agents), tuple(rules)))
    return groups, licences[:_MOST_SIGNALS]


def _decision(rules: Iterable[tuple[str, str]], path: str) -> tuple[bool, str]:
    """Return (whether the path is allowed, the rule that says so)."""
    best = (-1, True, "no rule matches")
    for kind, pattern in rules:
        if kind in {"allow", "disallow"} and pattern and _matches(pattern, path):
            best = max(best, (len(pattern), kind == "allow", f"{kind.title()}: {pattern}"[:_LONGEST_VALUE]))
    return best[1], best[2]


def _applies(line: str, path: str) -> tuple[int, str]:
    """Return (length of the pattern, or -1 where it does not match; the expression) of a usage line."""
    pattern, blank, rest = line.partition(" ")
    if pattern.startswith("/") and blank:
        return (len(pattern), rest.strip()) if _matches(pattern, path) else (-1, "")
    return 0, line


def _matches(pattern: str, path: str) -> bool:
    """Return whether a pattern with ``*`` and a final ``$`` matches the beginning of a path; linear per ``*``."""
    anchored = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$")[:2_000].split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    for number, piece in enumerate(rest, 1):
        if anchored and number == len(rest):
            return len(path) - len(piece) >= at and path.endswith(piece)
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return not anchored or at == len(path)


def _first(signals: Iterator[Permission]) -> list[Permission]:
    """Return the distinct signals, at most 200."""
    distinct: dict[Permission, None] = {}
    for one in signals:
        distinct[one] = None
        if len(distinct) == _MOST_SIGNALS:
            break
    return list(distinct)


def _name(key: str) -> str:
    """Return the name of a field as headers and files are named, such as robots.txt for ``robots_txt``."""
    name = key.strip().lower().rpartition("/")[2]
    for ending in ("_txt", "_json", "_xml"):
        if name.endswith(ending):
            return name.removesuffix(ending) + "." + ending[1:]
    return name.replace("_", "-")


_AGENT_NAMES = frozenset(agent.lower() for agent in AI_AGENTS)
