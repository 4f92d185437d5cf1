"""Verifiers as they are written down: one table each, in ``headwater.toml`` or in a recipe file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from headwater.errors import ConfigError
from headwater.gate.checks import Check
from headwater.gate.verifiers.arithmetic import Arithmetic
from headwater.gate.verifiers.code import UnitTests
from headwater.gate.verifiers.exact import ExactAnswer
from headwater.gate.verifiers.fidelity import Fidelity
from headwater.gate.verifiers.function import OwnCheck
from headwater.gate.verifiers.json_schema import JsonSchema
from headwater.gate.verifiers.judge import Ask, Judged
from headwater.gate.verifiers.sandbox import Limits, Sandbox

Share = Annotated[float, Field(ge=0, le=1)]


class _Verifier(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExactSettings(_Verifier):
    """The answer against the expected one."""

    kind: Literal["exact"]
    expected: str = "answer"
    tolerance: Annotated[float, Field(ge=0)] = 0.0


class ArithmeticSettings(_Verifier):
    """Calculations, done again."""

    kind: Literal["arithmetic"]


class JsonSettings(_Verifier):
    """JSON against a schema."""

    kind: Literal["json_schema"]
    schema_file: str


class CodeSettings(_Verifier):
    """Programs against unit tests."""

    kind: Literal["code"]
    tests: str | None = None
    column: str = "tests"
    packages: bool = False
    seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    memory_mb: Annotated[int, Field(ge=64)] = 512
    disk_mb: Annotated[int, Field(ge=1, le=1024)] = 16
    processes: Annotated[int, Field(ge=1, le=256)] = 8
    workers: Annotated[int, Field(ge=1, le=256)] = 2


class FidelitySettings(_Verifier):
    """Numbers and names of the parents."""

    kind: Literal["fidelity"]
    kept: Share = 0.3
    made_up: Share = 0.5


class JudgeSettings(_Verifier):
    """A language model's verdict."""

    kind: Literal["judge"]
    question: Annotated[str, Field(min_length=1)]
    votes: Annotated[int, Field(ge=1, le=99)] = 1


class FunctionSettings(_Verifier):
    """The user's own function."""

    kind: Literal["function"]
    function: str
    threshold: float = 0.0


AnyVerifier = Annotated[
    ExactSettings
    | ArithmeticSettings
    | JsonSettings
    | CodeSettings
    | FidelitySettings
    | JudgeSettings
    | FunctionSettings,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(tuple[AnyVerifier, ...])


def verifiers_of(
    tables: Sequence[Mapping[str, Any]],
    *,
    parents: Mapping[str, str],
    ask: Ask | None = None,
    folder: Path = Path(),
    where: str = "the verifiers",
) -> tuple[Check, ...]:
    """Return the checks that some tables of settings describe, in their order.

    Args:
        tables: one table per verifier; ``kind`` says which.
        parents: text of the documents that others are made from, by id.
        ask: how a judge reaches a language model.
        folder: where relative file names start.
        where: what the settings are part of, for messages.

    Raises:
        ConfigError: settings are wrong (every fault is named), a file cannot be read, or a judge has nobody to ask.
        SandboxUnavailableError: programs are to be run, and the system offers no isolation.
    """
    try:
        found = _ADAPTER.validate_python(tuple(dict(table) for table in tables))
    except ValidationError as error:
        faults = [
            f"verifier {int(fault['loc'][0]) + 1}, {'.'.join(map(str, fault['loc'][1:])) or 'kind'}: {fault['msg']}"
            for fault in error.errors()
        ]
        raise ConfigError(faults, where) from None
    return tuple(_check(one, parents, ask, folder, where) for one in found)


def _check(one: Any, parents: Mapping[str, str], ask: Ask | None, folder: Path, where: str) -> Check:
    match one:
        case ExactSettings():
            return ExactAnswer(one.expected, one.tolerance)
        case ArithmeticSettings():
            return Arithmetic()
        case JsonSettings():
            return JsonSchema.of(folder / one.schema_file)
        case CodeSettings():
            limits = Limits(
                seconds=one.seconds,
                cpu_seconds=max(1, int(one.seconds)),
                memory_mb=one.memory_mb,
                disk_mb=one.disk_mb,
                processes=one.processes,
            )
            tests = None if one.tests is None else folder / one.tests
            return UnitTests.of(tests, one.column, Sandbox(limits, one.packages), one.workers)
        case FidelitySettings():
            return Fidelity(parents, one.kept, one.made_up)
        case FunctionSettings():
            return OwnCheck.of(one.function, one.threshold, folder)
        case _:
            if ask is None:
                fault = "a judge needs a language model to ask: name it in a recipe file, for headwater generate"
                raise ConfigError([fault], where)
            return Judged(ask, one.question, one.votes)
