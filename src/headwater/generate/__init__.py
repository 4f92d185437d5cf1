"""Recipes: ways to make machine documents, each with full provenance.

A recipe file names a generator, prompts, decoding, limits and a budget; :class:`Production` carries it out, with every
request and answer in the ledger of the project. ``headwater generate`` and ``Project.generate`` do all of it.
"""

from headwater.generate.answers import BAD_SENTENCES, Bad, Judged, judge_answers
from headwater.generate.asking import ask_through
from headwater.generate.budget import Budget, Cost, Prices, Spending
from headwater.generate.command import Command
from headwater.generate.degrade import leak, near_copy, paraphrased_leak, shuffle
from headwater.generate.endpoint import Endpoint
from headwater.generate.example_recipes import example_recipe
from headwater.generate.generator import Generator
from headwater.generate.generators import generator_of
from headwater.generate.local_model import LocalModel
from headwater.generate.made_texts import MadeTexts
from headwater.generate.mirror import PROMPT, Mirrored, mirror_files
from headwater.generate.own_output import OWN_MODEL, own_output
from headwater.generate.produce import REJECTED, Asked, Counts, Plan, Production, Verify
from headwater.generate.program import ProgramGenerator
from headwater.generate.prompting import Parents, parents_of, read_parents, requests_of, seed_table
from headwater.generate.question_answer import question_answer
from headwater.generate.recipe import Recipe, Rewrite, machine_documents, machine_rows
from headwater.generate.recipe_file import RecipeFile, load_recipe, recipe_of
from headwater.generate.request import Answer, Finish, Request
from headwater.generate.request_ledger import EVENTS, Kept, RequestLedger
from headwater.generate.restructure import restructure
from headwater.generate.reword import reword
from headwater.generate.templates import FAMILIES, FIELDS
from headwater.generate.vllm_model import VllmModel

REWRITES: tuple[Recipe, ...] = (question_answer, restructure, reword)
"""Rewrites of human documents that carry new human information through a program."""

__all__ = [
    "BAD_SENTENCES",
    "EVENTS",
    "FAMILIES",
    "FIELDS",
    "OWN_MODEL",
    "PROMPT",
    "REJECTED",
    "REWRITES",
    "Answer",
    "Asked",
    "Bad",
    "Budget",
    "Command",
    "Cost",
    "Counts",
    "Endpoint",
    "Finish",
    "Generator",
    "Judged",
    "Kept",
    "LocalModel",
    "MadeTexts",
    "Mirrored",
    "Parents",
    "Plan",
    "Prices",
    "Production",
    "ProgramGenerator",
    "Recipe",
    "RecipeFile",
    "Request",
    "RequestLedger",
    "Rewrite",
    "Spending",
    "Verify",
    "VllmModel",
    "ask_through",
    "example_recipe",
    "generator_of",
    "judge_answers",
    "leak",
    "load_recipe",
    "machine_documents",
    "machine_rows",
    "mirror_files",
    "near_copy",
    "own_output",
    "paraphrased_leak",
    "parents_of",
    "question_answer",
    "read_parents",
    "recipe_of",
    "requests_of",
    "restructure",
    "reword",
    "seed_table",
    "shuffle",
]
