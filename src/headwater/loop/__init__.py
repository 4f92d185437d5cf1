"""The closed loop: generate, gate, train, measure, feed back, generation after generation."""

from headwater.loop.regimes import (
    Accumulate,
    Filtered,
    Fresh,
    History,
    HumanOnly,
    Regime,
    Replace,
    Reserve,
    Subsample,
)
from headwater.loop.result import RunResult
from headwater.loop.run import run_loop
from headwater.loop.stream_gate import GateResult, judge_files
from headwater.loop.world import GenerationRecord, SampleText, World

__all__ = [
    "Accumulate",
    "Filtered",
    "Fresh",
    "GateResult",
    "GenerationRecord",
    "History",
    "HumanOnly",
    "Regime",
    "Replace",
    "Reserve",
    "RunResult",
    "SampleText",
    "Subsample",
    "World",
    "judge_files",
    "run_loop",
]
