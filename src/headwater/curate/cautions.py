"""What of the settings of a curation is allowed but hardly meant, said before the result surprises."""

from headwater.curate.reasons import Reason
from headwater.curate.rules import RuleSet
from headwater.curate.settings import CurateSettings


def cautions(settings: CurateSettings, rules: RuleSet) -> tuple[str, ...]:
    """Return sentences about settings that do not go together, for the warnings of a curation.

    Args:
        settings: settings of the curation.
        rules: the rules they come to.
    """
    keep = settings.languages.keep
    if keep is None or set(keep) == {"en"}:
        return ()
    if not any(rule.reason == Reason.TOO_FEW_STOP_WORDS and rule.threshold is not None for rule in rules.rules):
        return ()
    others = ", ".join(code for code in keep if code != "en") or "other languages"
    return (
        f"{Reason.TOO_FEW_STOP_WORDS} counts English words, so it drops nearly every document in {others}. Switch it "
        f"off with --set {Reason.TOO_FEW_STOP_WORDS}=off; the other thresholds were chosen on English too.",
    )
