"""Fuzz what reads files: any bytes as JSON lines, CSV, text, HTML or WARC, plain or packed, and as Parquet.

    python -m venv fuzz && fuzz/bin/pip install atheris -e .
    PYTHONPATH=src:benchmarks/fuzz fuzz/bin/python benchmarks/fuzz/files.py jsonl corpus/ -max_total_time=300

The first argument is the suffix of the file. Every line of JSON lines must come out once: as a document, a reject or an
empty line, and as Python's own parser has it. Of the other formats nothing but an error for users may come.
"""

import json
import sys
import tempfile
from pathlib import Path

import checked_memory  # noqa: F401  isort: skip  (before anything of Headwater)
import atheris

with atheris.instrument_imports(include=["headwater"]):
    from headwater.errors import HeadwaterError
    from headwater.sources import RejectLog, plan_shards, read_shard

_SUFFIX = sys.argv[1]
_FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def test_one(data: bytes) -> None:
    """Read a file of some bytes."""
    path = _FOLDER / f"a.{_SUFFIX}"
    path.write_bytes(data)
    rejects = RejectLog()
    texts: list[str] = []
    accepted = bad = empty = 0
    try:
        plan = plan_shards(path, shard_bytes=64)
        for shard in plan.shards:
            stream = read_shard(shard, plan, rejects, batch_rows=3)
            for batch in stream:
                batch.validate(full=True)
                texts += batch["text"].to_pylist()
            accepted, bad, empty = (
                accepted + stream.report.accepted, bad + stream.report.bad, empty + stream.report.empty
            )  # fmt: skip
    except HeadwaterError:
        return
    assert accepted == len(texts)
    assert sum(rejects.by_kind.values()) >= bad
    if _SUFFIX == "jsonl":
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        lines = lines if lines[-1] else lines[:-1]
        assert accepted + bad + empty == len(lines), (accepted, bad, empty, len(lines))
        assert texts == [text for line in lines if (text := _text(line)) is not None]


def _text(line: bytes) -> str | None:
    """Return the text of a line as Python's parser finds it; None where it is no document."""
    try:
        value = json.loads(line.decode("utf-8"))
        text = value.get("text") if isinstance(value, dict) else None
        if not isinstance(text, str):
            return None
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return text


if __name__ == "__main__":
    test_one(b'{"text": "a"}\n')
    atheris.Setup([sys.argv[0], *sys.argv[2:]], test_one)
    atheris.Fuzz()
