"""What is done to every document: the operators that measure and the rules that decide, out of the settings."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from headwater.curate.language import Language
from headwater.curate.personal import PersonalData
from headwater.curate.presets import language_rules, preset
from headwater.curate.python_rule import PythonRule
from headwater.curate.reasons import CUSTOM, Reason
from headwater.curate.rules import Rule, RuleSet
from headwater.curate.settings import CurateSettings
from headwater.curate.signatures import Signatures
from headwater.curate.sql_rule import SqlRule
from headwater.curate.tokens import Tokens
from headwater.engine import Operator


@dataclass(frozen=True)
class Steps:
    """The operators and rules of a curation."""

    operators: tuple[Operator, ...]
    """In the order they are applied."""
    rules: RuleSet
    signatures: Signatures | None
    """What copies are found by; none where they are not looked for. One of the operators, the last."""
    tokens: Tokens | None = None
    """Counts the tokens of what is kept."""
    rewrites: bool = False
    """Whether an operator may change the text."""

    @cached_property
    def measured(self) -> pa.Schema:
        """The measured values that are stored: what the operators add, without the text and the signatures."""
        apart = {"text", *(self.signatures.adds.names if self.signatures is not None else ())}
        fields = {field.name: field for operator in self.operators for field in operator.adds}
        return pa.schema([field for name, field in fields.items() if name not in apart])

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that an operator adds."""
        return tuple({name: None for operator in self.operators for name in operator.adds.names})


def steps_of(settings: CurateSettings, more: tuple[Operator, ...] = (), rules: tuple[Rule, ...] = ()) -> Steps:
    """Return the steps that settings ask for.

    Args:
        settings: settings of the curation.
        more: operators for what lies in files of a project or an index: evaluation sets, panels.
        rules: rules on what these measure.

    Raises:
        ConfigError: a threshold names no rule, a list or a rule of the user's own cannot be read.
    """
    found = RuleSet("none", ()) if settings.extends == "none" else preset(settings.extends)
    for add in (_languages, _personal_data):
        found = add(found, settings)
    found = found.and_also(rules, more)
    found = _custom(found, settings).changed(settings.thresholds)
    copies = settings.duplicates
    signatures = (
        Signatures(copies.shingle, copies.bands, copies.rows, copies.seed) if copies.exact or copies.near else None
    )
    operators = (*found.operators, *((signatures,) if signatures is not None else ()))
    tokens = Tokens(settings.tokenizer) if settings.tokenizer is not None else None
    return Steps(operators, found, signatures, tokens, any("text" in one.adds.names for one in operators))


def _languages(found: RuleSet, settings: CurateSettings) -> RuleSet:
    """Return the rules with the languages that are to stay."""
    keep = settings.languages.keep
    known = any(isinstance(operator, Language) for operator in found.operators)
    if not known and (keep or settings.languages.identify):
        # The first 1,000 characters as they were read: before anything rewrites them.
        found = replace(found, operators=(Language(), *found.operators))
    if keep is None:
        return found
    others = tuple(rule for rule in found.rules if rule.reason not in {Reason.OTHER_LANGUAGE, Reason.UNSURE_LANGUAGE})
    if not keep:
        return replace(found, rules=others)
    least = next((rule.threshold for rule in found.rules if rule.reason == Reason.UNSURE_LANGUAGE), None)
    named = language_rules(keep, least) if isinstance(least, float) else language_rules(keep)
    return replace(found, rules=(*named, *others))


def _personal_data(found: RuleSet, settings: CurateSettings) -> RuleSet:
    action = settings.personal_data.action
    if action == "off":
        return found
    operator = PersonalData(action="mask" if action == "mask" else "find", kinds=settings.personal_data.kinds)
    rule = Rule(Reason.PERSONAL_DATA, "personal_data", "above", 0, "personal_data")
    return found.and_also((rule,) if action == "drop" else (), (operator,))


def _custom(found: RuleSet, settings: CurateSettings) -> RuleSet:
    for name, one in settings.custom.items():
        make: Callable[[str, str], Operator] = SqlRule if one.sql is not None else PythonRule
        operator = make(name, one.sql or one.python or "")
        found = found.and_also((Rule(f"{CUSTOM}{name}", f"custom_{name}", "above", 0, "custom"),), (operator,))
    return found
