"""Files on the Hugging Face hub, under paths such as ``hf://datasets/OWNER/NAME/data/*.parquet``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from headwater.errors import InputError, MissingExtraError

SCHEME = "hf://"

# What stands beside the data in a repository.
_BESIDE = frozenset({"readme.md", "license.md", "license.txt", "dataset_info.json", "dataset_infos.json"})


def _files() -> Any:
    """Return the file system of the hub; whoever has registered another one for its scheme gets that."""
    try:
        import fsspec
        import huggingface_hub  # noqa: F401  (fsspec finds it by itself)
    except ImportError as error:
        raise MissingExtraError("reading from the Hugging Face hub", "hub") from error
    return fsspec.filesystem("hf")


@contextmanager
def _asking(path: str) -> Iterator[Any]:
    """Make one error of whatever the network, the hub and its client come up with."""
    files = _files()
    try:
        yield files
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"there is no {path} on the hub, or it is not open to you.") from error
    except Exception as error:
        raise InputError(f"cannot read {path}: {error}. Trying again later may help.") from error


def hub_entries(pattern: str) -> list[tuple[str, int, str]]:
    """Return the files that a path, folder or pattern on the hub stands for: path, size in bytes and version.

    Raises:
        InputError: nothing is there, or the hub cannot be asked.
        MissingExtraError: the client is not installed.
    """
    with _asking(pattern) as files:
        plain = pattern.removeprefix(SCHEME)
        if any(sign in plain for sign in "*?["):
            found = files.glob(plain, detail=True)
        else:
            found = files.find(plain, detail=True)
        entries = [
            (SCHEME + name.removeprefix(SCHEME), int(entry.get("size") or 0), _version(entry))
            for name, entry in sorted(found.items())
            if entry.get("type") == "file"
        ]
    named = [entry for entry in entries if entry[0] == pattern]
    return named or [entry for entry in entries if entry[0].rpartition("/")[2].lower() not in _BESIDE]


def hub_state(path: str) -> tuple[int, str]:
    """Return the size of a file and what names its content.

    Raises:
        InputError: it is not there, or the hub cannot be asked.
    """
    with _asking(path) as files:
        entry = files.info(path.removeprefix(SCHEME), refresh=True)
        return int(entry.get("size") or 0), _version(entry)


@contextmanager
def hub_file(path: str) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Raises:
        InputError: it cannot be opened or read.
    """
    with _asking(path) as files, files.open(path.removeprefix(SCHEME), "rb") as opened:
        yield opened


def _version(entry: dict[str, Any]) -> str:
    return str(entry.get("blob_id") or entry.get("etag") or entry.get("mtime") or "")
