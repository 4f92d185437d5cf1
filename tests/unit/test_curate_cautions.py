"""Settings that are allowed but hardly meant are spoken of, and others are not."""

import pytest

from headwater.curate import curate_settings
from headwater.curate.cautions import cautions
from headwater.curate.steps import steps_of
from headwater.errors import ConfigError

GERMAN = {"languages.keep": ("de", "en")}


@pytest.mark.parametrize(
    ("rules", "changes", "said"),
    [
        ("fineweb", {}, ""),
        ("gopher", {}, ""),
        ("fineweb", {"languages.keep": ("en",)}, ""),
        ("fineweb", {"languages.keep": ()}, "other languages"),
        ("fineweb", GERMAN, "de"),
        ("gopher", GERMAN, "de"),
        ("c4", GERMAN, ""),
        ("fineweb", {**GERMAN, "thresholds.too_few_stop_words": False}, ""),
    ],
)
def test_english_stop_words_in_other_languages_are_warned_of(rules, changes, said):
    settings = curate_settings(rules, changes)
    found = cautions(settings, steps_of(settings).rules)
    assert len(found) == bool(said)
    if said:
        assert f"every document in {said}. Switch it off with --set too_few_stop_words=off" in found[0]


@pytest.mark.parametrize(
    ("changes", "origins", "said"),
    [
        ({"one_per_source": True}, True, ""),
        ({"one_per_source": True, "near": False}, True, "one_per_source is about near copies"),
        ({"prefer": "human"}, True, ""),
        ({"prefer": "human"}, False, "no document has a column origin with one of human, machine, mixed, unknown"),
        ({"prefer": "human", "near": False, "exact": False}, True, "changes nothing where copies are not removed"),
    ],
)
def test_choices_that_change_nothing_are_warned_of(changes, origins, said):
    settings = curate_settings("none", {f"duplicates.{key}": value for key, value in changes.items()})
    found = cautions(settings, steps_of(settings).rules, origins=origins)
    assert len(found) == bool(said)
    assert said in "".join(found)


@pytest.mark.parametrize("held", [{"held.paths": ("kept",)}, {"held.reserve": True}])
def test_what_is_held_is_not_passed_over(held):
    off = {"duplicates.exact": False, "duplicates.near": False}
    with pytest.raises(ConfigError, match=r"leave duplicates\.exact or duplicates\.near on"):
        curate_settings("fineweb", {**off, **held})
    curate_settings("fineweb", {**off, "duplicates.sentences": True, **held})
