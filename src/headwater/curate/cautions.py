"""What of the settings of a curation is allowed but hardly meant, said before the result surprises."""

from headwater.curate.reasons import Reason
from headwater.curate.rules import RuleSet
from headwater.curate.settings import CurateSettings
from headwater.schema import Origin


def cautions(settings: CurateSettings, rules: RuleSet, *, origins: bool = True) -> tuple[str, ...]:
    """Return sentences about settings that do not go together, for the warnings of a curation.

    Args:
        settings: settings of the curation.
        rules: the rules they come to.
        origins: whether the documents say who wrote them.
    """
    return (*_stop_words(settings, rules), *_choices(settings, origins=origins))


def _stop_words(settings: CurateSettings, rules: RuleSet) -> list[str]:
    keep = settings.languages.keep
    if keep is None or set(keep) == {"en"}:
        return []
    if not any(rule.reason == Reason.TOO_FEW_STOP_WORDS and rule.threshold is not None for rule in rules.rules):
        return []
    others = ", ".join(code for code in keep if code != "en") or "other languages"
    return [
        f"{Reason.TOO_FEW_STOP_WORDS} counts English words, so it drops nearly every document in {others}. Switch it "
        f"off with --set {Reason.TOO_FEW_STOP_WORDS}=off; the other thresholds were chosen on English too."
    ]


def _choices(settings: CurateSettings, *, origins: bool) -> list[str]:
    """Return what is said of how copies are chosen among, where that changes nothing."""
    copies = settings.duplicates
    found = []
    if copies.one_per_source and not copies.near:
        found.append("duplicates.one_per_source is about near copies, which are not looked for: it changes nothing.")
    if copies.prefer and not (copies.exact or copies.near):
        found.append(f"duplicates.prefer = {copies.prefer!r} changes nothing where copies are not removed.")
    elif copies.prefer and not origins:
        found.append(
            f"duplicates.prefer = {copies.prefer!r} changes nothing: no document has a column origin with one of "
            f"{', '.join(Origin)}."
        )
    return found
