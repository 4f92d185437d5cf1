"""Requests from parents: which documents are chosen, what each is asked for, and in which order."""

import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headwater.errors import InputError
from headwater.generate.recipe_file import RecipeFile
from headwater.generate.request import Request, request_key, request_seed
from headwater.generate.sentences import sentences
from headwater.generate.templates import render, without_parents
from headwater.schema import Origin, content_id, documents
from headwater.sources import Columns, DocumentStream, ReadReport, RejectLog, format_of, read_documents
from headwater.sources.meta import meta_object
from headwater.sources.stream import DamagedFileError, pieces

_MOST_TITLE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Parents:
    """Documents that prompts are made from; they are read as often as they are asked for."""

    read: Callable[[], Iterator[pa.RecordBatch]]
    """Reads them from the beginning, schema ``DOCUMENT``."""
    count: int
    """How many are used."""
    passed_over: int = 0
    """How many are too short, or barred."""
    reading: ReadReport | None = None
    """What became of the rows; None: they are a table."""


def read_parents(
    recipe: RecipeFile,
    paths: Iterable[str],
    rejects: RejectLog,
    barred: Callable[[pa.RecordBatch], pa.Array] | None = None,
) -> Parents:
    """Return the parents of a recipe in files, counted.

    The files are read once here, to count and choose, and again for each use. Memory: a batch, the ids chosen at random
    where that is asked for, and what ``read_documents`` needs.

    Args:
        recipe: says which columns and documents are used.
        paths: files, folders, glob patterns.
        rejects: where rows that cannot be used are kept.
        barred: says of each row of a batch whether it must not be used: documents of sealed panels.

    Raises:
        InputError: nothing can be read, or nothing is left.
    """
    given = tuple(paths)
    if recipe.family == "fill":
        seeds = read_seeds(given)
        return parents_of(seeds, recipe)
    named = Columns(text=recipe.parents.text, id=recipe.parents.id, group=recipe.parents.group)
    columns = replace(named, id=named.id or "id", group=named.group or "group", as_written=True)

    def read(log: RejectLog | None = None) -> DocumentStream:
        return read_documents(given, columns, log, origin=Origin.HUMAN)

    next(read_documents(given, named, RejectLog(), batch_rows=1), None)  # a column that is named must be there
    stream = read(rejects)
    found = _chosen(lambda: stream, recipe, barred)
    used = _Chosen(recipe, found.kept, barred)
    if not found.count:
        raise InputError(
            f"no parent is left of {stream.report.accepted:,} documents: {found.passed_over:,} are shorter than "
            f"parents.least_words = {recipe.parents.least_words} or belong to a sealed panel."
        )
    return Parents(lambda: used.of(read()), found.count, found.passed_over, stream.report)


def parents_of(table: pa.Table, recipe: RecipeFile) -> Parents:
    """Return the parents of a recipe in a table of documents.

    Raises:
        InputError: nothing is left.
    """

    def read() -> Iterator[pa.RecordBatch]:
        return iter(table.to_batches(max_chunksize=1024))

    found = _chosen(read, recipe, None)
    if not found.count:
        raise InputError(f"no parent is left of {table.num_rows:,} documents.")
    used = _Chosen(recipe, found.kept, None)
    return Parents(lambda: used.of(read()), found.count, found.passed_over)


def read_seeds(paths: Iterable[str]) -> pa.Table:
    """Return the seeds of the family fill as documents: rows with ``slice`` and ``words``, and whatever else they have.

    ``words`` is a list or a text. ``parents``, where there is such a column, are the ids a seed was made from. The text
    of a seed is its words, separated by commas.

    Raises:
        InputError: a file cannot be read, or has no column ``slice`` or ``words``.
    """
    rows: list[dict[str, Any]] = []
    for path in map(Path, paths):
        kind = format_of(path)
        if kind not in {"parquet", "jsonl"} or not path.is_file():
            raise InputError(f"seeds are read from .parquet and .jsonl files; {path} is none.")
        try:
            if kind == "parquet":
                rows += pq.read_table(path).to_pylist()
            else:
                rows += [json.loads(line) for line in b"".join(pieces(path)).split(b"\n") if line.strip()]
        except (OSError, ValueError, pa.ArrowException, DamagedFileError) as error:
            raise InputError(f"the seeds in {path} cannot be read: {error}") from error
    return seed_table(rows)


def seed_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return seeds as documents; see :func:`read_seeds`.

    Raises:
        InputError: a row has no ``slice`` or no ``words``.
    """
    kept = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping) or not row.get("slice") or not row.get("words"):
            raise InputError(f'seed {number} needs a slice and words, as in {{"slice": "law", "words": ["tort"]}}.')
        words = row["words"]
        kept.append(dict(row) | {"words": words if isinstance(words, str) else ", ".join(map(str, words))})
    seen: Counter[str] = Counter()
    named = []
    for row in kept:  # a seed that is given twice is asked for twice
        packed = json.dumps(row, sort_keys=True, default=str)
        named.append(content_id(f"{packed}{seen[packed] or ''}"))
        seen[packed] += 1
    return documents(
        [row["words"] for row in kept],
        id=named,
        group=[str(row["slice"]) for row in kept],
        origin=Origin.UNKNOWN.value,
        source="seeds",
        parents=[list(row.get("parents") or []) for row in kept],
        generation=[_number(row.get("generation")) for row in kept],
        meta=[json.dumps(row, ensure_ascii=False, default=str) for row in kept],
    )


def requests_of(recipe: RecipeFile, parents: Parents, generator: str) -> Iterator[Request]:
    """Yield the requests of a recipe in the order of its output.

    Each parent (or group of ``parents.together``) is asked for every style, and each style for every sample.

    Args:
        recipe: the recipe.
        parents: its parents.
        generator: id of the generator, which is part of every key.

    Raises:
        InputError: a template cannot be made of a parent.
    """
    row = 0
    for group in _groups(recipe, parents.read()):
        shared = _fields(recipe, group)
        ids = tuple(dict.fromkeys(_lineage(recipe, group)))
        rows = [one["id"] for one in group]
        for style in _styles(recipe, group):
            template = recipe.templates[style]
            for sample in range(recipe.prompt.samples):
                fields = shared | {"style": style, "sample": sample + 1}
                prompt, system = render(template, fields), render(recipe.system, fields)
                seed = request_seed(recipe.decoding.seed, rows, style, sample)
                yield Request(
                    key=request_key(generator, system, prompt, rows, recipe.decoding.max_tokens, seed, sample),
                    prompt=prompt,
                    system=system,
                    instructions=f"{without_parents(recipe.system, fields)}\n{without_parents(template, fields)}",
                    seed=seed,
                    max_tokens=recipe.decoding.max_tokens,
                    parents=ids,
                    texts=tuple(one["text"] for one in group),
                    group=str(group[0]["group"] or group[0]["id"]),
                    generation=1 + max(_generation(one) for one in group),
                    style=style,
                    sample=sample,
                    row=row,
                )
                row += 1


def count_requests(recipe: RecipeFile, parents: Parents) -> int:
    """Return how many requests a recipe makes of its parents."""
    groups = -(-parents.count // recipe.parents.together)
    styles = len(recipe.templates) if recipe.prompt.each_parent == "every style" else 1
    return groups * styles * recipe.prompt.samples


@dataclass(frozen=True, slots=True)
class _Found:
    count: int
    passed_over: int
    kept: frozenset[str] | None
    """Ids chosen at random; None: all, up to the limit."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Takes the parents that are used out of those that are read."""

    recipe: RecipeFile
    kept: frozenset[str] | None
    barred: Callable[[pa.RecordBatch], pa.Array] | None

    def of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        limit = self.recipe.parents.limit if self.kept is None else None
        for batch in batches:
            part = _usable(batch, self.recipe, self.barred)
            if self.kept is not None:
                part = part.filter(pa.array([key in self.kept for key in part["id"].to_pylist()], pa.bool_()))
            if limit is not None:
                part = part.slice(0, limit)
                limit -= part.num_rows
            if part.num_rows:
                yield part
            if limit == 0:
                return


def _chosen(
    read: Callable[[], Iterable[pa.RecordBatch]],
    recipe: RecipeFile,
    barred: Callable[[pa.RecordBatch], pa.Array] | None,
) -> _Found:
    limit, seed = recipe.parents.limit, recipe.decoding.seed
    random = limit is not None and recipe.parents.choose == "random"
    lowest: list[tuple[int, str]] = []  # the largest of the smallest digests is on top: a random choice by id
    count = passed_over = 0
    for batch in read():
        part = _usable(batch, recipe, barred)
        passed_over += batch.num_rows - part.num_rows
        count += part.num_rows
        if random and limit is not None:
            for key in part["id"].to_pylist():
                one = (-int(request_key("choose", seed, key)[:15], 16), key)
                heapq.heappush(lowest, one) if len(lowest) < limit else heapq.heappushpop(lowest, one)
    kept = frozenset(key for _, key in lowest) if random else None
    return _Found(min(count, limit) if limit is not None else count, passed_over, kept)


def _usable(
    batch: pa.RecordBatch, recipe: RecipeFile, barred: Callable[[pa.RecordBatch], pa.Array] | None
) -> pa.RecordBatch:
    if recipe.parents.least_words:
        lengths = pc.list_value_length(pc.utf8_split_whitespace(pc.utf8_trim_whitespace(batch["text"])))
        batch = batch.filter(pc.greater_equal(lengths, recipe.parents.least_words))
    if barred is not None and batch.num_rows:
        batch = batch.filter(pc.invert(barred(batch)))
    return batch


def _groups(recipe: RecipeFile, batches: Iterable[pa.RecordBatch]) -> Iterator[list[dict[str, Any]]]:
    waiting: list[dict[str, Any]] = []
    for batch in batches:
        for row in batch.to_pylist():
            waiting.append(row | {"text": _shortened(row["text"], recipe.parents.most_words)})
            if len(waiting) == recipe.parents.together:
                yield waiting
                waiting = []
    if waiting:
        yield waiting


def _shortened(text: str, most: int) -> str:
    if len(text) < 2 * most:  # a word and a space are two characters at least
        return text
    pieces = text.split(maxsplit=most)
    return text if len(pieces) <= most else text[: len(text) - len(pieces[-1])].rstrip()


def _styles(recipe: RecipeFile, group: list[dict[str, Any]]) -> list[str]:
    names = list(recipe.templates)
    if recipe.prompt.each_parent == "every style":
        return names
    return [names[request_seed("style", recipe.decoding.seed, group[0]["id"]) % len(names)]]


def _fields(recipe: RecipeFile, group: list[dict[str, Any]]) -> dict[str, Any]:
    each = [_parent_fields(recipe, one) for one in group]
    languages = recipe.answer.languages
    return each[0] | {"parents": each, "language": languages[0] if isinstance(languages, tuple) and languages else ""}


def _parent_fields(recipe: RecipeFile, row: dict[str, Any]) -> dict[str, Any]:
    text, values = row["text"], meta_object(row["meta"])
    words = text.split(maxsplit=recipe.prompt.opening_words)
    rest = words[recipe.prompt.opening_words] if len(words) > recipe.prompt.opening_words else ""
    title = values.get(recipe.parents.title)
    if not isinstance(title, str) or not title.strip():
        title = next(iter(sentences(text[:4096])), "")
    fields = {name: row[name] or "" for name in ("id", "source", "author", "created", "group")}
    return fields | {
        "text": text,
        "title": title.strip()[:_MOST_TITLE_CHARACTERS],
        "opening": text[: len(text) - len(rest)].rstrip(),
        "words": text if recipe.family == "fill" else len(text.split()),
        "slice": values.get("slice", ""),
        "meta": values,
    }


def _lineage(recipe: RecipeFile, group: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the ids of the parents; a seed is no document, but was made from some."""
    for row in group:
        if recipe.family == "fill":
            yield from row["parents"] or ()
        else:
            yield row["id"]


def _generation(row: Mapping[str, Any]) -> int:
    if row["generation"] is not None:
        return int(row["generation"])
    return 1 if row["origin"] in {Origin.MACHINE, Origin.MIXED} else 0


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
