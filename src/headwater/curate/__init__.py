"""Cleaning a corpus: quality rules, languages, personal data, duplicates, leaks; every decision with its reasons."""

from headwater.curate.contamination import EvaluationOverlap, write_evaluation_index
from headwater.curate.evaluation_sets import EvaluationItem, read_evaluation_set
from headwater.curate.language import Language
from headwater.curate.panels import PanelOverlap, write_panel_index
from headwater.curate.personal import PERSONAL_KINDS, PersonalData, Placeholders

__all__ = [
    "PERSONAL_KINDS",
    "EvaluationItem",
    "EvaluationOverlap",
    "Language",
    "PanelOverlap",
    "PersonalData",
    "Placeholders",
    "read_evaluation_set",
    "write_evaluation_index",
    "write_panel_index",
]
