"""Tokenizers in files: read, asked for counts, and told apart by how they cut text."""

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.errors import InputError, MissingExtraError
from headwater.text.pieces import Cut

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_LEAD, _HIGH, _LOW = r"[^\r\n\p{L}\p{N}]?", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_SIGNS_AND_SLASHES = r" ?[^\s\p{L}\p{N}]+[\r\n/]*"
_NUMBER = r"\p{N}"
_WHITE = r"\s*[\r\n]+|\s+(?!\S)|\s+"

SPLITS = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": f"{_CONTRACTIONS}|{_WORD}|{_NUMBER}{{1,3}}|{_SIGNS}|{_WHITE}",
    "o200k": "|".join((
        f"{_LEAD}{_HIGH}*{_LOW}+{_CONTRACTIONS}?", f"{_LEAD}{_HIGH}+{_LOW}*{_CONTRACTIONS}?", f"{_NUMBER}{{1,3}}",
        _SIGNS_AND_SLASHES, _WHITE,
    )),
}  # fmt: skip
"""How published byte-pair encodings cut text before they merge bytes; a rank file does not say how it was made."""

_CUTS: Mapping[str, Cut] = {
    SPLITS["gpt2"]: Cut.GPT2,
    SPLITS["cl100k"]: Cut.CL100K,
    SPLITS["o200k"]: Cut.O200K,
    f"{_CONTRACTIONS}|{_WORD}|{_NUMBER}|{_SIGNS}|{_WHITE}": Cut.DIGITS,
}
_RANKS = {"gpt2": 50_256, "cl100k": 100_256, "o200k": 199_998}  # of the published rank files


@dataclass(frozen=True, slots=True, eq=False)
class TokenCounter:
    """A tokenizer that is asked for nothing but counts."""

    count: Callable[[list[str]], NDArray[np.int32]]
    """Returns the tokens of each text, without special ones at its ends."""
    cut: Cut | None = None
    """How it cuts text into pieces that do not depend on each other, if that is one of the ways known here."""
    whole: str = ""
    """A regular expression (RE2) of strings that are tokens wherever they stand, so that a text with one cannot be cut;
    empty: there are none."""
    composes: bool = False
    """Whether it brings text into normal form C first."""


def load_counter(file: str, split: str, digest: str) -> TokenCounter:
    """Return the tokenizer in a file.

    Args:
        file: ``tokenizer.json`` or a rank file ending in ``.tiktoken``.
        split: for rank files, how text is cut; empty: as the published file of that size.
        digest: of the file as it was when the work began.

    Raises:
        InputError: the file is no tokenizer, or was changed.
        MissingExtraError: the extra ``tokens`` is not installed.
    """
    path = Path(file)
    if find_spec("tokenizers" if path.suffix == ".json" else "tiktoken") is None:
        raise MissingExtraError("Counting tokens", "tokens")
    content = path.read_bytes()
    if blake2b(content, digest_size=8).hexdigest() != digest:
        raise InputError(f"The tokenizer {file} was changed since the work began; begin anew.")
    return _of_json(content, file) if path.suffix == ".json" else _of_ranks(content, file, split)


def _of_json(content: bytes, file: str) -> TokenCounter:
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

    settings = json.loads(content)
    normalizer = (settings.get("normalizer") or {}).get("type", "")
    added = [token["content"] for token in settings.get("added_tokens") or ()]
    return TokenCounter(
        count,
        cut=_cut_of(settings.get("pre_tokenizer") or {}) if normalizer in {"", "NFC"} else None,
        whole="|".join(map(re.escape, added)),
        composes=normalizer == "NFC",
    )


def _cut_of(settings: Mapping[str, Any]) -> Cut | None:
    """Return how a pre-tokenizer cuts text, if it is known here."""
    parts = settings.get("pretokenizers") if settings.get("type") == "Sequence" else [settings]
    if not parts or parts[-1].get("type") != "ByteLevel" or parts[-1].get("add_prefix_space"):
        return None
    if len(parts) == 1:
        return Cut.GPT2 if parts[0].get("use_regex", True) else None
    split = parts[0]
    # Both forms give back all of the text: the patterns leave nothing out.
    form = (split.get("type"), split.get("behavior"), bool(split.get("invert")))
    if len(parts) != 2 or form not in {("Split", "Isolated", False), ("Split", "Removed", True)}:
        return None
    return None if parts[-1].get("use_regex", True) else _CUTS.get((split.get("pattern") or {}).get("Regex", ""))


def _of_ranks(content: bytes, file: str, split: str) -> TokenCounter:
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

    return TokenCounter(count, _CUTS[SPLITS[split]])


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
