"""The statistics of deciding: evidence, how much of it a decision needs, and what a panel can see."""

from headwater.decide.clip import clip_bound, clip_differences
from headwater.decide.conformal import bh_threshold, conformal_p_values
from headwater.decide.decision import Decision, decide, prove_harm
from headwater.decide.evalue import LAMBDA_GRID, log_e_value, log_e_values
from headwater.decide.groups import design_effect, group_means
from headwater.decide.power import admits_effect, detectable_effect, documents_needed, units_for_effect
from headwater.decide.spending import (
    Rule,
    Transcript,
    e_lond_threshold,
    generation_delta,
    plain_threshold,
    strict_threshold,
    strict_threshold_with_harm,
)

__all__ = [
    "LAMBDA_GRID",
    "Decision",
    "Rule",
    "Transcript",
    "admits_effect",
    "bh_threshold",
    "clip_bound",
    "clip_differences",
    "conformal_p_values",
    "decide",
    "design_effect",
    "detectable_effect",
    "documents_needed",
    "e_lond_threshold",
    "generation_delta",
    "group_means",
    "log_e_value",
    "log_e_values",
    "plain_threshold",
    "prove_harm",
    "strict_threshold",
    "strict_threshold_with_harm",
    "units_for_effect",
]
