"""Keyed watermarks as evidence: the user's keys, the reader, and the same keys for writing.

Keys come from a TOML file:

    [[keys]]
    name = "support bot 2026"
    scheme = "green-list"
    key = 1234567
    seeding = "selfhash"
    context_width = 4
    gamma = 0.25
    vocabulary = 50257
    tokenizer = "tokenizer.json"

    [[keys]]
    name = "writer"
    scheme = "synthid-text"
    keys = [101, 202, 303]
    ngram_len = 5
    tokens = "token_ids"

Without a key nothing can be said about a watermark, and a text without one is not thereby human: the reader speaks only
where it finds one. A p-value is corrected for every test made on the document (Bonferroni over keys, and within a key
over the shares or scores tried), not for the number of documents: over n unmarked documents it is wrong n times
``level`` times, in expectation, so a large corpus calls for a smaller level.
"""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from headwater.errors import ConfigError, MissingExtraError, did_you_mean
from headwater.origin.evidence import Evidence, Status
from headwater.origin.marks.green_list import GreenListKey, GreenListTest, green_list_tests, tried_gammas
from headwater.origin.marks.synthid import SCORES, SynthIdKey, SynthIdTest, synthid_tests
from headwater.schema import EvidenceKind, Origin

WatermarkKey = Annotated[GreenListKey | SynthIdKey, Field(discriminator="scheme")]
"""A key of either scheme."""

LEVEL = 3.167e-5
"""Corrected p-value from which a watermark counts as found: the normal tail beyond z = 4, the example threshold of
Kirchenbauer et al. 2023."""

LONGEST = 200_000
"""Characters of a text that are turned into tokens; of longer ones, the first so many."""

# Below this distance from the expectation no p-value can come near any level that is allowed.
_LEAST_Z = 2.0
_MOST_LEVEL = 0.001

_KEY: TypeAdapter[GreenListKey | SynthIdKey] = TypeAdapter(WatermarkKey)


def load_keys(path: Path) -> tuple[GreenListKey | SynthIdKey, ...]:
    """Return the keys of a TOML file; a relative path of a tokenizer starts at the file's folder.

    Raises:
        ConfigError: the file cannot be read, or entries are wrong; every fault is named, no key is shown.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror}"], str(path)) from None
    except UnicodeDecodeError:
        raise ConfigError(["not valid TOML: it is no UTF-8"], str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"not valid TOML: {error}"], str(path)) from None
    entries = values.pop("keys", None)
    faults = [f"{name}: unknown key. Known: keys.{did_you_mean(name, ['keys'])}" for name in values]
    if not isinstance(entries, list) or not entries:
        raise ConfigError([*faults, "keys: at least one table [[keys]] is needed"], str(path))
    keys: list[GreenListKey | SynthIdKey] = []
    names: set[str] = set()
    for number, entry in enumerate(entries, 1):
        name = entry.get("name") if isinstance(entry, dict) else None
        place = f"keys {number}" + (f" ({name})" if isinstance(name, str) else "")
        try:
            key = _KEY.validate_python(entry)
        except ValidationError as error:
            faults += [_fault(place, fault) for fault in error.errors(include_input=False, include_url=False)]
            continue
        if key.tokenizer is not None:
            tokenizer = path.parent / key.tokenizer
            key = key.model_copy(update={"tokenizer": tokenizer})
            if not tokenizer.is_file():
                faults.append(f"{place}.tokenizer: there is no file {tokenizer}")
        if key.name in names:
            faults.append(f"{place}.name: another key has this name; names tell findings apart")
        names.add(key.name)
        keys.append(key)
    if faults:
        raise ConfigError(faults, str(path))
    return tuple(keys)


def watermarking_config(key: GreenListKey | SynthIdKey) -> Any:
    """Return the settings with which ``transformers`` marks what it generates, so that the key finds it again.

    Pass the value as ``watermarking_config`` of ``model.generate``.

    Raises:
        ConfigError: transformers does not write this seeding.
        MissingExtraError: transformers is not installed.
    """
    try:
        from transformers import SynthIDTextWatermarkingConfig, WatermarkingConfig
    except ImportError as error:
        raise MissingExtraError("writing watermarks", "train") from error
    if isinstance(key, SynthIdKey):
        return SynthIDTextWatermarkingConfig(
            ngram_len=key.ngram_len,
            keys=[part.get_secret_value() for part in key.keys],
            context_history_size=key.context_history_size,
            sampling_table_seed=key.sampling_table_seed,
            sampling_table_size=key.sampling_table_size,
        )
    if key.seeding not in {"lefthash", "selfhash"}:
        raise ConfigError(
            [f"seeding {key.seeding!r} is not written by transformers. Allowed: lefthash, selfhash."], f"key {key.name}"
        )
    return WatermarkingConfig(
        greenlist_ratio=key.gamma,
        bias=key.bias,
        hashing_key=key.key.get_secret_value(),
        seeding_scheme=key.seeding,
        context_width=key.context_width,
    )


class WatermarkReader:
    """Looks for the watermarks of the user's keys; an :class:`headwater.origin.evidence.EvidenceReader`."""

    def __init__(self, keys: Sequence[GreenListKey | SynthIdKey], level: float = LEVEL) -> None:
        """Load the tokenizers.

        Args:
            keys: the keys, with different names.
            level: corrected p-value of a document from which its watermark counts as found, at most 0.001.

        Raises:
            ConfigError: a tokenizer cannot be read or does not fit the key's vocabulary, a device is not there, or the
                level is out of range; all at once.
            MissingExtraError: a key needs a package that is not installed.
        """
        faults = [] if 0 < level <= _MOST_LEVEL else [f"level {level} must be above 0 and at most {_MOST_LEVEL}"]
        self._keys = tuple(keys)
        self._level = level
        self._tests = sum(len(tried_gammas(key)) if isinstance(key, GreenListKey) else len(SCORES) for key in keys)
        self._tokenizers: dict[Path, Any] = {}
        for key in self._keys:
            if key.tokenizer is not None and key.tokenizer not in self._tokenizers:
                try:
                    self._tokenizers[key.tokenizer] = _load_tokenizer(key.tokenizer)
                except ValueError as error:
                    faults.append(f"key {key.name}: tokenizer {key.tokenizer} cannot be used: {error}")
            faults += _key_faults(key, self._tokenizers)
        if faults:
            raise ConfigError(faults, "watermark keys")

    def read(self, documents: pa.RecordBatch) -> Iterator[tuple[int, Evidence]]:
        """Yield (row, evidence) for each document and key whose watermark is there.

        Token ids that cannot be read give evidence with status ``damaged``; the text is tokenised in their place where
        the key names a tokenizer.
        """
        texts = documents["text"].to_pylist()
        meta = documents["meta"].to_pylist()
        found: list[tuple[int, Evidence]] = []
        tokenised: dict[Path, list[NDArray[np.int64]]] = {}
        for key in self._keys:
            if key.tokenizer is not None and key.tokenizer not in tokenised:
                tokenised[key.tokenizer] = _tokenise(texts, self._tokenizers[key.tokenizer])
            from_text = tokenised[key.tokenizer] if key.tokenizer is not None else [_NO_TOKENS] * len(texts)
            carried = [_carried(one, key) for one in meta] if key.tokens is not None else [None] * len(texts)
            tokens = [text if own is None or own is _BAD else own for own, text in zip(carried, from_text, strict=True)]
            found += [(row, _damaged(key)) for row, own in enumerate(carried) if own is _BAD]
            if isinstance(key, GreenListKey):
                found += self._green_lists(tokens, key)
            else:
                found += self._synthids(tokens, key)
        yield from sorted(found, key=lambda one: one[0])

    def _green_lists(self, tokens: list[NDArray[np.int64]], key: GreenListKey) -> Iterator[tuple[int, Evidence]]:
        for row, tests in enumerate(green_list_tests(tokens, key)):
            if tests is not None:
                best = min(tests, key=lambda test: test.p_value)
                yield from self._evidence(row, key, best.p_value, _green_words(best, key))

    def _synthids(self, tokens: list[NDArray[np.int64]], key: SynthIdKey) -> Iterator[tuple[int, Evidence]]:
        for row, one in enumerate(tokens):
            tests = synthid_tests(one, key, _LEAST_Z)
            if tests is not None:
                best = min(tests, key=lambda test: test.p_value)
                yield from self._evidence(row, key, best.p_value, _synthid_words(best))

    def _evidence(
        self, row: int, key: GreenListKey | SynthIdKey, p_value: float, words: str
    ) -> Iterator[tuple[int, Evidence]]:
        corrected = min(1.0, p_value * self._tests)
        if corrected <= self._level:
            detail = f"watermark of key {key.name!r}: {words}; p = {corrected:.2g} corrected for {self._tests} tests"
            yield row, Evidence(EvidenceKind.WATERMARK, Origin.MACHINE, detail, Status.VERIFIED, corrected)


_NO_TOKENS = np.zeros(0, dtype=np.int64)
_BAD = np.zeros(0, dtype=np.int64)


def _green_words(test: GreenListTest, key: GreenListKey) -> str:
    words = (
        f"{test.green} of {test.tested} distinct {key.seeding} n-grams are green at gamma {test.gamma:g}, "
        f"z = {test.z:.1f}, {test.repeated} repeated ones left out"
    )
    if test.gamma != key.gamma:
        words += f"; it fits gamma {test.gamma:g} better than the {key.gamma:g} of the key file: check the generator"
    return words


def _synthid_words(test: SynthIdTest) -> str:
    return (
        f"{test.score} g-value {test.value:.3f} over {test.tested} tokens, expected {test.expected:.3f}, "
        f"z = {test.z:.1f}, {test.repeated} tokens in repeated contexts left out"
    )


def _damaged(key: GreenListKey | SynthIdKey) -> Evidence:
    allowed = f"0 to {key.vocabulary - 1}" if isinstance(key, GreenListKey) else "0 or more"
    detail = f"column {key.tokens!r} holds no list of token ids of key {key.name!r}: whole numbers, {allowed}"
    return Evidence(EvidenceKind.WATERMARK, Origin.UNKNOWN, detail, Status.DAMAGED)


def _carried(meta: str | None, key: GreenListKey | SynthIdKey) -> NDArray[np.int64] | None:
    """Return the token ids a document carries; None where it carries none, ``_BAD`` where they cannot be used."""
    if not meta or json.dumps(key.tokens, ensure_ascii=False) not in meta:
        return None
    try:
        values = json.loads(meta)
    except (ValueError, RecursionError):
        return _BAD
    if not isinstance(values, dict) or values.get(key.tokens) is None:
        return None
    listed = values[key.tokens]
    most = key.vocabulary if isinstance(key, GreenListKey) else 2**63
    if not isinstance(listed, list) or not all(type(one) is int and 0 <= one < most for one in listed):
        return _BAD
    return np.array(listed, dtype=np.int64)


def _tokenise(texts: Sequence[str | None], tokenizer: Any) -> list[NDArray[np.int64]]:
    parts = tokenizer.encode_batch([(text or "")[:LONGEST] for text in texts], add_special_tokens=False)
    return [np.array(part.ids, dtype=np.int64) for part in parts]


def _load_tokenizer(path: Path) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError("reading watermarks in text", "train") from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises plain exceptions
        raise ValueError(str(error)) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _key_faults(key: GreenListKey | SynthIdKey, tokenizers: Mapping[Path, Any]) -> list[str]:
    faults = []
    tokenizer = None if key.tokenizer is None else tokenizers.get(key.tokenizer)
    if isinstance(key, GreenListKey) and tokenizer is not None:
        largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)
        if largest >= key.vocabulary:
            faults.append(
                f"key {key.name}: vocabulary {key.vocabulary} is too small for its tokenizer, whose ids go up to"
                f" {largest}. Take vocab_size of the model's config."
            )
    if key.device != "cpu":
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError(f"reading watermarks written on {key.device}", "train") from error
        if not torch.cuda.is_available():
            faults.append(f"key {key.name}: device {key.device!r} is not there, and only on it are its lists the same")
    return faults


def _fault(place: str, fault: Mapping[str, Any]) -> str:
    # Of a discriminated union the first part of the location is the scheme.
    path = [str(part) for part in fault["loc"] if part not in {"green-list", "synthid-text"}]
    where = ".".join([place, *path])
    if fault["type"] == "extra_forbidden":
        scheme = SynthIdKey if "synthid-text" in fault["loc"] else GreenListKey
        known = [*scheme.model_fields]
        return f"{where}: unknown key. Known: {', '.join(known)}.{did_you_mean(path[-1], known)}"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"
