"""Human documents and stream, read from files or from what is installed, in the form the loop works on."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.config import Settings
from headwater.errors import InputError, NotEnoughData
from headwater.loop.result import CorpusFacts, ReadFacts
from headwater.models.learner import Tell
from headwater.origin.reserve import RESERVE, reserve_table
from headwater.schema import DOCUMENT, Origin
from headwater.sources import (
    Columns,
    ReadReport,
    RejectLog,
    collect_documentation,
    expand_paths,
    read_documents,
)
from headwater.sources.meta import meta_object, meta_text
from headwater.sources.rows import DECLARED
from headwater.store import Part, Split, SplitRow, split_by_group
from headwater.store.split import LEAST_GROUPS
from headwater.text import near_duplicates, split_words

MAX_HUMAN_WORDS = 3_000_000
"""Words of human text that are kept at most: a hundred times what the panels need, and about 60 MB."""

MAX_RECIPE_WORDS = 1_000_000
"""Words of one recipe that are tested at most. The verdict covers the recipe's other documents too."""

Progress = Tell
"""Called with the steps done, the steps there are, and what is being done."""


def _to_nobody(what: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class HumanInput:
    """Human documents and what is to be said about them."""

    table: pa.Table
    facts: CorpusFacts
    reading: ReadFacts
    warnings: tuple[str, ...]
    removed: pa.Table
    """Near-duplicates that were removed, each with the id of the document it repeats in the column ``repeats``."""

    @property
    def everything(self) -> pa.Table:
        """All human documents that were read, near-duplicates included."""
        return pa.concat_tables([self.table, self.removed.drop_columns(["repeats"])])


@dataclass(frozen=True)
class StreamInput:
    """Machine documents and what is to be said about them."""

    table: pa.Table
    """The documents; of large recipes a sample."""
    description: str
    reading: ReadFacts
    warnings: tuple[str, ...] = ()
    sampled: bool = False
    """Whether there are more documents than the table has."""
    prefix: str = ""
    """What was put before the ids of the stream, because human documents have the same ones."""


def fingerprint(paths: tuple[str, ...]) -> str:
    """Return a digest of the content of all files that the paths stand for.

    A resumed run compares it, so that it can never go on with files that have changed.
    """
    return content_digest(expand_paths(paths, arrays=True))


def content_digest(files: Iterable[Path]) -> str:
    """Return a digest of the names and the content of files."""
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        digest.update(f"{path}\n{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def read_human(
    settings: Settings, rejects: Path, tell: Callable[[str], None] = _to_nobody, *, store: Path | None = None
) -> HumanInput:
    """Return the human documents of the settings, without near-duplicates.

    Args:
        settings: resolved settings.
        rejects: where rows that could not be used are kept.
        tell: told how far the reading has come.
        store: the folder ``.headwater``, whose reserve is read where the settings say so.

    Raises:
        InputError: nothing can be read, or no document is human.
    """
    if settings.human.reserve:
        return _read_reserve(store, tell)
    if not settings.human.paths:
        corpus = collect_documentation(progress=lambda done, files: tell(f"file {done:,} of {files:,}"))
        table, removed = without_near_duplicates(corpus.table)
        facts = _facts(
            table, "the documentation installed with Python", removed.num_rows, dict(corpus.packages), grouped=True
        )
        warnings = (f"{corpus.skipped} installed files could not be parsed.",) if corpus.skipped else ()
        return HumanInput(table, facts, ReadFacts(corpus.table.num_rows, 0, {}), warnings, removed)
    columns = Columns(
        text=settings.human.text, id=settings.human.id, group=settings.human.group, origin=settings.human.origin
    )
    remarks: list[str] = []
    with RejectLog(rejects) as log:
        stream = read_documents(settings.human.paths, columns, log, origin=Origin.HUMAN)
        sample = _Sample("group", MAX_HUMAN_WORDS)
        not_human = 0
        for batch in stream:
            human = batch.filter(pc.equal(batch["origin"], Origin.HUMAN.value))
            not_human += batch.num_rows - human.num_rows
            sample.add(human)
            tell(f"{stream.report.accepted:,} documents")
    table = sample.table()
    if not table.num_rows:
        raise InputError(
            f"none of the {not_human} documents has origin 'human' in column {settings.human.origin!r}. "
            "The human base needs human documents; allowed values are human, machine, mixed and unknown."
        )
    if not_human:
        remarks.append(f"{not_human:,} documents that are not marked as human were left out of the human base.")
    if sample.share < 1:
        remarks.append(
            f"The human files hold more than {MAX_HUMAN_WORDS:,} words; a random {sample.share:.1%} of their groups "
            "is used."
        )
    grouped = settings.human.group is not None or len(set(table["group"].to_pylist())) < table.num_rows
    if not grouped:
        remarks.append(
            "No group column was named, so every document counts as independent. Whether documents depend on each "
            "other is unknown: if several come from one author, site or article, name that column with --group."
        )
    table, removed = without_near_duplicates(table)
    where = ", ".join(settings.human.paths)
    return HumanInput(
        table,
        _facts(table, where, removed.num_rows, {}, grouped=grouped),
        _read_facts(stream.report),
        tuple(remarks),
        removed,
    )


def _read_reserve(store: Path | None, tell: Callable[[str], None]) -> HumanInput:
    """Return the documents of the reserve with their columns ``unit`` and ``part``."""
    if store is None or not reserve_table(store).version:
        raise InputError("human.reserve is set, but the project has no reserve. Make one: headwater reserve add")
    names = [*DOCUMENT.names, "unit", "part"]
    sample = _Sample("unit", MAX_HUMAN_WORDS)
    read = 0
    in_use = f"part = '{Part.TRAIN}' OR rotation IS NOT NULL"
    for batch in reserve_table(store).batches(names, filter=in_use):
        sample.add(batch)
        read += batch.num_rows
        tell(f"{read:,} documents")
    table = sample.table()
    apart = reserve_table(store).count() - read
    remarks = []
    if apart:
        remarks.append(
            f"{apart:,} documents of the reserve came in after their group was sealed in a panel. They are neither "
            "trained nor measured on."
        )
    if sample.share < 1:
        remarks.append(
            f"The reserve holds more than {MAX_HUMAN_WORDS:,} words; a random {sample.share:.1%} of its groups is used."
        )
    repeats = pa.field("repeats", pa.string())
    removed = pa.schema([*(RESERVE.field(name) for name in names), repeats], metadata=table.schema.metadata)
    return HumanInput(
        table,
        _facts(table, "the human reserve of the project", 0, {}, grouped=True),
        ReadFacts(read, 0, {}),
        tuple(remarks),
        removed.empty_table(),
    )


def reserve_version(store: Path) -> str:
    """Return what tells one state of the reserve from another, as ``fingerprint`` does for files."""
    return f"reserve {reserve_table(store).version}"


def read_stream(
    settings: Settings, rejects: Path, tell: Callable[[str], None] = _to_nobody, *, human: pa.Table | None = None
) -> StreamInput:
    """Return the user's machine documents; each row's recipe is its column's value, or its file's name.

    Of a recipe with more than a million words a random sample is returned. Where an id of the stream is that of another
    text among the human documents, all ids of the stream get a prefix: an id must name one document.

    Args:
        settings: resolved settings.
        rejects: where rows that could not be used are kept.
        tell: told how far the reading has come.
        human: the human documents, whose ids the stream may not take.
    """
    known = DOCUMENT.empty_table() if human is None else human
    texts = dict(zip(known["id"].to_pylist(), known["text"].to_pylist(), strict=True))
    samples: dict[str, _Sample] = {}
    clash = False
    with RejectLog(rejects) as log:
        stream = read_documents(settings.stream.paths, _stream_columns(settings), log, origin=Origin.MACHINE)
        for batch in stream:
            pairs = zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True)
            clash = clash or any(texts.get(key, text) != text for key, text in pairs)
            names = np.asarray(batch["recipe"].to_pylist(), dtype=np.str_)
            for name in np.unique(names).tolist():
                sample = samples.setdefault(name, _Sample("id", MAX_RECIPE_WORDS))
                sample.add(batch.filter(pa.array(names == name)))
            tell(f"{stream.report.accepted:,} documents")
    prefix = "stream:" if clash else ""
    table = _as_stream(pa.concat_tables([sample.table() for sample in samples.values()]), prefix)
    remarks = []
    if clash:
        remarks.append(
            "Ids of the stream are also ids of other human documents. The stream's are written with the prefix "
            "'stream:'; ids among its parents mean human documents."
        )
    named = [parent for parents in table["parents"].to_pylist() for parent in parents or []]
    if settings.stream.parents is not None and not named:
        raise InputError(
            f"no document of the stream names a parent in column {settings.stream.parents!r}. It must hold a list of "
            "ids of human documents (or one id); name the right column with --parents, or leave the option out."
        )
    if human is not None:
        remarks += _coverage(settings, table, named, human)
    if settings.stream.group is None and not named:
        remarks.append(
            "The stream does not say what its documents were made from (no parent ids, no group). Leaks of the sealed "
            "documents are then found by overlap only, and a leak reworded by a language model is not found at all."
        )
    large = [name for name, sample in samples.items() if sample.share < 1]
    if large:
        remarks.append(
            f"Of {len(large)} large recipes a random sample of at most {MAX_RECIPE_WORDS:,} words each was tested: "
            f"{', '.join(large[:5])}. Their verdicts cover all their documents; counts and overlaps are the sample's."
        )
    where = ", ".join(settings.stream.paths)
    return StreamInput(table, where, _read_facts(stream.report), tuple(remarks), bool(large), prefix)


def _coverage(settings: Settings, stream: pa.Table, named: list[str], human: pa.Table) -> list[str]:
    """Say how much of the provenance the stream names can be found among the human documents."""
    found = []
    if named:
        ids = {*human["id"].to_pylist(), *stream["id"].to_pylist()}
        found.append(("parents", sum(parent in ids for parent in named) / len(named), "--id and --parents"))
    if settings.stream.group is not None:
        groups = set(human["group"].to_pylist())
        share = np.mean([group in groups for group in stream["group"].to_pylist()])
        found.append(("groups", float(share), "--group and --stream-group"))
    return [
        f"Of the {what} that the stream names, {share:.0%} are among the human documents. Only those can show that a "
        f"document descends from a sealed one. If more of it was made from these human documents, check {options}."
        for what, share, options in found
        if share < _EXPECTED_COVERAGE
    ]


def stream_batches(settings: Settings, *, prefix: str = "") -> Iterator[pa.Table]:
    """Yield the user's machine documents batch by batch, as ``read_stream`` names them; bad rows are passed over."""
    for batch in read_documents(settings.stream.paths, _stream_columns(settings), origin=Origin.MACHINE):
        yield _as_stream(pa.Table.from_batches([batch]), prefix)


def _stream_columns(settings: Settings) -> Columns:
    return Columns(
        text=settings.stream.text,
        id=settings.stream.id,
        group=settings.stream.group,
        recipe=settings.stream.recipe,
        parents=settings.stream.parents or "parents",
    )


_EXPECTED_COVERAGE = 0.5  # below, the columns named are as likely wrong as right

# A recipe of the user's may not be taken for what the run's own models write.
_RESERVED = re.compile(r"own-output-\d+")


def _as_stream(table: pa.Table, prefix: str) -> pa.Table:
    """Return documents as the gate takes them: under ids and recipes nobody else has, with the origin they state."""
    return _with_own_origin(_renamed(table, prefix))


def _with_own_origin(table: pa.Table) -> pa.Table:
    """Return stream documents with the origin that their row stated, instead of the one declared for the stream.

    A stream need not name an origin column; one with other words in it stays what it is, in ``meta``.
    """
    rows = np.flatnonzero(pc.fill_null(pc.match_substring(table["meta"], '"origin"'), False).to_numpy())
    if not len(rows):
        return table
    columns = {name: table[name].to_pylist() for name in ("origin", "evidence", "meta")}
    for row in rows.tolist():
        values = meta_object(columns["meta"][row])
        if values.get("origin") not in tuple(Origin):
            continue
        columns["origin"][row] = stated = values.pop("origin")
        columns["meta"][row] = meta_text(values)
        if columns["evidence"][row] == DECLARED:
            columns["evidence"][row] = None if stated == Origin.UNKNOWN else "column 'origin'"
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, pa.string()))
    return table


def _renamed(table: pa.Table, prefix: str) -> pa.Table:
    """Return stream documents with the prefix before their ids, and before recipe names that a run uses itself."""
    columns: dict[str, list[str]] = {}
    if prefix:
        columns["id"] = [prefix + key for key in table["id"].to_pylist()]
    recipes = table["recipe"].to_pylist()
    if any(map(_RESERVED.fullmatch, recipes)):
        columns["recipe"] = [f"stream:{name}" if _RESERVED.fullmatch(name) else name for name in recipes]
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, pa.string()))
    return table


def split_human(human: pa.Table, settings: Settings) -> tuple[Split, list[str]]:
    """Return the split of the human documents and what is to be said about it.

    Where the stream is given, nothing has to be rewritten, and the share for sources goes to training. Where there are
    too few groups for a steering panel, the split has none.

    Raises:
        NotEnoughData: there are too few groups even so; the message says how many are needed.
    """
    if settings.human.reserve:
        return _split_as_assigned(human, settings)
    shares: dict[Part, float] = {part: getattr(settings.split, part.value) for part in Part}
    if settings.stream.paths:
        shares[Part.TRAIN] += shares.pop(Part.SOURCES)
    seed = [settings.seed, 1]
    texts = settings.human.modality == "text"
    try:
        return split_by_group(human, shares, np.random.default_rng(seed), texts=texts), []
    except NotEnoughData:
        try:
            split = split_by_group(human, {**shares, Part.STEERING: 0.0}, np.random.default_rng(seed), texts=texts)
        except NotEnoughData:
            split = None
        if split is None:
            raise  # the message for the full split says what it needs
    return split, [_WITHOUT_STEERING]


_WITHOUT_STEERING = (
    "There are too few human groups for a steering panel. The gate goes on without feedback: recipes share the budget "
    "evenly, and nothing can be proven harmful."
)


def _split_as_assigned(human: pa.Table, settings: Settings) -> tuple[Split, list[str]]:
    """Return the split that the reserve was given for good; without a stream, sources are taken from its training text.

    Raises:
        NotEnoughData: a part has too few groups for its work.
    """
    parts = np.asarray(human["part"].to_pylist(), dtype=object)
    units = np.asarray(human["unit"].to_pylist(), dtype=object)
    if not settings.stream.paths:
        share = settings.split.sources / (settings.split.train + settings.split.sources)
        names = np.unique(units[parts == Part.TRAIN].astype(str))
        chosen = np.random.default_rng([settings.seed, 1]).permutation(names)[: round(share * len(names))]
        parts[(parts == Part.TRAIN) & np.isin(units.astype(str), chosen)] = Part.SOURCES.value
    table = human.drop_columns(["part"])
    found = {part: table.filter(pa.array(parts == part.value)) for part in Part}
    rows = [
        SplitRow(
            part,
            found[part].num_rows,
            len(set(found[part]["unit"].to_pylist())),
            sum(len(split_words(text)) for text in found[part]["text"].to_pylist()),
        )
        for part in Part
    ]
    optional = {Part.STEERING} | ({Part.SOURCES} if settings.stream.paths else set())
    for row in rows:
        if row.groups < LEAST_GROUPS[row.part] and not (row.part in optional and not row.groups):
            raise NotEnoughData(
                f"the reserve has {row.groups} groups for {row.part}, but {LEAST_GROUPS[row.part]} are needed. Add "
                "human documents to it: headwater reserve add"
            )
    return Split(found, tuple(rows), 0), [] if found[Part.STEERING].num_rows else [_WITHOUT_STEERING]


def without_near_duplicates(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the documents without near copies of earlier ones, and the copies with what they repeat.

    A copy is known by other ids and groups than the document it repeats; what was made from it was made from that
    document too.
    """
    first = near_duplicates(table["text"].to_pylist())
    alone = first == np.arange(table.num_rows)
    removed = table.filter(pa.array(~alone))
    repeats = table["id"].take(pa.array(first[~alone]))
    return table.filter(pa.array(alone)), removed.append_column("repeats", repeats)


_STEP = 0.8  # a sample is at least this full


class _Sample:
    """A random sample of documents, or of whole groups, of a bounded number of words.

    What stays together has one key: it is kept while the hash of its key is below a limit that shrinks by a fifth
    whenever the kept words exceed the most. The result does not depend on the order of the documents.
    """

    def __init__(self, key: str, most_words: int) -> None:
        self._key = key
        self._most = most_words
        self._tables: list[pa.Table] = []
        self._words = 0
        self.share = 1.0

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the documents of a batch whose keys are in the sample."""
        self._tables.append(self._kept(pa.Table.from_batches([batch])))
        self._words += _words(self._tables[-1])
        while self._words > self._most:
            smaller = [self._kept(table, self.share * _STEP) for table in self._tables]
            if not any(table.num_rows for table in smaller):
                self._keep_one()
                break
            self.share *= _STEP
            self._tables = smaller
            self._words = sum(_words(table) for table in smaller)

    def table(self) -> pa.Table:
        """Return the sample."""
        return pa.concat_tables(self._tables)

    def _keep_one(self) -> None:
        """Keep one document that is larger than the most, rather than none; a whole group may be of any size."""
        if self._key == "group":
            raise NotEnoughData(
                f"the human documents form one group of more than {self._most:,} words, and groups stay whole. Name a "
                "finer group column with --group if documents of that group are really independent."
            )
        everything = pa.concat_tables(self._tables)
        keys = everything[self._key].to_pylist()
        first = min(range(len(keys)), key=lambda i: _hash_of(keys[i]))
        self._tables = [everything.slice(first, 1)]
        self._words = 0  # the next document is weighed anew

    def _kept(self, table: pa.Table, share: float | None = None) -> pa.Table:
        limit = int((self.share if share is None else share) * 2**64)
        if limit == 2**64:
            return table
        return table.filter(pa.array([_hash_of(key) < limit for key in table[self._key].to_pylist()], pa.bool_()))


def _hash_of(key: str) -> int:
    """Return a number from 0 to 2^64 - 1 that is the same in every process."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _words(table: pa.Table) -> int:
    """Return about how many words there are; in scripts without spaces six characters count as one."""
    return sum(max(text.count(" ") + 1, len(text) // 6) for text in table["text"].to_pylist())


def _facts(table: pa.Table, description: str, removed: int, versions: dict[str, str], *, grouped: bool) -> CorpusFacts:
    return CorpusFacts(
        description=description,
        documents=table.num_rows,
        near_duplicates=removed,
        words=sum(len(split_words(text, punctuation=False)) for text in table["text"].to_pylist()),
        groups=len(set(table["group"].to_pylist())),
        versions=versions,
        grouped=grouped,
    )


def _read_facts(report: ReadReport) -> ReadFacts:
    kinds = {kind.value: count for kind, count in report.rejected.items()}
    return ReadFacts(report.accepted, report.bad_rows, kinds)
