"""Tokens of each document, counted with a tokenizer in a file."""

from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.curate.columns import measure_field, with_columns
from headwater.curate.token_files import SPLITS, TokenCounter, load_counter
from headwater.errors import ConfigError, InputError, did_you_mean
from headwater.text.piece_counts import PieceCounts
from headwater.text.utf8 import utf8_bytes

_CONVERT = (
    'python -c "from transformers import AutoTokenizer; '
    "AutoTokenizer.from_pretrained('FOLDER').backend_tokenizer.save('tokenizer.json')\""
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Counts the tokens of each document, without special tokens at its ends.

    The tokenizer is a file: ``tokenizer.json`` of the library tokenizers, or a rank file of tiktoken (``.tiktoken``).
    Byte-level encodings that cut text as GPT-2, cl100k, o200k, Llama 3 or Qwen 2 do are asked about each piece of text
    once, since most pieces were met before (:mod:`headwater.text.piece_counts`); the counts are the same. With any
    other tokenizer counting is the slowest step of a curation.
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
        _loaded(self.file, self.split, self.digest)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the number of tokens of each text.

        Raises:
            InputError: the file is no tokenizer, or another one than when the work began.
            MissingExtraError: the extra ``tokens`` is not installed.
        """
        counter, pieces = _loaded(self.file, self.split, self.digest)
        text = batch["text"]
        if pieces is None:
            totals = _whole(counter, text)
        else:
            totals = pieces.count(*utf8_bytes(text))
            whole = (totals < 0) | _uncut(counter, text)
            if whole.any():
                totals[whole] = _whole(counter, text.filter(pa.array(whole)))
        return with_columns(batch, self.adds, [pa.array(totals, pa.int32())])


@cache
def _loaded(file: str, split: str, digest: str) -> tuple[TokenCounter, PieceCounts | None]:
    """Return what counts tokens, and what counts them piece by piece where that is possible, once in each process."""
    counter = load_counter(file, split, digest)
    if counter.cut is None:
        return counter, None
    return counter, PieceCounts(counter.cut, lambda pieces: counter.count(pieces).tolist())


def _whole(counter: TokenCounter, texts: pa.Array) -> NDArray[np.int32]:
    return counter.count([text or "" for text in texts.to_pylist()])


def _uncut(counter: TokenCounter, texts: pa.Array) -> NDArray[np.bool_]:
    """Return which texts must be counted whole."""
    whole = np.zeros(len(texts), dtype=np.bool_)
    if counter.whole:
        found = pc.match_substring_regex(texts, pattern=counter.whole)
        whole |= pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    if counter.composes:
        changed = pc.not_equal(texts, pc.utf8_normalize(texts, form="NFC"))
        whole |= pc.fill_null(changed, False).to_numpy(zero_copy_only=False)
    return whole
