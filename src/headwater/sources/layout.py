"""What a curation's reading is made of: its settings, the columns it gives, and the parts files are read in."""

from dataclasses import dataclass

import pyarrow as pa

from headwater.sources.inputs import InputFile

FILE, ROW = "_file", "_row"
"""Columns added to every batch: the number of the row's file (from 0), and its line or row in that file (from 1)."""


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """How documents are read. Together with the files this decides everything that comes out."""

    text: str = "text"
    """Column that holds the text."""
    id: str | None = None
    """Column that holds the documents' ids (text or integers). Without one documents have none yet."""
    html: str | None = None
    """Column that holds HTML, whose text becomes the column ``text``."""
    paragraphs: bool = False
    """Plain text files are cut into paragraphs instead of being one document each."""
    max_document_bytes: int = 64 << 20
    """Longer lines, records and texts are set aside; lines never are held in memory whole."""
    max_expansion: int = 500
    """A compressed file that gives more than this many times its size is given up, past its first GiB."""

    @property
    def needed(self) -> str:
        """The column that must exist."""
        return self.text if self.html is None else self.html


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns every batch has, and how rows get into them."""

    schema: pa.Schema
    """The input's columns in the order in which they were found, then ``rest``; batches have the columns ``FILE`` and
    ``ROW`` besides."""
    settings: ReadSettings
    """How documents are read."""
    rest: str | None
    """Column of JSON objects for what has no place elsewhere: keys that the first rows of the files did not have, and
    values that are not of their column's type. Null where every column is known beforehand."""

    def source_name(self, column: str) -> str:
        """Return the name under which a column is found in the files: text may be made of another."""
        return self.settings.needed if column == self.settings.text else column

    @property
    def batch_schema(self) -> pa.Schema:
        """The schema of the batches."""
        return self.schema.append(pa.field(FILE, pa.int32())).append(pa.field(ROW, pa.int64()))


@dataclass(frozen=True, slots=True)
class Part:
    """What is read of one file in one go."""

    file: InputFile
    """The file."""
    number: int
    """Its number among the files of the plan, from 0."""
    begin: int
    """First byte, row group or fragment, from 0, by the file's format."""
    end: int
    """The one behind the last."""
    first_row: int
    """Line or row number of its first row, from 1."""
    size_bytes: int
    """About how much there is to read."""

    def __str__(self) -> str:
        if self.begin == 0 and self.size_bytes >= self.file.size_bytes:
            return self.file.path
        return f"{self.file.path} from row {self.first_row:,}"


@dataclass(frozen=True, slots=True)
class Shard:
    """A unit of work: parts of files that are read one after the other."""

    number: int
    """From 0; rows are ordered by it first."""
    parts: tuple[Part, ...]
    """What is read."""

    @property
    def size_bytes(self) -> int:
        """About how much there is to read."""
        return sum(part.size_bytes for part in self.parts)

    def __str__(self) -> str:
        others = f" and {len(self.parts) - 1} more" if len(self.parts) > 1 else ""
        return f"{self.parts[0]}{others}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a first look at a file finds."""

    schema: pa.Schema
    """Its columns."""
    parts: tuple[Part, ...]
    """The parts it can be read in."""
    open_ended: bool = False
    """Rows may have other columns than the first ones."""
    problem: str | None = None
    """Why nothing was found that says which columns there are."""
