"""Tokens of each document, counted with a tokenizer in a file."""

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.curate.columns import measure_field, with_columns
from headwater.errors import ConfigError, InputError, MissingExtraError, did_you_mean

Count = Callable[[list[str]], NDArray[np.int32]]

SPLITS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'[sdmt]|'ll|'ve|'re)?|"
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'[sdmt]|'ll|'ve|'re)?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}
"""How published byte-pair encodings cut text before they merge bytes; a rank file does not say how it was made."""

_RANKS = {"gpt2": 50_256, "cl100k": 100_256, "o200k": 199_998}  # of the published rank files
_CONVERT = (
    'python -c "from transformers import AutoTokenizer; '
    "AutoTokenizer.from_pretrained('FOLDER').backend_tokenizer.save('tokenizer.json')\""
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Counts the tokens of each document, without special tokens at its ends.

    The tokenizer is a file: ``tokenizer.json`` of the library tokenizers, or a rank file of tiktoken (``.tiktoken``).
    Counting is the slowest step of a curation and uses one core per process; filters first, so that fewer documents
    are left, is faster.
    """

    file: str
    """Path of the tokenizer."""
    split: str = ""
    """For rank files: how text is cut (``gpt2``, ``cl100k``, ``o200k``); empty: as the published file of that size."""
    digest: str = field(init=False, default="")
    """Of the file, so that another tokenizer is another operator."""

    name = "tokens"
    version = 1

    def __post_init__(self) -> None:
        path = Path(self.file)
        faults = []
        if self.split and self.split not in SPLITS:
            faults.append(f"split = {self.split!r}: allowed are {', '.join(SPLITS)}.{did_you_mean(self.split, SPLITS)}")
        if path.suffix not in {".json", ".tiktoken", ".model"}:
            faults.append(f"file = {self.file!r}: allowed are tokenizer.json and files ending in .tiktoken")
        if path.suffix == ".model":
            faults.append(
                f"file = {self.file!r}: models of SentencePiece are not read. Convert it once with the folder it came "
                f"in: {_CONVERT}"
            )
        if self.split and path.suffix == ".json":
            faults.append(f"split = {self.split!r}: {path.name} says itself how text is cut; leave it out")
        if faults:
            raise ConfigError(faults, "Tokens")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"The tokenizer {self.file} cannot be read: {error.strerror or error}.") from error
        object.__setattr__(self, "digest", blake2b(content, digest_size=8).hexdigest())

    @property
    def adds(self) -> pa.Schema:
        """The number of tokens."""
        return pa.schema(
            [measure_field("tokens", pa.int32(), f"tokens of the text under {Path(self.file).name} ({self.digest})")]
        )

    def check(self) -> None:
        """Raise if the tokenizer cannot be used; loads it in this process.

        Raises:
            InputError: the file is no tokenizer.
            MissingExtraError: the extra ``tokens`` is not installed.
        """
        _counter(self.file, self.split, self.digest)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the number of tokens of each text.

        Raises:
            InputError: the file is no tokenizer, or another one than when the work began.
            MissingExtraError: the extra ``tokens`` is not installed.
        """
        count = _counter(self.file, self.split, self.digest)
        texts = [text or "" for text in batch["text"].to_pylist()]
        return with_columns(batch, self.adds, [pa.array(count(texts), pa.int32())])


@cache
def _counter(file: str, split: str, digest: str) -> Count:
    """Return what counts tokens, loaded once in each process."""
    path = Path(file)
    needed = "tokenizers" if path.suffix == ".json" else "tiktoken"
    if find_spec(needed) is None:
        raise MissingExtraError("Counting tokens", "tokens")
    content = path.read_bytes()
    if blake2b(content, digest_size=8).hexdigest() != digest:
        raise InputError(f"The tokenizer {file} was changed since the work began; begin anew.")
    return _of_json(content, file) if path.suffix == ".json" else _of_ranks(content, file, split)


def _of_json(content: bytes, file: str) -> Count:
    import tokenizers

    # One core per process: processes are how work is spread here.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        tokenizer = tokenizers.Tokenizer.from_buffer(content)
    except ValueError as error:
        raise InputError(
            f"{file} is no tokenizer of the library tokenizers: {error}. Give the tokenizer.json of a model."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: list[str]) -> NDArray[np.int32]:
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return np.fromiter(map(len, encodings), dtype=np.int32, count=len(texts))

    return count


def _of_ranks(content: bytes, file: str, split: str) -> Count:
    import tiktoken

    ranks = _ranks(content, file)
    if not split:
        split = next((name for name, size in _RANKS.items() if size == len(ranks)), "")
        if not split:
            raise InputError(
                f"{file} has {len(ranks):,} ranks, which no published file has, so it must be said how text is cut: "
                f"split is one of {', '.join(SPLITS)}."
            )
    encoding = tiktoken.Encoding(file, pat_str=SPLITS[split], mergeable_ranks=ranks, special_tokens={})

    def count(texts: list[str]) -> NDArray[np.int32]:
        return np.fromiter((len(encoding.encode_ordinary(text)) for text in texts), dtype=np.int32, count=len(texts))

    return count


def _ranks(content: bytes, file: str) -> dict[bytes, int]:
    """Return the ranks of a file that has a token in base64 and its rank on each line."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise InputError(
                f"{file}, line {number}: {line[:60].decode(errors='replace')!r} is no token in base64 and its rank."
            ) from error
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise InputError(
            f"{file}: {len(missing)} of the 256 bytes have no rank, so not every text can be encoded. Is it complete?"
        )
    return ranks
