"""Cleaning a corpus: quality rules, languages, personal data, duplicates, leaks; every decision with its reasons."""

from headwater.curate.contamination import EvaluationOverlap, write_evaluation_index
from headwater.curate.evaluation_sets import EvaluationItem, read_evaluation_set
from headwater.curate.language import Language

__all__ = ["EvaluationItem", "EvaluationOverlap", "Language", "read_evaluation_set", "write_evaluation_index"]
