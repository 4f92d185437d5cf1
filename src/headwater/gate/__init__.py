"""Which machine-made documents may enter the mix, with an error guarantee."""

from headwater.gate.cards import Card, cards
from headwater.gate.certification import Certifier, SealedDecision
from headwater.gate.checks import Check, Findings, run_checks
from headwater.gate.duplicates import SeenBefore
from headwater.gate.hard_checks import Bar, Checked, HardChecks, RecipeOverlap
from headwater.gate.judge import Gate, GateState, RecipeStatus
from headwater.gate.mixture import training_mix, within_share
from headwater.gate.panel import ScoringPanel
from headwater.gate.provenance import Sealed
from headwater.gate.row_checks import NearRow, RowChecks
from headwater.gate.selection import (
    DSIR,
    AdmitAll,
    Discriminator,
    LowestPerplexity,
    RandomShare,
    Selection,
    token_counts,
)
from headwater.gate.steering import SliceEvidence, SteeringEvidence
from headwater.gate.verdicts import verdict_rows

__all__ = [
    "DSIR",
    "AdmitAll",
    "Bar",
    "Card",
    "Certifier",
    "Check",
    "Checked",
    "Discriminator",
    "Findings",
    "Gate",
    "GateState",
    "HardChecks",
    "LowestPerplexity",
    "NearRow",
    "RandomShare",
    "RecipeOverlap",
    "RecipeStatus",
    "RowChecks",
    "ScoringPanel",
    "Sealed",
    "SealedDecision",
    "SeenBefore",
    "Selection",
    "SliceEvidence",
    "SteeringEvidence",
    "cards",
    "run_checks",
    "token_counts",
    "training_mix",
    "verdict_rows",
    "within_share",
]
