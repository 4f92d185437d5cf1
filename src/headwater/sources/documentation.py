r"""The embedded human corpus: prose from the documentation installed with Python and with Headwater's dependencies.

Docstrings of the standard library, numpy, scipy and scikit-learn, and the topics of the Python language reference, are
read with ``ast``. Nothing is imported or executed. They are human, dated by the package version, carry their licences
and are present wherever Headwater is installed, so every first run works on real text without a network.

Docstrings are full of what is not prose: doctests, parameter tables, formulas, ASCII rules. On text that keeps those,
a "lowest perplexity" filter degenerates to copying rules, which says nothing about prose. They are therefore dropped
here, by line structure first (reStructuredText and numpydoc), then sentence by sentence (formulas, addresses, code).
"""

import ast
import gc
import importlib.metadata
import importlib.util
import json
import logging
import platform
import re
import sysconfig
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path

import pyarrow as pa

from headwater.errors import InputError, did_you_mean
from headwater.schema import Origin, documents

PACKAGES: tuple[str, ...] = ("stdlib", "numpy", "scipy", "sklearn")
"""What is read by default, in this order."""

MIN_WORDS = 40
"""Shortest document that is kept, in words."""

_LICENCES = {"stdlib": "PSF-2.0", "numpy": "BSD-3-Clause", "scipy": "BSD-3-Clause", "sklearn": "BSD-3-Clause"}
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}
# Tests describe cases, not things; vendored folders carry other people's text under other licences.
_SKIPPED_FOLDERS = frozenset(
    {
        "__pycache__", "_external", "_vendor", "_vendored", "array_api_compat", "array_api_extra", "dist-packages",
        "externals", "idle_test", "lib2to3", "site-packages", "test", "tests", "vendored_meson",
    }
)  # fmt: skip

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentationCorpus:
    """The documents and where they came from."""

    table: pa.Table
    """Documents in the ``DOCUMENT`` schema, sorted by group, path and line."""
    packages: dict[str, str]
    """Version of each package that was read; ``stdlib`` stands for Python itself."""
    files: int
    """Source files read."""
    skipped: int
    """Source files that could not be read or parsed."""


@dataclass(frozen=True, slots=True)
class _Doc:
    group: str
    path: str
    line: int
    name: str
    paragraphs: tuple[str, ...]
    package: str


def read_documentation(
    packages: Sequence[str] = PACKAGES, progress: Callable[[int, int], None] | None = None
) -> pa.Table:
    """Return the prose of the installed documentation as a document table; see :func:`collect_documentation`."""
    return collect_documentation(packages, progress).table


def collect_documentation(
    packages: Sequence[str] = PACKAGES, progress: Callable[[int, int], None] | None = None
) -> DocumentationCorpus:
    """Return the prose of the installed documentation, with the versions and file counts it rests on.

    One document per docstring (per section for the language reference topics), of at least ``MIN_WORDS`` words. The
    group, the unit of independence, is the module (``topics:<name>`` for a topic). A paragraph that occurs a second
    time is dropped there, so that no boilerplate is shared between modules. The same installation gives the same table.

    Args:
        packages: any of ``PACKAGES``.
        progress: called with (files done, files in all), about a hundred times.

    Raises:
        InputError: a package is unknown or not installed.

    Cost: about 8 CPU seconds (7.7 to 8.8) for all four, more than half of it parsing (measured: 1,728 files, 35 MB).
    """
    roots = {package: _root(package) for package in packages}
    files = [(package, path) for package, root in roots.items() for path in _source_files(root)]
    found: list[_Doc] = []
    skipped = 0
    every = max(1, len(files) // 100)
    with _collector_paused():
        for done, (package, path) in enumerate(files, 1):
            try:
                found.extend(_read_file(package, roots[package], path))
            except (SyntaxError, ValueError, OSError, RecursionError) as error:
                skipped += 1
                _log.warning("source file skipped", extra={"file": str(path), "error": str(error)})
            if progress is not None and (done % every == 0 or done == len(files)):
                progress(done, len(files))
    found.sort(key=lambda doc: (doc.group, doc.path, doc.line, doc.name))
    versions = {package: _version(package) for package in packages}
    return DocumentationCorpus(_table(_without_repeats(found), versions), versions, len(files), skipped)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause garbage collection: syntax trees are many objects without a cycle (measured: 13% of the whole cost)."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _root(package: str) -> Path:
    if package == "stdlib":
        root = Path(sysconfig.get_path("stdlib"))
        if not root.is_dir():
            raise InputError(f"this Python keeps no library sources at {root}; read the other packages instead")
        return root
    if package not in _LICENCES:
        raise InputError(
            f"unknown documentation package {package!r}. Known: {', '.join(PACKAGES)}.{did_you_mean(package, PACKAGES)}"
        )
    spec = importlib.util.find_spec(package)  # finds a top-level package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"package {package!r} is not installed; repair it with: pip install --force-reinstall headwater"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _version(package: str) -> str:
    if package == "stdlib":
        return platform.python_version()
    return importlib.metadata.version(_DISTRIBUTIONS.get(package, package))


def _source_files(root: Path) -> list[Path]:
    found = []
    folders = [root]
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            if entry.is_dir():
                if entry.name not in _SKIPPED_FOLDERS and not entry.is_symlink():
                    folders.append(entry)
            elif entry.suffix == ".py" and not entry.name.startswith(("test_", "conftest")):
                found.append(entry)
    return sorted(found)


def _read_file(package: str, root: Path, path: Path) -> Iterator[_Doc]:
    relative = path.relative_to(root)
    parts = relative.with_suffix("").parts
    dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    group = dotted if package == "stdlib" else f"{package}.{dotted}".rstrip(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences in other people's docstrings
        tree = ast.parse(path.read_bytes())
    topics = package == "stdlib" and relative.as_posix() == "pydoc_data/topics.py"
    for name, line, text in _topics(tree) if topics else _docstrings(tree.body, ()):
        if len(text.split()) < MIN_WORDS:
            continue
        kept = _prose(text)
        if kept:
            of_topic = f"topics:{name.partition('#')[0]}"
            yield _Doc(of_topic if topics else group, relative.as_posix(), line, name or dotted, tuple(kept), package)


def _docstrings(body: list[ast.stmt], within: tuple[str, ...]) -> Iterator[tuple[str, int, str]]:
    """Yield (qualified name, line, text) of a scope and of every class and function below it."""
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        text = body[0].value.value
        if isinstance(text, str):
            yield ".".join(within), body[0].lineno, text
    for statement in body:
        match statement:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield from _docstrings(statement.body, (*within, name))
            case ast.If() | ast.Try():
                yield from _docstrings([ast.Pass(), *statement.body, *statement.orelse], within)
            case ast.Expr(value=ast.Call(func=ast.Name(id="add_newdoc") | ast.Attribute(attr="add_newdoc"), args=args)):
                # numpy and scipy attach the documentation of compiled functions this way.
                words = [part for arg in args for part in (arg.elts if isinstance(arg, ast.Tuple) else [arg])]
                strings = [w.value for w in words if isinstance(w, ast.Constant) and isinstance(w.value, str)]
                if len(strings) > 1:
                    yield ".".join(strings[:-1]), statement.lineno, strings[-1]
            case _:
                pass


def _topics(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """Yield the sections of the language reference topics as (topic#number, line, text)."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            for key, value in zip(statement.value.keys, statement.value.values, strict=True):
                if key is not None:
                    topic, text = ast.literal_eval(key), ast.literal_eval(value)
                    for number, section in enumerate(_TOPIC_HEADING.split(text)):
                        yield f"{topic}#{number}", value.lineno, section


def _without_repeats(found: list[_Doc]) -> list[_Doc]:
    """Return the documents without the paragraphs an earlier one has, where enough is left."""
    seen: set[str] = set()
    kept = []
    for doc in found:
        paragraphs = tuple(p for p in dict.fromkeys(doc.paragraphs) if p not in seen)
        seen.update(paragraphs)
        if _words(paragraphs) >= MIN_WORDS:
            kept.append(_Doc(doc.group, doc.path, doc.line, doc.name, paragraphs, doc.package))
    return kept


def _table(found: list[_Doc], versions: dict[str, str]) -> pa.Table:
    sources = {package: f"{'python' if package == 'stdlib' else package} {v}" for package, v in versions.items()}
    return documents(
        ["\n\n".join(doc.paragraphs) for doc in found],
        origin=Origin.HUMAN.value,
        evidence="installed documentation",
        source=[sources[doc.package] for doc in found],
        group=[doc.group for doc in found],
        generation=0,
        licence=[_LICENCES[doc.package] for doc in found],
        meta=[json.dumps({"path": doc.path, "object": doc.name, "line": doc.line}) for doc in found],
    )


# From here on: what is prose in a docstring. Structure by lines, then sentence by sentence.

_TOPIC_HEADING = re.compile(r"\n\n[^\n]{3,80}\n[*=\-~]{3,}\n\n")
_RULE = re.compile(r"([=\-~^*_#+.`'\"])\1{2,}$|[=\-+|~^*_#. ]{4,}$")
_DIRECTIVE = re.compile(r"\.\.\s+([\w:-]+?)::\s*(.*)")
_FIELD = re.compile(r":(?:param|arg|return|returns|raises|type|rtype|keyword|ivar|cvar|var)\b[^:]*:\s*")
_BULLET = re.compile(r"(?:[-*+•]|\(?(?:\d{1,2}|[a-z]|#)[.)])\s+(?=\S)")
_HEADER = re.compile(r"[*`]{0,3}[\w.]+[*`]{0,2}(?:, *[*`]{0,3}[\w.]+[*`]{0,2})* ?: ")
_TERM = re.compile(
    r"[*`'\"]{0,3}[\w.()\[\], -]{1,40}?['\"`*]{0,3}\s+--\s+"
    r"|[*`'\"]{0,3}[a-z_0-9][\w.]*['\"`*]{0,3}(?: \([^)]*\))?\s*: +"
)
_PROSE_DIRECTIVES = frozenset({"note", "warning", "important", "tip", "hint", "caution", "attention", "admonition"})
_SKIPPED_SECTIONS = frozenset({"references", "see also", "methods", "authors", "author", "copyright", "bibliography"})
_LISTING_SECTIONS = frozenset(
    {
        "arguments", "attributes", "keyword arguments", "other parameters", "parameters", "raises", "receives",
        "return", "return value", "return values", "returns", "warns", "yields",
    }
)  # fmt: skip


def _is_rule(stripped: str) -> bool:
    return not stripped[:1].isalnum() and _RULE.match(stripped) is not None


def _blocks(docstring: str) -> list[str]:
    """Return the running text of a docstring, one block per paragraph or list item, markup still inside."""
    lines = cleandoc(docstring).split("\n")
    stripped_lines = [line.strip() for line in lines]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    blocks: list[str] = []
    block: list[str] = []
    left = 0  # indentation of the block
    hanging = False  # the block is a list item, whose later lines are indented
    spoiled = False  # a rule, table or doctest: everything up to the next empty line goes
    below: int | None = None  # lines indented deeper than this are skipped
    section = ""

    for number, (stripped, indent) in enumerate(zip(stripped_lines, indents, strict=True)):
        if not stripped:
            if block:
                blocks.append(" ".join(block))
                if block[-1].endswith("::"):
                    below = left
            block, spoiled = [], False
            continue
        if below is not None:
            if indent > below:
                continue
            below = None
        if spoiled or _is_rule(stripped) or stripped.startswith((">>>", "In [", "$ ", "% ")):
            block, spoiled = [], True
            continue
        after = stripped_lines[number + 1] if number + 1 < len(lines) else ""
        deeper_after = after != "" and indents[number + 1] > indent
        if after and _is_rule(after) and indents[number + 1] == indent and len(stripped) < 80:
            section = stripped.lower().rstrip(":")
            blocks.append(" ".join(block))
            block = []
            # The underline is no table: take it away, so that the text may start right below it.
            stripped_lines[number + 1] = ""
            continue
        if stripped.startswith(".."):
            directive = _DIRECTIVE.match(stripped)
            blocks.append(" ".join(block))
            block = []
            if directive and directive[1] in _PROSE_DIRECTIVES:
                block, left, hanging = [directive[2]] if directive[2] else [], indent, True
            else:
                below = indent
            continue
        if section in _SKIPPED_SECTIONS:
            continue
        if (" : " in stripped and _HEADER.match(stripped)) or (
            section in _LISTING_SECTIONS and deeper_after and not block
        ):
            blocks.append(" ".join(block))
            block = []
            if stripped.count("{") > stripped.count("}") or stripped.count("(") > stripped.count(")"):
                below = indent  # the type runs over several lines: no telling where the prose starts
            continue
        opening = _BULLET.match(stripped) or (stripped[0] == ":" and _FIELD.match(stripped))
        if not block or opening or indent < left or (indent > left and not hanging):
            # A single line with a deeper one below it is the term of a definition list: not prose.
            if not (len(block) == 1 and indent > left and not opening):
                blocks.append(" ".join(block))
            block, left, hanging = [stripped[opening.end() :] if opening else stripped], indent, bool(opening)
        else:
            block.append(stripped)
    blocks.append(" ".join(block))
    return blocks


_ROLE = re.compile(r":(?:[\w+-]+:)+`([^`]*)`")
_GNU_QUOTE = re.compile(r"(?<!`)`([\w.-]+)'")
_LITERAL = re.compile(r"``(.+?)``|`([^`<]*?)(?:\s*<[^`>]*>)?`_{0,2}")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,2})([^\s*](?:[^*]*[^\s*])?)\1(?![\w*])")
_STARRED = re.compile(r"(?<![\w*])\*{1,2}(?=\w)")
_CITED = re.compile(
    # "as shown in [1]_" falls with its sentence, "... is stable [1]_." only loses the mark.
    r"\b(?:in|see|from|by|of|to|and|with|per|also|refs?|references?|section|on|cf|e\.g)\b\.?,?\s*\[#?\w[\w+-]*\]_?",
    re.IGNORECASE,
)
_CITATION = re.compile(r"\s*\[#?\w[\w+-]*\]_")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<! cf\.)(?<! vs\.)(?<!Fig\.)(?<!Eq\.)[\"')\]]*\s+(?=[\"'(]?[A-Z])"
)
_NOT_PROSE = re.compile(
    r"[\x00\\$|{}<>=^~#@`]|https?:|www\.|ftp:|--|::|__|\.\.|\[\d|\w\([^)]*\(|%\w|&&|\*\*|\bsphx_|\d[*/+]\w"
)
_STARTS = re.compile(r"[\"'(]?[A-Z0-9]")
_ENDS = re.compile(r"[.!?][\"')\]]?$")
_PLAIN_WORD = re.compile(r"(?<!\S)[\"'(]*[A-Za-z][A-Za-z'\u2019-]*[\"')\],.;:!?]*(?!\S)")
_FUNCTION_WORDS = frozenset(
    {
        "a", "an", "and", "are", "be", "by", "for", "from", "if", "in", "is", "it", "of", "on", "that", "the", "this",
        "to", "was", "will", "with",
    }
)  # fmt: skip
_MIN_PARAGRAPH_WORDS = 8
_MIN_WORD_SHARE = 0.85
_MIN_KEPT_SHARE = 0.4


def _inner(match: re.Match[str]) -> str:
    """Return the word inside a role: the title of ``title <target>``, the last part of ``~package.name``."""
    inside = match[1]
    if match[0].startswith(":math:"):
        return "\x00"  # takes its sentence along
    title, bracket, _ = inside.partition("<")
    if bracket and title.strip():
        return title.strip()
    return inside.rpartition(".")[2] if inside.startswith("~") else inside.lstrip("!.")


def _clean(block: str) -> str:
    """Return a block as plain sentences, without those that hold formulas, addresses or code."""
    text = block
    if "`" in text:
        text = _GNU_QUOTE.sub(r"\1", text)
        text = _LITERAL.sub(lambda match: match[1] or match[2] or "", _ROLE.sub(_inner, text))
    if "[" in text:
        text = _CITATION.sub("", _CITED.sub("\x00", text))
    if "*" in text:
        text = _STARRED.sub("", _EMPHASIS.sub(r"\2", text))
    term = _TERM.match(text)
    if term:
        text = text[term.end() :]
    kept = [sentence for sentence in _SENTENCE_END.split(" ".join(text.split())) if _is_sentence(sentence)]
    return " ".join(kept)


def _is_sentence(text: str) -> bool:
    if not _STARTS.match(text) or not _ENDS.search(text) or _NOT_PROSE.search(text):
        return False
    tokens = text.split()
    return len(_PLAIN_WORD.findall(text)) >= _MIN_WORD_SHARE * len(tokens) and not _FUNCTION_WORDS.isdisjoint(tokens)


def _prose(docstring: str) -> list[str]:
    """Return the prose paragraphs of a docstring; none where most of its running text was something else."""
    blocks = [block for block in _blocks(docstring) if block.count(" ") + 1 >= _MIN_PARAGRAPH_WORDS]
    kept = [text for text in map(_clean, blocks) if text.count(" ") + 1 >= _MIN_PARAGRAPH_WORDS]
    return kept if _words(kept) >= max(MIN_WORDS, _MIN_KEPT_SHARE * _words(blocks)) else []


def _words(texts: Iterable[str]) -> int:
    return sum(text.count(" ") + 1 for text in texts)
