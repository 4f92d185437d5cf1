"""Cleaning a corpus: quality rules, languages, personal data, duplicates, leaks; every decision with its reasons."""

from headwater.curate.language import Language

__all__ = ["Language"]
