"""Cleaning a corpus: quality rules, languages, personal data, duplicates, leaks; every decision with its reasons."""

from headwater.curate.contamination import EvaluationOverlap, write_evaluation_index
from headwater.curate.duplicates import Duplicates, resolve_duplicates
from headwater.curate.evaluation_sets import EvaluationItem, read_evaluation_set
from headwater.curate.language import Language
from headwater.curate.panels import PanelOverlap, write_panel_index
from headwater.curate.personal import PERSONAL_KINDS, PersonalData, Placeholders
from headwater.curate.python_rule import PythonRule
from headwater.curate.signatures import Signatures
from headwater.curate.sql_rule import SqlRule
from headwater.curate.tokens import Tokens

__all__ = [
    "PERSONAL_KINDS",
    "Duplicates",
    "EvaluationItem",
    "EvaluationOverlap",
    "Language",
    "PanelOverlap",
    "PersonalData",
    "Placeholders",
    "PythonRule",
    "Signatures",
    "SqlRule",
    "Tokens",
    "read_evaluation_set",
    "resolve_duplicates",
    "write_evaluation_index",
    "write_panel_index",
]
