"""The closed loop: generate, gate, train, measure, feed back, generation after generation."""

from headwater.loop.documents import Documents
from headwater.loop.regimes import (
    Accumulate,
    Filtered,
    Fresh,
    Golden,
    History,
    HumanOnly,
    Part,
    Regime,
    Replace,
    Reserve,
    Source,
    Subsample,
    next_training_set,
)
from headwater.loop.result import RunResult
from headwater.loop.run import run_loop
from headwater.loop.stream_gate import GateResult, judge_files
from headwater.loop.text_world import TextWorld
from headwater.loop.world import GenerationRecord, SampleText, World

__all__ = [
    "Accumulate",
    "Documents",
    "Filtered",
    "Fresh",
    "GateResult",
    "GenerationRecord",
    "Golden",
    "History",
    "HumanOnly",
    "Part",
    "Regime",
    "Replace",
    "Reserve",
    "RunResult",
    "SampleText",
    "Source",
    "Subsample",
    "TextWorld",
    "World",
    "judge_files",
    "next_training_set",
    "run_loop",
]
