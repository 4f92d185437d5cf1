"""Byte-level tokenizers for transformers: trained on the human text at hand, or a published model's own.

``tokenizers`` and ``transformers`` come with the extra ``train`` and are imported when a tokenizer is made.
"""

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, MissingExtraError, NotEnoughData

if TYPE_CHECKING:
    import tokenizers

END_OF_TEXT = "<|end|>"
"""The token behind every text in the vocabulary of a trained tokenizer; its id is 0."""

_BYTES = 256
_FILE = "tokenizer.json"
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class Tokenizer:
    """Turns texts into one stream of token ids and back."""

    backend: "tokenizers.Tokenizer"
    name: str
    """Where it comes from, for the record beside a perplexity: a perplexity means nothing without its tokenizer."""

    @property
    def size(self) -> int:
        """Number of token ids."""
        return int(self.backend.get_vocab_size())

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the ids of all texts one after another, shape (tokens,).

        A trained tokenizer ends every text with :data:`END_OF_TEXT`; a published one marks it as it was made to (OPT
        begins every text with ``</s>``).
        """
        end = self.backend.token_to_id(END_OF_TEXT)
        stop = [] if end is None else [end]
        ids = [encoding.ids + stop for encoding in self.backend.encode_batch(list(texts))]
        return np.concatenate([np.asarray(row, np.int64) for row in ids]) if ids else np.empty(0, np.int64)

    def decode(self, ids: NDArray[np.integer]) -> str:
        """Return the text of the ids; bytes that are no complete character come out as U+FFFD."""
        return str(self.backend.decode([int(token) for token in ids], skip_special_tokens=False))

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.backend.save(str(folder / _FILE))


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Return a byte-level byte-pair encoding learnt from the texts (Sennrich et al. 2016; Radford et al. 2019).

    Any text can be encoded without an unknown word. The same texts give the same tokenizer.

    Args:
        texts: human text; what a tokenizer has seen of the test text flatters the perplexity on it.
        vocabulary: number of token ids, at least 257: the bytes and the end of a text. Texts with few distinct words
            may give fewer.

    Raises:
        ConfigError: the vocabulary is too small.
        NotEnoughData: there is no text.
        MissingExtraError: the extra ``train`` is not installed.
    """
    if vocabulary < _BYTES + 1:
        raise ConfigError([f"vocabulary = {vocabulary}: allowed are {_BYTES + 1} and more"], "the tokenizer")
    tokenizers = _package("tokenizers")
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [text for text in texts if text]
    if not texts:
        raise NotEnoughData("A tokenizer cannot be trained on no text. Give at least one document.")
    backend.train_from_iterator(texts, trainer)
    return Tokenizer(backend, f"byte-level BPE, {backend.get_vocab_size()} tokens, trained on the human text")


def load_tokenizer(source: str) -> Tokenizer:
    """Return the tokenizer of a published model, or one that was saved.

    Args:
        source: name on the Hugging Face hub, or a folder.

    Raises:
        InputError: there is none, or the hub cannot be reached.
        MissingExtraError: the extra ``train`` is not installed.
    """
    tokenizers = _package("tokenizers")
    saved = Path(source) / _FILE
    if saved.is_file():
        return Tokenizer(tokenizers.Tokenizer.from_file(str(saved)), source)
    try:
        found = _package("transformers").AutoTokenizer.from_pretrained(
            source, use_fast=True, local_files_only=not hub_answers()
        )
    except (OSError, ValueError) as error:
        raise unreachable("The tokenizer of model", source, error) from error
    return Tokenizer(found.backend_tokenizer, source)


def hub_answers() -> bool:
    """Return whether the Hugging Face hub can be reached; where it cannot, what was downloaded before still loads.

    Asked first because the hub's own client takes a minute to give up, and says so many times.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if getproxies():
        return True  # the proxy will tell
    endpoint = urlsplit(constants.ENDPOINT)
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=_PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def unreachable(what: str, source: str, error: Exception) -> InputError:
    """Return the error for something that could not be loaded from the hub or a folder."""
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).strip()
    return InputError(
        f"{what} {source!r} cannot be loaded: {reason}\n"
        "Give the folder of a downloaded model, the name of a model on a hub that can be reached from here, or none "
        '(--set model="") to build the same architecture from a configuration and train it on the human text given.'
    )


def _package(name: str) -> Any:
    """Return a package of the extra ``train``, its submodules loaded."""
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A transformer", "train") from error
