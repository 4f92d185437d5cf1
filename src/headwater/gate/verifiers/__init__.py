"""Verifiers: hard checks of what a document claims. They can only reject."""

from headwater.gate.verifiers.arithmetic import Arithmetic
from headwater.gate.verifiers.code import UnitTests
from headwater.gate.verifiers.exact import ExactAnswer
from headwater.gate.verifiers.fidelity import Fidelity
from headwater.gate.verifiers.function import OwnCheck
from headwater.gate.verifiers.json_schema import JsonSchema
from headwater.gate.verifiers.judge import Judged
from headwater.gate.verifiers.sandbox import Limits, Outcome, Sandbox, SandboxUnavailableError
from headwater.gate.verifiers.settings import verifiers_of

__all__ = [
    "Arithmetic",
    "ExactAnswer",
    "Fidelity",
    "JsonSchema",
    "Judged",
    "Limits",
    "Outcome",
    "OwnCheck",
    "Sandbox",
    "SandboxUnavailableError",
    "UnitTests",
    "verifiers_of",
]
