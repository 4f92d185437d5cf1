"""Recipes: ways to make machine documents, each with full provenance."""

from headwater.generate.command import Command
from headwater.generate.degrade import leak, near_copy, paraphrased_leak, shuffle
from headwater.generate.mirror import PROMPT, Mirrored, mirror_files
from headwater.generate.own_output import OWN_MODEL, own_output
from headwater.generate.question_answer import question_answer
from headwater.generate.recipe import Recipe, Rewrite, machine_documents
from headwater.generate.restructure import restructure
from headwater.generate.reword import reword

REWRITES: tuple[Recipe, ...] = (question_answer, restructure, reword)
"""Rewrites of human documents that carry new human information through a program."""

__all__ = [
    "OWN_MODEL",
    "PROMPT",
    "REWRITES",
    "Command",
    "Mirrored",
    "Recipe",
    "Rewrite",
    "leak",
    "machine_documents",
    "mirror_files",
    "near_copy",
    "own_output",
    "paraphrased_leak",
    "question_answer",
    "restructure",
    "reword",
    "shuffle",
]
