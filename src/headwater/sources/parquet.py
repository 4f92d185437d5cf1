"""Parquet files, batch by batch."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.sources.rejects import Reject, RejectKind
from headwater.sources.rows import Row


def read_parquet(path: Path, batch_rows: int, batch_bytes: int) -> Iterator[Row | Reject | None]:
    """Yield the rows of a Parquet file; any string type and nested lists are welcome.

    A file that cannot be decoded is one reject: its rows up to there have been handed out.
    """
    number = 0
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for group in range(file.num_row_groups):
                size = file.metadata.row_group(group)
                # A row group says how large it is, so that long documents come in smaller batches.
                fitting = batch_bytes * size.num_rows // max(size.total_byte_size, 1)
                for batch in file.iter_batches(max(1, min(batch_rows, fitting)), row_groups=[group]):
                    for values in batch.to_pylist():
                        number += 1
                        yield Row(number, None, values)
    except (pa.ArrowException, OSError) as error:
        yield Reject(str(path), number + 1, None, RejectKind.TRUNCATED_FILE, f"no readable Parquet file: {error}")
