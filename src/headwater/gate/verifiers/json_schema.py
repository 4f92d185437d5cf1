"""JSON in a document against a schema."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import ConfigError
from headwater.gate.verifiers.texts import fenced
from headwater.schema import Reason, Stage

_MOST_BYTES = 1 << 20
_MOST_DEPTH = 100


@dataclass(frozen=True)
class JsonSchema:
    """Fails documents whose JSON is missing, broken or not of the schema.

    The JSON is the document's last fenced block of JSON, or else the whole text.
    """

    schema: dict[str, Any] = field(hash=False)
    reason: Reason = Reason.SCHEMA_VIOLATED
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    @classmethod
    def of(cls, path: Path) -> "JsonSchema":
        """Return the check for the schema in a file; references to other files or addresses are refused.

        Raises:
            ConfigError: the file cannot be read, or is no schema.
        """
        try:
            schema = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError([f"{path} is no JSON schema that can be read: {error}"], "a verifier") from error
        check = cls(schema)
        _ = check._validator  # a wrong schema is said before any document is looked at
        return check

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return 0 for JSON of the schema, else 1."""
        return np.array([not self.holds(text) for text in documents["text"].to_pylist()], np.float64)

    def holds(self, text: str) -> bool:
        """Return whether the JSON of a text is of the schema."""
        blocks = fenced(text, "json", "jsonc", "")
        chosen = (blocks[-1] if blocks else text).strip()
        if len(chosen.encode("utf-8", "surrogatepass")) > _MOST_BYTES or _depth(chosen) > _MOST_DEPTH:
            return False
        try:
            value = json.loads(chosen, parse_constant=_refused)
        except ValueError:
            return False
        return bool(self._validator.is_valid(value))

    @cached_property
    def _validator(self) -> Any:
        import jsonschema
        from referencing import Registry

        try:
            kind = jsonschema.validators.validator_for(self.schema)
            kind.check_schema(self.schema)
        except jsonschema.SchemaError as error:
            raise ConfigError([f"not a JSON schema: {error.message}"], "a verifier") from error
        for reference in _references(self.schema):
            if not reference.startswith("#"):
                fault = f"the schema refers to {reference!r}; only references within the file (#/…) are followed"
                raise ConfigError([fault], "a verifier")
        return kind(self.schema, registry=Registry())


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [one for key, one in value.items() if key in {"$ref", "$dynamicRef"} and isinstance(one, str)]
        return own + [one for part in value.values() for one in _references(part)]
    return [one for part in value for one in _references(part)] if isinstance(value, list) else []


def _depth(text: str) -> int:
    """Return how deep brackets are nested, those inside of strings included: an upper bound."""
    depth = most = 0
    for character in text:
        if character in "[{":
            depth += 1
            most = max(most, depth)
        elif character in "]}":
            depth -= 1
    return most


def _refused(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
