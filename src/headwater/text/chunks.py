"""The chunk table: the word rules are asked once per distinct chunk, not once per word of a text.

A chunk is a run of characters that are no white space. The words of a text repeat, and the rules look at one chunk at
a time, so a table from chunk to tokens does the work of the rules. Everything that quality rules ask of a text is then
arithmetic over the numbers of its chunks.

The table begins with the common chunks of English (``english_chunks.npz``) and learns: chunks it has not seen are
collected while a batch is read, divided by the rules once, and added. What it has learned is dropped when it grows too
large. No result depends on what a table knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Lock, get_ident
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.text.chunk_kernels import FOUND, FULL, STRINGS, characters_of, describe, fill_slots, number_strings, scan
from headwater.text.english import RULES_OF, english_tokens, token_flags
from headwater.text.utf8 import utf8_bytes

MOST_CHUNKS = 500_000
"""Chunks learned before they are dropped; all tables then take about 80 MB. Measured: on 84 MB of mixed text a limit of
100,000 to 2,000,000 changes the rate by a tenth, because most chunks that are learned occur once."""
MOST_BYTES = 32 << 20
"""Bytes of chunks learned before they are dropped."""
LEARNED_VERSION = 1
"""Version of the form of a file of learned chunks."""

Splitter = Callable[[str], list[str]]
_Kind = TypeVar("_Kind", bound=np.generic)

_LEARNED = Path(__file__).with_name("english_chunks.npz")


class ChunkedTexts(NamedTuple):
    """Texts, the numbers of their chunks, and what is known of those chunks."""

    data: NDArray[np.uint8]
    """UTF-8, read-only."""
    begins: NDArray[np.int64]
    """Where each text begins in ``data``."""
    ends: NDArray[np.int64]
    """Where each text ends in ``data``."""
    chunks: NDArray[np.int32]
    """The chunks of all texts, one text after the other."""
    offsets: NDArray[np.int64]
    """Where each text begins in ``chunks``; one entry more than there are texts."""
    facts: NDArray[np.int32]
    """What is known of every chunk, shape (chunks, 8); the columns are those of ``chunk_kernels``."""
    slices: NDArray[np.int32]
    """The tokens of chunks that have several."""
    token_characters: NDArray[np.int32]
    """Length in characters of every known token."""
    token_ends: NDArray[np.int64]
    """Where the known tokens end in their pool: differences are lengths in bytes."""
    generation: int
    """How often the table has begun anew; only within a generation are chunks numbered alike."""


class LearnedChunks(NamedTuple):
    """Chunks with what the word rules say of them, to begin a table with."""

    pool: NDArray[np.uint8]
    """The chunks, one after the other."""
    lengths: NDArray[np.uint8]
    """Bytes of each chunk."""
    counts: NDArray[np.uint8]
    """Tokens of each chunk."""
    token_lengths: NDArray[np.uint8]
    """Bytes of each token of each chunk."""
    flags: NDArray[np.uint16]
    """What each distinct token is, in the order they first occur."""


@dataclass(slots=True, eq=False)
class _Strings:
    """Distinct byte strings with numbers from 0 (see ``chunk_kernels``); grown by making new arrays."""

    slots: NDArray[np.uint64]
    firsts: NDArray[np.uint64]
    ends: NDArray[np.int64]
    pool: NDArray[np.uint8]
    count: int = 0

    @classmethod
    def empty(cls, strings: int, size: int) -> "_Strings":
        return cls(
            np.zeros(_slots_for(strings), dtype=np.uint64),
            np.empty(strings, dtype=np.uint64),
            np.zeros(strings + 1, dtype=np.int64),
            np.empty(size, dtype=np.uint8),
        )

    def grow(self, length: int) -> None:
        """Make room for one more string of ``length`` bytes, and for half as much again as there is."""
        used = int(self.ends[self.count])
        strings = max(len(self.firsts), 3 * self.count // 2 + 64)
        self.pool = _grown(self.pool, max(len(self.pool), used + length + used // 2), used)
        if strings > len(self.firsts):
            self.firsts = _grown(self.firsts, strings, self.count)
            self.ends = _grown(self.ends, strings + 1, self.count + 1)
            if _slots_for(strings) > len(self.slots):
                self.slots = np.zeros(_slots_for(strings), dtype=np.uint64)
                fill_slots(self.count, *self.arrays)

    @property
    def arrays(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint8]]:
        return self.slots, self.firsts, self.ends, self.pool

    def number(self, data: NDArray[np.uint8], begin: int, lengths: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the numbers of strings that stand one after the other in ``data``, adding those that are new."""
        numbers = np.empty(len(lengths), dtype=np.int32)
        state = np.zeros(5, dtype=np.int64)
        state[STRINGS] = self.count
        number_strings(data, begin, lengths, numbers, state, *self.arrays)
        while state[FULL]:
            self.count = int(state[STRINGS])
            self.grow(int(state[FULL]))
            number_strings(data, begin, lengths, numbers, state, *self.arrays)
        self.count = int(state[STRINGS])
        return numbers

    def texts(self, first: int) -> list[str]:
        """Return the strings from number ``first`` on."""
        ends = self.ends[first : self.count + 1]
        data = self.pool[ends[0] : ends[-1]].tobytes()
        bounds = (ends - ends[0]).tolist()
        spans = pairwise(bounds)
        if data.isascii():
            text = data.decode("ascii")
            return [text[begin:end] for begin, end in spans]
        # What is no UTF-8 keeps its bytes: a damaged text must have as many bytes in its tokens as in its chunks.
        return [data[begin:end].decode("utf-8", "surrogateescape") for begin, end in spans]


class ChunkTable:
    """What the word rules say of every chunk seen so far.

    Safe to use from several threads.

    Args:
        learned: chunks to begin with, which are never dropped.
        split: the word rules: a chunk to its tokens, which put together are the chunk.
        flags: what a token is, as bits (``headwater.text.english.token_flags``).
        most_chunks: chunks learned after which they are dropped.
        most_bytes: bytes of chunks learned after which they are dropped.
    """

    def __init__(
        self,
        learned: LearnedChunks | None = None,
        *,
        split: Splitter = english_tokens,
        flags: Callable[[str], int] = token_flags,
        most_chunks: int = MOST_CHUNKS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._learned = learned
        self._split, self._flags_of = split, flags
        self._most_chunks, self._most_bytes = most_chunks, most_bytes
        self._lock = Lock()
        self._generation = 0
        self._begin_anew()

    def __len__(self) -> int:
        return self._chunks.count

    def divide(self, data: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> ChunkedTexts:
        """Return texts as chunks, learning those that are new.

        Args:
            data: UTF-8, uint8, read-only.
            begins: where each text begins, int64.
            ends: where each text ends, int64.
        """
        # A chunk and the space behind it take two bytes at least. Pages that are never written cost nothing.
        room = int((ends - begins).sum()) // 2 + len(begins) + 1
        chunks = np.empty(room, dtype=np.int32)
        offsets = np.zeros(len(begins) + 1, dtype=np.int64)
        state = np.zeros(5, dtype=np.int64)
        with self._lock:
            if self._is_full():
                self._begin_anew()
            known = self._chunks.count
            state[STRINGS] = known
            try:
                scan(data, begins, ends, state, chunks, offsets, *self._chunks.arrays)
                while state[FULL]:
                    self._chunks.count = int(state[STRINGS])
                    self._chunks.grow(int(state[FULL]))
                    scan(data, begins, ends, state, chunks, offsets, *self._chunks.arrays)
                self._chunks.count = int(state[STRINGS])
                if self._chunks.count > known:
                    self._learn(known)
            except BaseException:
                # Whatever stopped this batch, the next one must not find chunks of which nothing is known.
                self._begin_anew()
                raise
            known_now = self._facts, self._slices, self._characters, self._tokens.ends, self._generation
        found = int(state[FOUND])
        return ChunkedTexts(data, begins, ends, chunks[:found], offsets, *known_now)

    def forget(self) -> None:
        """Forget what was learned; the chunks the table began with stay."""
        with self._lock:
            self._begin_anew()

    def learned(self, most: int) -> LearnedChunks:
        """Return the first ``most`` chunks of the table, to begin another one with."""
        with self._lock:
            texts = self._chunks.texts(0)[:most]
        counts, token_lengths = self._divided(texts)
        pool = np.frombuffer("".join(texts).encode(), dtype=np.uint8)
        tokens = _Strings.empty(1 << 14, 1 << 17)
        tokens.number(pool, 0, token_lengths)
        return LearnedChunks(
            pool,
            np.array([_size(text) for text in texts], dtype=np.uint8),
            counts.astype(np.uint8),
            token_lengths.astype(np.uint8),
            np.array([self._flags_of(token) for token in tokens.texts(0)], dtype=np.uint16),
        )

    def _is_full(self) -> bool:
        learned, size = (len(self._learned.lengths), len(self._learned.pool)) if self._learned else (0, 0)
        chunks = self._chunks
        return chunks.count - learned > self._most_chunks or int(chunks.ends[chunks.count]) - size > self._most_bytes

    def _begin_anew(self) -> None:
        """Forget what was learned, with new arrays: texts divided before keep the old ones."""
        learned = self._learned
        self._generation += 1
        strings, size = (2 * len(learned.lengths), 2 * len(learned.pool)) if learned else (1 << 14, 1 << 17)
        self._chunks = _Strings.empty(strings, size)
        self._tokens = _Strings.empty(strings, size)
        self._facts = np.zeros((0, 8), dtype=np.int32)
        self._slices = np.zeros(strings, dtype=np.int32)
        self._sliced = 0
        self._characters = np.zeros(0, dtype=np.int32)
        self._flags = np.zeros(0, dtype=np.uint16)
        if learned:
            self._chunks.number(learned.pool, 0, learned.lengths.astype(np.int32))
            numbers = self._tokens.number(learned.pool, 0, learned.token_lengths.astype(np.int32))
            self._describe(0, learned.counts.astype(np.int32), numbers, 0, learned.flags)

    def _learn(self, known: int) -> None:
        """Divide the chunks from number ``known`` on by the word rules."""
        chunks, tokens = self._chunks, self._tokens
        known_tokens = tokens.count
        counts, lengths = self._divided(chunks.texts(known))
        begin = int(chunks.ends[known])
        numbers = tokens.number(chunks.pool, begin, lengths)
        flags = np.array([self._flags_of(token) for token in tokens.texts(known_tokens)], dtype=np.uint16)
        self._describe(known, counts, numbers, known_tokens, flags)

    def _divided(self, chunks: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return how many tokens each chunk has, and how many bytes each token."""
        counts: list[int] = []
        lengths: list[int] = []
        for chunk in chunks:
            tokens = self._split(chunk)
            if "".join(tokens) != chunk:
                raise AssertionError(f"the tokens of a chunk, put together, are not the chunk: {chunk!r}")
            counts.append(len(tokens))
            lengths += map(len if chunk.isascii() else _size, tokens)
        return np.array(counts, dtype=np.int32), np.array(lengths, dtype=np.int32)

    def _describe(
        self,
        known: int,
        counts: NDArray[np.int32],
        numbers: NDArray[np.int32],
        known_tokens: int,
        flags: NDArray[np.uint16],
    ) -> None:
        """Enter what is known of the chunks from number ``known`` on, and of the tokens from ``known_tokens`` on."""
        tokens = self._tokens
        self._characters = _grown(self._characters, len(tokens.firsts), known_tokens)
        self._flags = _grown(self._flags, len(tokens.firsts), known_tokens)
        self._flags[known_tokens : tokens.count] = flags
        characters_of(known_tokens, tokens.count, tokens.ends, tokens.pool, self._characters)
        self._facts = _grown(self._facts, len(self._chunks.firsts), known)
        if self._sliced + len(numbers) > len(self._slices):
            self._slices = _grown(self._slices, 3 * (self._sliced + len(numbers)) // 2, self._sliced)
        self._sliced = describe(
            known,
            counts,
            numbers,
            self._characters,
            self._flags,
            tokens.ends,
            self._facts,
            self._slices,
            self._sliced,
        )


def read_learned(path: Path) -> LearnedChunks | None:
    """Return the chunks of a file, or None where there is none that these word rules made."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        if str(file["rules"]) != RULES_OF or int(file["version"]) != LEARNED_VERSION:
            return None
        return LearnedChunks(*(file[name] for name in LearnedChunks._fields))


def write_learned(learned: LearnedChunks, path: Path) -> None:
    """Write chunks to a file, with the word rules that made them."""
    np.savez_compressed(path, rules=np.array(RULES_OF), version=np.array(LEARNED_VERSION), **learned._asdict())


@cache
def english_table() -> ChunkTable:
    """Return the table of this process for English, which begins with the common chunks of English."""
    return ChunkTable(read_learned(_LEARNED))


def divide_texts(texts: pa.Array | pa.ChunkedArray) -> ChunkedTexts:
    """Return a column of texts as chunks of English.

    The last columns a thread has asked for are remembered, so that operators that follow each other on a batch divide
    its text once.

    Args:
        texts: strings or large strings; a null counts as empty.
    """
    key = _identity(texts)
    for known, _, divided in _remembered.get(get_ident(), ()):
        if known == key:
            return divided
    data, offsets = utf8_bytes(texts)
    divided = english_table().divide(data, offsets[:-1].copy(), offsets[1:].copy())
    remember(texts, divided)
    return divided


def remember(texts: pa.Array | pa.ChunkedArray, divided: ChunkedTexts) -> None:
    """Keep the chunks of a column for whoever asks for them next in this thread."""
    mine = get_ident()
    with _remembering:
        # The column is kept with them: while it lives, no other one can have its addresses.
        recent = ((_identity(texts), texts, divided), *_remembered.pop(mine, ())[: _KEPT - 1])
        _remembered[mine] = recent
        while len(_remembered) > _THREADS:
            del _remembered[next(iter(_remembered))]


def forget_remembered() -> None:
    """Let go of the columns this thread has divided last, and of the memory of their texts."""
    with _remembering:
        _remembered.pop(get_ident(), None)


_KEPT = 2  # the text of a batch, and the same after a step has rewritten it
_THREADS = 16  # of those that divided something last; threads come and go
_remembering = Lock()
# The columns divided last, by thread; the thread that was at it last is last. Not in a ``threading.local``: that is
# emptied when the state of a thread is torn down, and a column over memory of numpy that is freed there takes the
# process with it when the thread is another library's (Daft's, whose threads enter Python for each call).
_remembered: dict[int, tuple[tuple[tuple[object, ...], pa.Array | pa.ChunkedArray, ChunkedTexts], ...]] = {}


def _identity(texts: pa.Array | pa.ChunkedArray) -> tuple[object, ...]:
    parts = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    places = [(part.offset, len(part), *((b.address, b.size) if b else None for b in part.buffers())) for part in parts]
    return str(texts.type), *places


def _slots_for(strings: int) -> int:
    """Return how many slots a table of so many strings has: a power of two, at most three quarters of it used."""
    return 1 << max(4, (4 * strings // 3).bit_length())


def _grown(array: NDArray[_Kind], length: int, used: int) -> NDArray[_Kind]:
    """Return the array if it is long enough, else a longer one with the same first ``used`` entries."""
    if len(array) >= length:
        return array
    longer = np.zeros((length, *array.shape[1:]), dtype=array.dtype)
    longer[:used] = array[:used]
    return longer


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))
