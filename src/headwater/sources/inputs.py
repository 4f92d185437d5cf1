"""What a curation reads: which files paths stand for, in which format, and whether they are still what they were."""

import glob
import json
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from headwater.errors import InputError, did_you_mean
from headwater.sources.hub import SCHEME, hub_entries, hub_file, hub_state
from headwater.sources.read import FORMATS, beside
from headwater.sources.stream import decompressed

INPUT_FORMATS = FORMATS | {
    "html": (".html", ".htm", ".xhtml"),
    "warc": (".warc", ".wet"),
    "arrow": (".arrow",),
}
"""Format to suffixes, for files. ``.gz`` or ``.zst`` may follow all but Parquet and Arrow."""

LANCE = "lance"
"""The format of folders that are Lance tables."""

_COMPRESSED = (".gz", ".zst")
_WHOLE = frozenset({"parquet", "arrow"})  # formats that compress by themselves
_GLOB_SIGNS = frozenset("*?[")
_KNOWN = (
    ".jsonl .ndjson .json .csv .tsv .txt .text .md .html .htm .warc .wet (each also with .gz or .zst), .parquet, "
    ".arrow, .lance, folders saved by datasets.save_to_disk, and hf://datasets/OWNER/NAME"
)
_STATE, _SPLITS = "state.json", "dataset_dict.json"


class ChangedFileError(Exception):
    """A file vanished or changed after the reading was planned."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file (or table) of the input, as it was when the reading was planned."""

    path: str
    """Where it is, as it was given or found."""
    format: str
    """A key of ``INPUT_FORMATS``, or ``LANCE``."""
    size_bytes: int
    """Its size on disk."""
    modified_ns: int
    """When it was last changed, in nanoseconds since 1970; 0 where that is not known."""
    version: str = ""
    """What names its content where something does: the version of a table, the hash of a file on the hub."""

    @property
    def remote(self) -> bool:
        """Whether it has to be fetched over the network."""
        return self.path.startswith(SCHEME)

    @property
    def compressed(self) -> bool:
        """Whether it has to be decompressed from its beginning."""
        return self.suffix in _COMPRESSED

    @property
    def suffix(self) -> str:
        """Its last suffix, in lower case."""
        return Path(self.path).suffix.lower()


def input_format(name: str) -> str | None:
    """Return the format a file's name says, or None."""
    name = name.lower()
    plain = name.removesuffix(".gz").removesuffix(".zst")
    for known, suffixes in INPUT_FORMATS.items():
        if (name if known in _WHOLE else plain).endswith(suffixes):
            return known
    return None


def find_inputs(patterns: Iterable[str | Path]) -> list[InputFile]:
    """Return the files that files, folders and glob patterns stand for, without repeats.

    Folders are searched recursively; in folders and patterns hidden files, unknown formats and what Headwater wrote
    beside a data file are passed over. The order is that of the patterns, and by name within each.

    Raises:
        InputError: something does not exist, holds no readable file or has an unknown suffix.
    """
    found: dict[str, InputFile] = {}
    for pattern in patterns:
        for file in _matches(str(pattern)):
            found.setdefault(file.path, file)
    return list(found.values())


def passed_over(patterns: Iterable[str | Path]) -> list[str]:
    """Return the files in folders and of patterns that are not read because their names say no format, by name.

    What is empty, hidden, or written by Headwater beside a data file is not meant; nor is what lies in a data set as a
    whole, such as a Lance table. Nothing is known of the hub.
    """
    found: dict[str, None] = {}
    for pattern in map(str, patterns):
        path = Path(pattern)
        if path.is_dir():
            found.update(dict.fromkeys(_unreadable_in(path)))
        elif not path.exists() and _GLOB_SIGNS.intersection(pattern) and not pattern.startswith(SCHEME):
            names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  (absolute patterns)
            found.update((name, None) for name in names if _unreadable(Path(name)))
    return list(found)


def _unreadable_in(folder: Path) -> Iterator[str]:
    if _is_table(folder):
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _unreadable_in(entry)
        elif _unreadable(entry):
            yield str(entry)


def _unreadable(file: Path) -> bool:
    unknown = input_format(file.name) is None and not beside(file)
    return unknown and file.is_file() and file.stat().st_size > 0


def _matches(pattern: str) -> list[InputFile]:
    if pattern.startswith(SCHEME):
        return _on_hub(pattern)
    path = Path(pattern)
    if path.is_dir():
        matches = list(_in_folder(path))
        if not matches:
            raise InputError(f"no readable file in folder {path}. Known formats: {_KNOWN}.")
    elif path.exists():
        known = input_format(path.name)
        if known is None:
            raise InputError(f"unknown format of {path}. Known: {_KNOWN}. Rename the file if it is one of them.")
        matches = [_file(path, known)]
    elif _GLOB_SIGNS.intersection(pattern):
        matches = []
        for name in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207  (absolute patterns)
            entry = Path(name)
            known = input_format(entry.name)
            if entry.is_dir() and _is_table(entry):
                matches.extend(_in_folder(entry))
            elif entry.is_file() and known is not None and not beside(entry):
                matches.append(_file(entry, known))
        if not matches:
            raise InputError(f"no readable file matches {pattern!r}. Known formats: {_KNOWN}.")
    elif path.is_symlink():
        raise InputError(f"{path} is a link to {path.readlink()}, which does not exist.")
    else:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"there is no file or folder {path}.{did_you_mean(path.name, siblings)}")
    return matches


def _on_hub(pattern: str) -> list[InputFile]:
    entries = hub_entries(pattern)
    matches = [
        InputFile(path, known, size, 0, version)
        for path, size, version in entries
        if (known := input_format(path)) is not None
    ]
    if not matches:
        raise InputError(f"no readable file at {pattern} ({len(entries)} files are there). Known formats: {_KNOWN}.")
    return matches


def _is_table(folder: Path) -> bool:
    """Say whether a folder as a whole is a data set."""
    return _is_lance(folder) or (folder / _STATE).is_file() or (folder / _SPLITS).is_file()


def _is_lance(folder: Path) -> bool:
    return folder.suffix.lower() == ".lance" or (folder / "_versions").is_dir()


def _lance(folder: Path) -> InputFile:
    """Return a Lance table at its newest version."""
    import lance

    try:
        version = lance.dataset(str(folder)).version
        size = sum(file.stat().st_size for file in (folder / "data").glob("*"))
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder} cannot be opened as a Lance table: {error}") from error
    return InputFile(str(folder), LANCE, size, 0, str(version))


def _in_folder(folder: Path) -> Iterator[InputFile]:
    """Yield what a folder holds, by name; a folder that is a data set as a whole is not searched further."""
    if _is_lance(folder):
        yield _lance(folder)
        return
    if (folder / _SPLITS).is_file():
        for split in _strings(folder / _SPLITS, "splits"):
            yield from _in_folder(_within(folder, split))
        return
    if (folder / _STATE).is_file():
        if _saved(folder / _STATE).get("_indices_data_files"):
            raise InputError(
                f"the data set in {folder} was saved with an index of its rows. Load it and save it again."
            )
        entries = _list(folder / _STATE, "_data_files")
        for entry in entries:
            name = entry.get("filename") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                raise InputError(f"{folder / _STATE} does not name the files of the data set. Save it again.")
            yield _file(_within(folder, name), "arrow")
        return
    try:
        entries_here = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot read folder {folder}: {error.strerror or error}") from error
    for entry in entries_here:
        known = input_format(entry.name)
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():  # it may lead back here
                yield from _in_folder(entry)
        elif known == "arrow" and entry.name.startswith("cache-"):
            continue  # what datasets.map left behind: the same rows once more
        elif known is not None and entry.is_file() and not beside(entry):
            yield _file(entry, known)


def _saved(path: Path) -> dict[str, object]:
    """Return what a saved data set says of itself."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no description of a saved data set: {error!r}. Save it again.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no description of a saved data set: it is no object. Save it again.")
    return found


def _list(path: Path, key: str) -> list[object]:
    found = _saved(path).get(key)
    if not isinstance(found, list):
        raise InputError(f"{path} is no description of a saved data set: {key!r} is no list. Save it again.")
    return found


def _strings(path: Path, key: str) -> list[str]:
    found = _list(path, key)
    if not all(isinstance(item, str) for item in found):
        raise InputError(f"{path} is no description of a saved data set: {key!r} holds something else than names.")
    return [str(item) for item in found]


def _within(folder: Path, name: str) -> Path:
    """Return a path inside a folder; what a description names is not allowed to lie anywhere else."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"the data set in {folder} names {name!r}, which lies outside of it. Nothing is read from it.")
    if not path.exists():
        raise InputError(f"the data set in {folder} lacks {name!r}. Save it again.")
    return path


def _file(path: Path, known: str) -> InputFile:
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if not stat.S_ISREG(state.st_mode):  # a pipe can be read once, and not in parts
        raise InputError(f"{path} is no file that stays: write what it gives to one first.")
    return InputFile(str(path), known, state.st_size, state.st_mtime_ns)


def check_unchanged(file: InputFile) -> None:
    """Compare a file with what it was when the reading was planned.

    Raises:
        ChangedFileError: it vanished or changed.
    """
    if file.format == LANCE:
        return  # read at its version, which does not change; one that is gone is noticed when it is opened
    if file.remote:
        size, version = hub_state(file.path)
        if (size, version) != (file.size_bytes, file.version):
            raise ChangedFileError("the file on the hub is another one now")
        return
    try:
        state = Path(file.path).stat()
    except OSError as error:
        raise ChangedFileError(f"the file cannot be read any more: {error.strerror or error}") from error
    if state.st_size != file.size_bytes:
        raise ChangedFileError(f"the file had {file.size_bytes:,} bytes and has {state.st_size:,} now")
    if state.st_mtime_ns != file.modified_ns:
        raise ChangedFileError("the file was written to after the reading began")


@contextmanager
def open_input(file: InputFile) -> Iterator[BinaryIO]:
    """Open a file for reading its bytes as they are.

    Raises:
        InputError: it cannot be opened or read.
    """
    if file.remote:
        with hub_file(file.path) as fetched:
            yield fetched
        return
    try:
        with Path(file.path).open("rb") as opened:
            yield opened
    except OSError as error:
        raise InputError(f"cannot read {file.path}: {error.strerror or error}") from error


def input_pieces(file: InputFile, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the decompressed bytes of a file, or a range of the bytes of an uncompressed one, piece by piece.

    Raises:
        InputError: the file cannot be opened or read.
        DamagedFileError: a compressed file is truncated or damaged, after everything before the damage was yielded.
    """
    with open_input(file) as opened:
        if file.compressed:
            yield from decompressed(opened, file.suffix)
            return
        opened.seek(begin)
        left = (file.size_bytes if end is None else end) - begin
        while left > 0 and (piece := opened.read(min(left, _PIECE_BYTES))):
            left -= len(piece)
            yield piece


_PIECE_BYTES = 1 << 20
