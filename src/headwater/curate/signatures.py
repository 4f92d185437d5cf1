"""What duplicates are found by: the hash of a document and the bands and sketch of its MinHash values."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.curate.columns import measure_field, with_columns
from headwater.errors import ConfigError
from headwater.text.signatures import Minima, band_keys, minhash, sketches, text_hashes
from headwater.text.signatures_datatrove import HashFunction, datatrove_minhash

_MODES = ("fast", "datatrove")


@dataclass(frozen=True, slots=True)
class Signatures:
    """Gives each document the signatures by which ``resolve_duplicates`` finds its copies.

    Two documents of similarity s (Jaccard index of their sequences of ``shingle`` words) share one of the bands with
    probability 1 - (1 - s^rows)^bands: with 14 x 8, those of the published corpora, half do at s = 0.68. Words are
    compared in lower case, without punctuation and diacritics, numbers as one (``headwater.text.normal_forms``).

    A document of fewer than ``shingle`` words has no bands: only its exact copies are found. Languages written without
    spaces have few words that way, and Chinese paragraphs without punctuation none.
    """

    shingle: int = 5
    """Words of a sequence; fewer make more documents alike."""
    bands: int = 14
    """Bands of values; more find more pairs of less similarity."""
    rows: int = 8
    """Values of a band; more make pairs of low similarity rarer."""
    seed: int = 1
    """Chooses the hash functions. Signatures of different seeds have nothing in common."""
    mode: Literal["fast", "datatrove"] = "fast"
    """``datatrove``: values bit-identical to those of datatrove 0.10.1, for half the speed. Its clusters are then found
    too, where the same documents are compared and large clusters are not verified. Words are the same in both."""
    hash_function: HashFunction = "xxhash"
    """In mode ``datatrove``: the hash of a word sequence."""
    bits: Literal[64, 32] = 64
    """In mode ``datatrove``: of a hash and a value."""
    normalised: bool = False
    """Take documents as exact copies whose words are equal after normalising, not only those of equal bytes."""

    name: ClassVar[str] = "signatures"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        limits = {"shingle": (1, 64), "bands": (1, 256), "rows": (1, 64), "seed": (0, 2**32 - 1)}
        faults = [
            f"{name} = {getattr(self, name)}: allowed are {low} to {high}"
            for name, (low, high) in limits.items()
            if not low <= getattr(self, name) <= high
        ]
        for name, allowed in (("mode", _MODES), ("hash_function", ("xxhash", "sha1")), ("bits", (64, 32))):
            if getattr(self, name) not in allowed:
                faults.append(f"{name} = {getattr(self, name)!r}: allowed are {' and '.join(map(repr, allowed))}")
        if faults:
            raise ConfigError(faults, "Signatures")

    @property
    def adds(self) -> pa.Schema:
        """Hash of the text, number of word sequences, band keys and sketch."""
        what = "the text in normal form" if self.normalised else "the text"
        none = "null where the document has no word sequence"
        return pa.schema(
            [
                measure_field("text_hash", pa.binary(16), f"128-bit hash of {what}: equal texts have equal hashes"),
                measure_field("shingles", pa.int64(), f"sequences of {self.shingle} words", unit="sequences"),
                measure_field(
                    "bands",
                    pa.binary(8 * self.bands),
                    f"{self.bands} keys of 8 bytes, each a hash of {self.rows} MinHash values; {none}",
                ),
                measure_field(
                    "sketch",
                    pa.binary(self.bands * self.rows),
                    f"a byte of each MinHash value: the share of equal ones tells the similarity; {none}",
                ),
            ]
        )

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signatures of each text."""
        minima = self._minima(batch["text"])
        hashes = text_hashes(batch["text"])
        if self.normalised:
            # Texts without words would all be copies of each other.
            hashes = np.where(minima.words[:, None] > 0, minima.words_hash, hashes)
        return with_columns(batch, self.adds, [_binary(hashes), pa.array(minima.shingles), *self._near(minima)])

    def _minima(self, texts: pa.Array) -> Minima:
        permutations = self.bands * self.rows
        if self.mode == "fast":
            return minhash(texts, shingle=self.shingle, permutations=permutations, seed=self.seed)
        return datatrove_minhash(
            texts,
            shingle=self.shingle,
            permutations=permutations,
            seed=self.seed,
            hash_function=self.hash_function,
            bits=self.bits,
        )

    def _near(self, minima: Minima) -> tuple[pa.Array, pa.Array]:
        valid = minima.shingles > 0
        return _binary(band_keys(minima, self.bands), valid), _binary(sketches(minima), valid)


def _binary(rows: NDArray[np.generic], valid: NDArray[np.bool_] | None = None) -> pa.Array:
    """Return the bytes of each row of a matrix as one binary value, null where it is not valid."""
    mask = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    kind = pa.binary(rows.shape[1] * rows.itemsize)
    return pa.Array.from_buffers(kind, len(rows), [mask, pa.py_buffer(np.ascontiguousarray(rows))])
