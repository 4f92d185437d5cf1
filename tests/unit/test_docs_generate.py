"""docs/generate.md says what the code does: every key, reason and field, and recipes that are the shipped ones."""

import tomllib
from pathlib import Path

import pytest

from headwater.generate import BAD_SENTENCES, FAMILIES, FIELDS, example_recipe, recipe_of
from headwater.generate.recipe_file import KINDS, RecipeFile

PAGE = Path(__file__).parents[2] / "docs" / "generate.md"


def test_every_key_reason_and_field_is_on_the_page_with_its_meaning():
    page = PAGE.read_text()
    sections = [kind for kind in (field.annotation for field in RecipeFile.model_fields.values())
                if hasattr(kind, "model_fields")]  # fmt: skip
    for model in [*sections, *KINDS.values()]:
        for name, field in model.model_fields.items():
            if name != "kind":
                assert f"| `{name}` |" in page, name
                assert field.description in page, name
    for name, meaning in {**BAD_SENTENCES, **FIELDS}.items():
        assert f"| `{name}` | {meaning} |" in page


@pytest.mark.parametrize("family", FAMILIES)
def test_the_recipes_on_the_page_are_the_shipped_ones(family):
    page = PAGE.read_text()
    recipe = page.split(f"### {family}\n\n```toml\n")[1].split("```")[0]
    assert recipe == example_recipe(family)
    assert recipe_of(tomllib.loads(recipe)).family == family
