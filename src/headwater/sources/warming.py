"""Compiling the kernels of reading and writing ahead of their first use."""

from pathlib import Path
from tempfile import TemporaryDirectory

from headwater.sources.html import page_text
from headwater.sources.shards import plan_shards, read_shard
from headwater.sources.write import document_writer

_LINES = b"""{"text": "one \\u00e9", "n": 1, "x": 0.5, "ok": true, "tags": ["a"], "who": {"name": "A"}, "any": []}
{"text": "two", "n": 1.5, "later": 1}
{"text": "caf\xe9"}
{"text": "three", "n": NaN}
"""


def warm() -> None:
    """Compile and cache every kernel of reading and writing by running it on a few lines (seconds the first time)."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(_LINES)
        plan = plan_shards(path)
        batches = list(read_shard(plan.shards[0], plan))
        with document_writer(Path(folder) / "b.jsonl", batches[0].schema) as write:
            write(batches[0])
            write(batches[0].slice(1))
        path = Path(folder) / "c.csv"
        path.write_bytes(b'text,n\n"a ""b""",1\n')
        plan = plan_shards(path)
        for _ in read_shard(plan.shards[0], plan):
            pass
    page_text("<p>a")
