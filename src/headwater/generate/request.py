"""What is asked of a generator and what it answers."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum


class Finish(StrEnum):
    """How an answer came to its end. The list is closed and its values are stable."""

    STOP = "stop"
    """The model ended it."""
    LENGTH = "length"
    """It reached the most tokens allowed."""
    FILTERED = "content_filter"
    """The endpoint withheld it."""
    CUT = "cut"
    """The connection ended in the middle, on every attempt."""
    MALFORMED = "malformed"
    """The endpoint sent something that is no answer, on every attempt."""
    NONE = "none"
    """The generator has no text for this request."""
    UNKNOWN = "unknown"
    """The generator did not say."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for one document."""

    key: str
    """32 hexadecimal digits: digest of the generator and everything that is sent; also the idempotency key."""
    prompt: str
    """The prompt, or the beginning of a text that is to be gone on with."""
    system: str
    """Instructions before the prompt; empty: none."""
    instructions: str
    """Prompt and system without what comes from the parents: what an answer must not repeat."""
    seed: int
    """Decides sampling where the generator lets one decide, 0 to 2^31 - 1."""
    max_tokens: int
    """Most tokens of the answer."""
    parents: tuple[str, ...] = ()
    """Ids of the documents the prompt was made from."""
    texts: tuple[str, ...] = ()
    """Their texts."""
    group: str = ""
    """Unit of independence of the first parent; empty: none."""
    generation: int = 1
    """Generation of the answer: the largest of the parents' plus 1."""
    style: str = ""
    """Name of the prompt among the recipe's styles; empty: it has one prompt."""
    sample: int = 0
    """Number among the answers wanted for the same prompt, from 0."""
    row: int = 0
    """Number among all requests of a run, from 0: the order of the output."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a generator answered to one request."""

    key: str
    """Key of the request."""
    text: str
    """The text, as it came."""
    finish: Finish
    """How it ended."""
    prompt_tokens: int | None = None
    """Tokens of the prompt as the generator counted them; None: it did not."""
    completion_tokens: int | None = None
    """Tokens of the answer as the generator counted them; None: it did not."""
    model: str = ""
    """Model as the generator named it."""
    attempts: int = 1
    """Times it was asked."""
    seconds: float = 0.0
    """Time the last attempt took."""
    error: str = ""
    """Why there is no answer and a later run may ask again; empty: there is one."""


def request_key(*parts: object) -> str:
    """Return 32 hexadecimal digits that name what is sent, whoever sends it: 128 bits of BLAKE2b."""
    packed = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.blake2b(packed.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def request_seed(*parts: object) -> int:
    """Return a seed that follows from what is sent, 0 to 2^31 - 1, so that no answer depends on its neighbours."""
    return int(request_key("seed", *parts)[:8], 16) & 0x7FFFFFFF
