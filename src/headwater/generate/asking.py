"""Plain questions to a recipe's generator, for whoever judges with a model: budget and ledger are kept as ever."""

from collections.abc import Callable, Sequence

from headwater.generate.generator import Generator
from headwater.generate.generators import generator_of
from headwater.generate.produce import Production
from headwater.generate.prompting import parents_of
from headwater.generate.recipe_file import ParentSettings, PromptSettings, RecipeFile
from headwater.generate.request_ledger import RequestLedger
from headwater.schema import documents


def ask_through(
    recipe: RecipeFile, ledger: RequestLedger, generator: Generator | None = None
) -> Callable[[Sequence[str]], list[str]]:
    """Return a function that answers prompts by a recipe's generator; what was answered is not asked again.

    An answer is the text as it came. It is empty where there is none: the request failed, or the budget ended.

    Args:
        recipe: its generator, decoding, system text, budget and limits are used; its prompts are not.
        ledger: the project's, opened.
        generator: answers instead of the recipe's own.
    """
    prompt = PromptSettings(template="{{ text }}", system=recipe.prompt.system)
    plain = recipe.model_copy(
        update={"family": "rephrase", "prompt": prompt, "parents": ParentSettings(), "verify": ()}
    )

    def ask(prompts: Sequence[str]) -> list[str]:
        wanted = list(dict.fromkeys(one for one in prompts if one.strip()))
        if not wanted:
            return [""] * len(prompts)
        parents = parents_of(documents(wanted), plain)
        made = Production(plain, parents, generator or generator_of(plain), ledger, named=False)
        made.ask(lambda done, total, what: None)
        kept = ledger.answers([one.key for one in made.requests()])
        texts = {one: "" if found is None else found.answer.text for one, found in zip(wanted, kept, strict=True)}
        return [texts.get(one, "") for one in prompts]

    return ask
