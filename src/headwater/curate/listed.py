"""Lists of words, lines, strings or characters that documents are searched for."""

import codecs
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.curate.columns import check_rule_name, measure_field, with_columns
from headwater.errors import ConfigError, InputError
from headwater.schema import digest
from headwater.text.listed_characters import count_characters
from headwater.text.listed_lines import LineList, line_list
from headwater.text.listed_substrings import SubstringList, substring_list
from headwater.text.listed_words import WordList, word_list
from headwater.text.utf8 import text_array, utf8_bytes

What = Literal["words", "lines", "substring", "characters"]

_COUNTED = {
    "words": ("words and phrases of the list", "share of the words that are in them"),
    "lines": ("lines that are on the list", "share of the lines that are not blank"),
    "substring": ("strings of the list", "share of the characters that are in them"),
    "characters": ("characters of the list", "share of the characters"),
}
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Listed:
    """Counts what documents have of a list, and with ``action="cut"`` removes listed lines.

    What an entry is compared with:

    - ``words``: whole words, one or several; "hell" is not in "hello" nor in "he'll". In scripts without spaces each
      character is a word.
    - ``lines``: a whole line, white space at its ends aside.
    - ``substring``: anything anywhere.
    - ``characters``: one character each, such as symbols.

    Words and strings are found from left to right, the longest first, without overlap. Any number of entries costs
    about the same.

    A file holds one entry a line in UTF-8. Blank lines and lines that begin with "# " (a number sign and a space) are
    left out, so "#" and "#hashtag" are entries. White space at the ends of a line belongs to an entry only in lists of
    strings.
    """

    list: str
    """Name of the list; the columns are ``listed_<list>`` and ``listed_<list>_share``."""
    file: str = ""
    """Path of the list."""
    entries: tuple[str, ...] = ()
    """The list itself, in place of a file; best for short ones."""
    what: What = "words"
    """What an entry is compared with."""
    action: Literal["find", "cut"] = "find"
    """``find`` counts, ``cut`` also removes lines that are on the list. To drop documents, make a rule on a column."""
    ignore_case: bool = True
    """Whether capitals and small letters are the same; accents always count. Characters are taken as they are."""
    digest: str = field(init=False, default="")
    """Of the entries, so that another list is another operator."""

    version = 1

    def __post_init__(self) -> None:
        where = f"the list {self.list!r}"
        check_rule_name(self.list, where)
        faults = []
        if self.list.endswith("_share"):
            faults.append(f"the name {self.list!r} ends in _share, as the column of shares does; choose another")
        if bool(self.file) == bool(self.entries):
            faults.append("a list has either a file or entries")
        if self.what not in _COUNTED:
            faults.append(f"what = {self.what!r}: allowed are {', '.join(_COUNTED)}")
        if self.action not in {"find", "cut"}:
            faults.append(f"action = {self.action!r}: allowed are 'find' and 'cut'")
        elif self.action == "cut" and self.what != "lines":
            faults.append(f"action = 'cut' removes lines, so it needs what = 'lines', not {self.what!r}")
        if faults:
            raise ConfigError(faults, where)
        object.__setattr__(self, "digest", digest(self._read()))

    def _read(self) -> tuple[str, ...]:
        """Return the entries.

        Raises:
            InputError: the file cannot be read, or has entries that are none; each is named with its line.
            ConfigError: the same of entries that were given.
        """
        numbered = _lines(self.file, self.what) if self.file else list(enumerate(self.entries, 1))
        faults = _faults(numbered, self.what)
        if not faults:
            return tuple(dict.fromkeys(entry for _, entry in numbered))
        if not self.file:
            raise ConfigError(
                [f"entry {number}: {fault}" for number, fault in faults[:_SHOWN]], f"the list {self.list!r}"
            )
        lines = "\n".join(f"  {self.file}, line {number}: {fault}" for number, fault in faults[:_SHOWN])
        more = f"\n  and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
        raise InputError(f"The list {self.list!r} has entries that cannot be used:\n{lines}{more}")

    @property
    def name(self) -> str:
        """Name of the operator and of its column of counts."""
        return f"listed_{self.list}"

    @property
    def adds(self) -> pa.Schema:
        """Count and share; with ``cut`` also the text."""
        finds, share = _COUNTED[self.what]
        fields = [
            measure_field(self.name, pa.int32(), f"{finds} {self.list!r}"),
            measure_field(f"{self.name}_share", pa.float64(), f"{share}; 0 where there are none", range="0 to 1"),
        ]
        if self.action == "cut":
            fields.append(measure_field("text", pa.string(), f"the text without lines of the list {self.list!r}"))
        return pa.schema(fields)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with count and share, of the text as it came, and with ``cut`` the rest of the text."""
        text = batch["text"]
        data, offsets = utf8_bytes(text)
        index = _index(self)
        part: NDArray[Any]
        if isinstance(index, LineList):
            finds, whole = index.count(data, offsets)
            part = finds
        elif isinstance(index, WordList | SubstringList):
            finds, part, whole = index.count(data, offsets)
        else:
            finds, whole = count_characters(data, offsets, index)
            part = finds
        columns = [pa.array(finds), pa.array(part / np.maximum(whole, 1))]
        if isinstance(index, LineList) and self.action == "cut":
            columns.append(text_array(*index.cut(data, offsets), text.type) if finds.any() else text)
        return with_columns(batch, self.adds, columns)


@cache
def _index(listed: Listed) -> WordList | LineList | SubstringList | str:
    """Return the list ready to be looked up, built once in each process."""
    entries = listed._read()  # noqa: SLF001  (its own)
    if digest(entries) != listed.digest:
        raise InputError(f"The list {listed.file} was changed since the work began; begin anew.")
    if listed.what == "characters":
        return "".join(entries)
    column = pa.array(entries, pa.large_string())
    if listed.what == "lines":
        return line_list(column, ignore_case=listed.ignore_case)
    if listed.what == "substring":
        return substring_list(column, ignore_case=listed.ignore_case)
    return word_list(column, ignore_case=listed.ignore_case)[0]


def _lines(file: str, what: What) -> list[tuple[int, str]]:
    """Return the entries of a file with the numbers of their lines."""
    try:
        content = Path(file).read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InputError(f"The list {file} cannot be read: {error.strerror or error}.") from error
    found = []
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            entry = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{file}, line {number}: byte {error.start + 1} is not UTF-8. Convert the list with iconv."
            ) from error
        if entry.strip() and not entry.startswith("# "):
            found.append((number, entry if what == "substring" else entry.strip()))
    return found


def _faults(numbered: list[tuple[int, str]], what: What) -> list[tuple[int, str]]:
    """Return the numbers of entries that cannot be used, and what is wrong with them."""
    if not numbered:
        return [(1, "there is no entry")]
    entries = [entry for _, entry in numbered]
    wordless = set(word_list(pa.array(entries), ignore_case=False)[1].tolist()) if what == "words" else set()
    faults = []
    for index, (number, entry) in enumerate(numbered):
        if not entry.strip():
            faults.append((number, "an entry is empty"))
        elif what == "characters" and len(entry) != 1:
            faults.append((number, f"{entry!r} is {len(entry)} characters; put one on each line"))
        elif what == "lines" and "\n" in entry:
            faults.append((number, f"{entry!r} is more than one line"))
        elif index in wordless:
            fault = (
                f"{entry!r} has no letter or digit, so it is no word; make it a list of strings (what = 'substring')"
            )
            faults.append((number, fault))
    return faults
