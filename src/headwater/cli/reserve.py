"""``headwater reserve``: human text that is vouched for, kept apart, verified, and shared with others."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.jobs import AsJson, ProjectFolder, Quiet
from headwater.errors import ConfigError, HeadwaterError, InputError, NotEnoughData, StoreError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from headwater.cli.reserve_output import Added
    from headwater.loop.inputs import Progress
    from headwater.loop.result import ReadFacts
    from headwater.origin.signing import PublicKey
    from headwater.origin.trained import TrainingSet
    from headwater.sources import Columns, DocumentStream
    from headwater.store import Part

reserve_app = typer.Typer(
    help="Human text that is vouched for: kept apart, verified, shared with others.", no_args_is_help=True
)

# A batch costs about 17 bytes of memory for each byte of text, and 4 kB for each document (measured with texts of 12
# and of 300 words): these bounds keep an addition below about 1 GB.
_BATCH_BYTES = 32 << 20
_BATCH_DOCUMENTS = 100_000
_MOST_SECRET_BYTES = 4096
_LEAST_SECRET_BYTES = 16

Keys = Annotated[Path | None, typer.Option(help="TOML file with the keys of watermarks to look for.")]
NoDetector = Annotated[bool, typer.Option("--no-detector", help="Do not let the detector look at the texts.")]
SketchKey = Annotated[
    Path | None, typer.Option(help="File with the secret, at least 16 bytes, that sender and receivers share.")
]
TextColumn = Annotated[str | None, typer.Option("--text", help="Column with the text.")]
IdColumn = Annotated[str | None, typer.Option("--id", help="Column with a unique id.")]


class Basis(StrEnum):
    """What a batch that is added may rest on."""

    ATTESTATION = "attestation"
    DATE = "date"


@reserve_app.command(epilog='Example: headwater reserve add essays/*.jsonl --group author --attested-by "Ada Press"')
def add(
    paths: Annotated[list[str], typer.Argument(help="Human documents: files, folders or globs.")],
    *,
    attested_by: Annotated[str, typer.Option(help="Who vouches that humans wrote them: a person or an organisation.")],
    statement: Annotated[str, typer.Option(help="What the attestation rests on, in your words.")] = "",
    how: Annotated[
        Basis, typer.Option(help="attestation: who is named vouches. date: only what is dated before 30 November 2022.")
    ] = Basis.ATTESTATION,
    dated_by: Annotated[
        str | None, typer.Option(help="What dates the documents: a crawl, an archive. Needed with --how date.")
    ] = None,
    text: TextColumn = None,
    id_column: IdColumn = None,
    group: Annotated[
        str | None, typer.Option(help="Column naming the unit of independence: article, author, site.")
    ] = None,
    date: Annotated[str | None, typer.Option(help="Column with the date of a document. Default: created.")] = None,
    origin: Annotated[
        str | None, typer.Option(help="Column saying human, machine, mixed or unknown. Only human rows are let in.")
    ] = None,
    keys: Keys = None,
    no_detector: NoDetector = False,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Add human documents; what is machine-made, doubled or without its date is refused with the reason."""
    from headwater.cli.output import print_json
    from headwater.cli.reserve_output import Added, add_json, add_lines
    from headwater.origin.judge import machine_p_values
    from headwater.origin.readers import evidence_readers
    from headwater.origin.reserve import Attestation, How, reserve_folder
    from headwater.project import Project
    from headwater.schema import Origin
    from headwater.sources import Columns, RejectLog, read_documents
    from headwater.store import storage_errors, store_folder

    if (how is Basis.DATE) != (dated_by is not None):
        raise ConfigError(
            ["--how date and --dated-by NAME go together: a date counts with the name of what gave it"], "the command"
        )
    settings = Project(project).settings(
        {"human.text": text, "human.id": id_column, "human.group": group, "human.origin": origin}
    )
    names = settings.human
    columns = Columns(text=names.text, id=names.id, group=names.group, origin=names.origin, created=date or "created")
    now = datetime.now(UTC)
    detail = ": ".join(filter(None, [dated_by, statement.strip()]))
    attestation = Attestation(attested_by, How(how.value), now.date().isoformat(), detail)
    store = store_folder(project)
    refused = reserve_folder(store) / "refused"
    with RejectLog(refused / f"{now:%Y%m%d-%H%M%S}-rows.jsonl") as log, _progress(quiet=quiet) as progress:
        stream = read_documents(paths, columns, log, origin=Origin.HUMAN)
        readers = evidence_readers(store, keys=keys)
        with storage_errors(refused):
            refused.mkdir(parents=True, exist_ok=True)
        progress(0, 1, "reading")
        added = Added(group is not None or names.group is not None)
        try:
            _add_all(
                store, _dated(stream, date), added, progress,
                attestation=attestation, readers=readers, seed=settings.seed, split=settings.split,
                looks_machine=None if no_detector else machine_p_values, by_origin=names.origin is not None,
            )  # fmt: skip
        except (HeadwaterError, KeyboardInterrupt):
            if added.documents:
                print(
                    f"{added.documents:,} documents were added before (batches {', '.join(added.batches)}). They stay; "
                    "adding the same files again refuses them as duplicates and goes on.",
                    file=sys.stderr,
                )
            raise
        reading = _read_facts(stream)
    rows = log.path if log.counts else None
    if as_json:
        print_json(add_json(added, reading, rows))
    else:
        print("\n".join(add_lines(added, reading, rows, attested_by)))


@reserve_app.command()
def verify(
    *,
    trained_on: Annotated[
        list[str] | None,
        typer.Option(help="What a trainer outside Headwater was given: files, folders or globs. Repeat it."),
    ] = None,
    text: TextColumn = None,
    id_column: IdColumn = None,
    keys: Keys = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when anything is wrong.")] = False,
) -> None:
    """Prove anew that the reserve is human, sealed, and that no run was trained on its panels."""
    import tempfile

    from headwater.cli.output import print_json
    from headwater.cli.reserve_output import verify_json, verify_lines
    from headwater.origin.readers import evidence_readers
    from headwater.origin.reserve_verify import verify_reserve
    from headwater.project import Project
    from headwater.sources import Columns
    from headwater.store import store_folder

    store = store_folder(project)
    names = Project(project).settings({"human.text": text, "human.id": id_column}).human
    steps = 0

    with _progress(quiet=quiet) as progress, tempfile.TemporaryDirectory() as temp:

        def tell(what: str) -> None:
            nonlocal steps
            progress(steps, 5, what)
            steps += 1

        extra = _outside(trained_on or [], Columns(text=names.text, id=names.id), Path(temp) / "outside")
        found = verify_reserve(store, evidence_readers(store, keys=keys), extra=extra, tell=tell)
    if as_json:
        print_json(verify_json(found))
    else:
        print("\n".join(verify_lines(found)))
    if check and not found.ok:
        raise typer.Exit(1)


@reserve_app.command("list")
def list_(project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """List what is in the reserve: parts, batches, who vouches for them, and parties that are trusted."""
    from headwater.cli.output import print_json
    from headwater.cli.reserve_output import list_json, list_lines, party_lines
    from headwater.origin.exchange import trusted_parties
    from headwater.origin.reserve import list_reserve
    from headwater.store import store_folder

    store = store_folder(project)
    facts, parties = list_reserve(store), trusted_parties(store)
    if as_json:
        print_json(list_json(facts, parties))
        return
    if facts.batches:
        print("\n".join(list_lines(facts)))
    else:
        print(f"No reserve in {project.resolve()}. Start one with: headwater reserve add", file=sys.stderr)
    for line in party_lines(parties):
        print(line)


@reserve_app.command()
def key(
    file: Annotated[Path, typer.Argument(help="File for the key. It stays with you; it is never replaced.")],
    *,
    show: Annotated[bool, typer.Option("--show", help="Show the public half of a key that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a key to sign exports with, and show its public half, which others need to trust you."""
    from headwater.cli.output import print_json
    from headwater.origin.signing import create_key, load_key

    public = (load_key(file) if show else create_key(file)).public
    if as_json:
        print_json({"file": str(file), "key": public.text, "fingerprint": public.fingerprint})
        return
    print(f"Public key:  {public.text}")
    print(f"Fingerprint: {public.fingerprint}")
    if not show:
        print(f"The private key is in {file}. Keep a copy in a safe place and give it to nobody.", file=sys.stderr)


@reserve_app.command(
    epilog='Example: headwater reserve export to-bell.zip --key our.key --party "Ada Press" --statement "Edited by us."'
)
def export(
    out: Annotated[Path, typer.Argument(help="Where to write: a folder, or a file ending in .zip. Must not exist.")],
    *,
    key: Annotated[Path, typer.Option(help="File with your key; make one with: headwater reserve key")],
    party: Annotated[str, typer.Option(help="Your name, as the receivers shall know you.")],
    statement: Annotated[str, typer.Option(help="What you attest, in your words.")],
    with_texts: Annotated[bool, typer.Option("--with-texts", help="Put the texts in, not only their hashes.")] = False,
    parts: Annotated[
        str,
        typer.Option(help="Parts to name, with commas: train, steering, certification, final. Others stay sealed."),
    ] = "train",
    sketch_key: SketchKey = None,
    licence: Annotated[str, typer.Option(help="Under which the receivers may use what is in it.")] = "",
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a signed export: what you vouch for, and sketches of everything generated, without its text."""
    from headwater.cli.output import print_json
    from headwater.cli.reserve_output import export_json, export_lines
    from headwater.origin.exchange import export_reserve
    from headwater.origin.signing import load_key
    from headwater.store import store_folder
    from headwater.store.generated import GeneratedLedger

    store = store_folder(project)
    chosen = _parts(parts)
    ledger = GeneratedLedger(store)
    done = export_reserve(
        store, out, load_key(key),
        party=party, statement=statement, licence=licence, with_texts=with_texts, parts=chosen,
        ledger=ledger if ledger.count() else None, sketch_key=_secret(sketch_key),
    )  # fmt: skip
    if as_json:
        print_json(export_json(done))
    else:
        print("\n".join(export_lines(done)))


@reserve_app.command("import", epilog="Example: headwater reserve import from-ada.zip --trust-key ed25519:0123abcd...")
def import_(
    path: Annotated[Path, typer.Argument(help="Export of another party: its folder or .zip file.")],
    *,
    trust_key: Annotated[
        list[str] | None, typer.Option(help="Public key you trust, or a file with it. Repeat it.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Trust whoever signed it from now on; compare fingerprints first.")
    ] = False,
    sketch_key: SketchKey = None,
    keys: Keys = None,
    no_detector: NoDetector = False,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
) -> None:
    """Check another party's export, recognise its machine text from now on, and take over what it vouches for."""
    import numpy as np

    from headwater.cli.output import print_json
    from headwater.cli.reserve_output import import_json, import_lines
    from headwater.origin.exchange import import_exchange
    from headwater.origin.judge import machine_p_values
    from headwater.origin.readers import evidence_readers
    from headwater.project import Project
    from headwater.store import store_folder
    from headwater.store.generated import GeneratedLedger

    store = store_folder(project)
    settings = Project(project).settings()
    done = import_exchange(
        store, path, [_public_key(one) for one in trust_key or []],
        rng=np.random.default_rng(settings.seed), trust=trust,
        ledger=GeneratedLedger(store), sketch_key=_secret(sketch_key),
        readers=evidence_readers(store, keys=keys),
        looks_machine=None if no_detector else machine_p_values, split=settings.split,
    )  # fmt: skip
    if as_json:
        print_json(import_json(done))
    else:
        print("\n".join(import_lines(done)))


# Adding.


def _add_all(
    store: Path,
    stream: "Iterator[pa.RecordBatch]",
    added: "Added",
    progress: "Progress",
    *,
    seed: int,
    by_origin: bool,
    **options: Any,
) -> None:
    """Add the documents of a stream in batches of bounded size; a first batch too small for a split is made larger."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from headwater.origin.reserve import batch_records
    from headwater.origin.reserve_add import add_to_reserve
    from headwater.schema import Origin

    waiting: list[pa.Table] = []
    held: NotEnoughData | None = None
    for part in _whole_groups(stream):
        known = part
        if by_origin:
            known = part.filter(pc.not_equal(part["origin"], Origin.UNKNOWN.value))
            added.not_human += part.num_rows - known.num_rows
        waiting.append(known)
        table = pa.concat_tables(waiting)
        progress(added.documents, added.documents + table.num_rows, "documents looked at and added")
        rng = np.random.default_rng([seed, len(batch_records(store))])
        try:
            added.reports.append(add_to_reserve(store, table, rng=rng, **options))
        except NotEnoughData as error:
            held = error
            continue
        waiting, held = [], None
    if held is not None:
        raise held


def _whole_groups(stream: "Iterator[pa.RecordBatch]") -> "Iterator[pa.Table]":
    """Yield the documents in tables of bounded size that begin and end with a group, where its documents come together.

    A document of a group that was cut follows the others into their part.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    held: list[pa.RecordBatch] = []
    size = rows = 0
    for batch in stream:
        held.append(batch)
        size += batch["text"].nbytes
        rows += batch.num_rows
        if size < _BATCH_BYTES and rows < _BATCH_DOCUMENTS:
            continue
        table = pa.Table.from_batches(held)
        others = pc.indices_nonzero(pc.not_equal(table["group"], table["group"][-1]))
        cut = others[-1].as_py() + 1 if len(others) else rows
        yield table.slice(0, cut)
        rest = table.slice(cut)
        held = rest.to_batches()
        size, rows = rest["text"].nbytes if rest.num_rows else 0, rest.num_rows
    if rows:
        yield pa.Table.from_batches(held)


def _dated(stream: "DocumentStream", column: str | None) -> "Iterator[pa.RecordBatch]":
    """Yield the batches of a stream; a date column that was named and is nowhere in the first is refused."""
    from headwater.origin.columns import check_columns

    for number, batch in enumerate(stream):
        if column is not None and number == 0 and batch["created"].null_count == len(batch):
            check_columns([column], [], batch)
        yield batch


def _read_facts(stream: "DocumentStream") -> "ReadFacts":
    from headwater.loop.result import ReadFacts

    report = stream.report
    return ReadFacts(
        report.accepted, report.bad_rows, {kind.value: many for kind, many in report.rejected.items() if many}
    )


def _outside(paths: Sequence[str], columns: "Columns", folder: Path) -> "list[TrainingSet]":
    """Return what another trainer was given as training sets, each copied into a Parquet file of a folder."""
    from headwater.origin.trained import COLUMNS, TrainingSet
    from headwater.schema import DOCUMENT
    from headwater.sources import expand_paths, read_documents
    from headwater.store import parquet_file

    folder.mkdir()
    sets = []
    schema = DOCUMENT.empty_table().select(list(COLUMNS)).schema
    for number, file in enumerate(expand_paths(paths)):
        kept = folder / str(number) / file.resolve().parent.name / file.name  # a finding names both
        kept.parent.mkdir(parents=True)
        with parquet_file(kept, schema) as writer:
            for batch in read_documents(file, columns):
                writer.write_batch(batch.select(list(COLUMNS)))
        sets.append(TrainingSet("of another trainer", str(file), kept))
    return sets


# Keys and parts.


def _parts(text: str) -> "list[Part]":
    """Return the parts of a list with commas.

    Raises:
        ConfigError: one is unknown.
    """
    from headwater.store import PANELS, Part

    allowed = {part.value: part for part in (Part.TRAIN, *PANELS)}
    asked = [one.strip() for one in text.split(",") if one.strip()]
    faults = [
        f"--parts: there is no part {one!r}. Known: {', '.join(allowed)}.{did_you_mean(one, allowed)}"
        for one in asked
        if one not in allowed
    ]
    if faults or not asked:
        raise ConfigError(faults or [f"--parts names none. Known: {', '.join(allowed)}."], "the command")
    return [allowed[one] for one in dict.fromkeys(asked)]


def _secret(path: Path | None) -> bytes | None:
    """Return the secret in a file, without white space around it.

    Raises:
        InputError: there is no such file, or it is no secret.
        StoreError: others can read it.
    """
    if path is None:
        return None
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            data = file.read(_MOST_SECRET_BYTES + 1).strip()
    except OSError as error:
        raise InputError(f"The secret {path} cannot be read: {error.strerror or error}. Name another file.") from error
    if mode & 0o077 and sys.platform != "win32":
        raise StoreError(f"Others can read the secret {path}. Take their rights away: chmod 600 {path}")
    if not _LEAST_SECRET_BYTES <= len(data) <= _MOST_SECRET_BYTES:
        raise InputError(
            f"The secret {path} has {len(data):,} bytes; {_LEAST_SECRET_BYTES} to {_MOST_SECRET_BYTES:,} are allowed. "
            "Make one with: openssl rand -hex 32"
        )
    return data


def _public_key(text: str) -> "PublicKey":
    """Return the public key a text is, or that a file holds.

    Raises:
        InputError: it is neither.
    """
    from headwater.origin.signing import PublicKey

    if text.startswith("ed25519:") or not Path(text).exists():
        return PublicKey.from_text(text)
    try:
        with Path(text).open("rb") as file:
            data = file.read(_MOST_SECRET_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise InputError(f"The key {text} cannot be read: {error.strerror or error}. Name another file.") from error
    if "PRIVATE KEY" in data:  # never to be shown, not even in an error
        raise InputError(
            f"{text} holds a private key, which belongs to one party alone. Trust the public one: ed25519: and 64 "
            "hexadecimal digits."
        )
    return PublicKey.from_text(data)


@contextmanager
def _progress(*, quiet: bool) -> "Iterator[Progress]":
    from headwater.cli.progress import progress_on

    with progress_on(sys.stderr.isatty(), quiet=quiet) as progress:
        yield progress
