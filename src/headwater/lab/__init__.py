"""The collapse laboratory: recursive-training experiments, each beside its closed form or the published figure."""

from headwater.lab.bench import Arm, Bench
from headwater.lab.experiment import Experiment, Findings, LabSettings, experiment, names, settings_of
from headwater.lab.recursion import Ground, Human, Selecting, Step, recurse
from headwater.lab.result import ArmResult, Check, LabResult
from headwater.lab.run import run_experiment

__all__ = [
    "Arm",
    "ArmResult",
    "Bench",
    "Check",
    "Experiment",
    "Findings",
    "Ground",
    "Human",
    "LabResult",
    "LabSettings",
    "Selecting",
    "Step",
    "experiment",
    "names",
    "recurse",
    "run_experiment",
    "settings_of",
]
