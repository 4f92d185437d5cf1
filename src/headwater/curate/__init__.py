"""Cleaning a corpus: quality rules, languages, personal data, duplicates, leaks; every decision with its reasons."""

from headwater.curate.contamination import EvaluationOverlap, write_evaluation_index
from headwater.curate.evaluation_sets import EvaluationItem, read_evaluation_set
from headwater.curate.language import Language
from headwater.curate.panels import PanelOverlap, write_panel_index

__all__ = [
    "EvaluationItem",
    "EvaluationOverlap",
    "Language",
    "PanelOverlap",
    "read_evaluation_set",
    "write_evaluation_index",
    "write_panel_index",
]
