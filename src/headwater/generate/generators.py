"""From the settings of a recipe to its generator."""

from headwater.generate.endpoint import Endpoint
from headwater.generate.generator import Generator
from headwater.generate.local_model import LocalModel
from headwater.generate.made_texts import MadeTexts
from headwater.generate.program import ProgramGenerator
from headwater.generate.recipe_file import (
    CommandSettings,
    EndpointSettings,
    FilesSettings,
    RecipeFile,
    TransformersSettings,
)
from headwater.generate.vllm_model import VllmModel
from headwater.sources import RejectLog


def generator_of(recipe: RecipeFile, rejects: RejectLog | None = None) -> Generator:
    """Return the generator of a recipe; nothing is loaded or asked before its first request.

    Args:
        recipe: the recipe.
        rejects: where rows of files with texts that cannot be used are kept.
    """
    settings = recipe.generator
    if isinstance(settings, EndpointSettings):
        return Endpoint(settings, recipe.decoding, recipe.limits, recipe.budget)
    if isinstance(settings, TransformersSettings):
        return LocalModel(settings, recipe.decoding)
    if isinstance(settings, CommandSettings):
        return ProgramGenerator(settings)
    if isinstance(settings, FilesSettings):
        return MadeTexts(settings, rejects if rejects is not None else RejectLog())
    return VllmModel(settings, recipe.decoding)
