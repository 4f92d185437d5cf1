"""Settings that are allowed but hardly meant are spoken of, and others are not."""

import pytest

from headwater.curate import curate_settings
from headwater.curate.cautions import cautions
from headwater.curate.steps import steps_of

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
