"""Cleaning a corpus: quality rules, languages, personal data, duplicates, leaks; every decision with its reasons."""

import headwater.kernel_cache  # noqa: F401  (before the first kernel)
from headwater.curate.again import rethreshold_folder
from headwater.curate.c4 import C4Lines
from headwater.curate.contamination import EvaluationOverlap, write_evaluation_index
from headwater.curate.duplicates import Duplicates, resolve_duplicates
from headwater.curate.evaluation_sets import EvaluationItem, read_evaluation_set
from headwater.curate.job import curate_files, plan_curation
from headwater.curate.language import Language
from headwater.curate.listed import Listed
from headwater.curate.panels import PanelOverlap, write_panel_index
from headwater.curate.personal import PERSONAL_KINDS, PersonalData, Placeholders
from headwater.curate.presets import PRESETS, language_rules, preset
from headwater.curate.python_rule import PythonRule
from headwater.curate.reasons import Reason, sentence_of
from headwater.curate.result import CurateResult
from headwater.curate.rules import Rule, RuleSet
from headwater.curate.sentences import SpanHashes, cut_copies, resolve_spans
from headwater.curate.settings import CurateSettings, curate_settings
from headwater.curate.signatures import Signatures
from headwater.curate.sql_rule import SqlRule
from headwater.curate.statistics import TextStatistics
from headwater.curate.table import Curated, curate
from headwater.curate.tokens import Tokens

__all__ = [
    "PERSONAL_KINDS",
    "PRESETS",
    "C4Lines",
    "CurateResult",
    "CurateSettings",
    "Curated",
    "Duplicates",
    "EvaluationItem",
    "EvaluationOverlap",
    "Language",
    "Listed",
    "PanelOverlap",
    "PersonalData",
    "Placeholders",
    "PythonRule",
    "Reason",
    "Rule",
    "RuleSet",
    "Signatures",
    "SpanHashes",
    "SqlRule",
    "TextStatistics",
    "Tokens",
    "curate",
    "curate_files",
    "curate_settings",
    "cut_copies",
    "language_rules",
    "plan_curation",
    "preset",
    "read_evaluation_set",
    "resolve_duplicates",
    "resolve_spans",
    "rethreshold_folder",
    "sentence_of",
    "write_evaluation_index",
    "write_panel_index",
]
