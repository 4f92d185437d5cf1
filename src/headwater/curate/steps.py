"""What is done to every document: the operators that measure and the rules that decide, out of the settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from headwater.curate.columns import measure_field
from headwater.curate.language import Language
from headwater.curate.listed import Listed
from headwater.curate.personal import PersonalData
from headwater.curate.presets import language_rules, preset
from headwater.curate.python_rule import PythonRule
from headwater.curate.reasons import CUSTOM, LISTED, Reason
from headwater.curate.rules import Rule, RuleSet
from headwater.curate.sentences import FEWEST_SENTENCES, FEWEST_WORDS, SpanHashes
from headwater.curate.settings import CurateSettings
from headwater.curate.signatures import Signatures
from headwater.curate.sql_rule import SqlRule
from headwater.curate.tokens import Tokens
from headwater.engine import Operator
from headwater.errors import ConfigError

COPIED = "copied"
"""Family of the rules on what is left of a document without what an earlier one has."""

COPIED_RULES = (
    Rule(Reason.COPIED_SENTENCES, "words_left", "below", FEWEST_WORDS, COPIED),
    Rule(Reason.FEW_SENTENCES_LEFT, "sentences_left", "below", FEWEST_SENTENCES, COPIED),
)


@dataclass(frozen=True)
class Steps:
    """The operators and rules of a curation."""

    operators: tuple[Operator, ...]
    """In the order they are applied."""
    rules: RuleSet
    signatures: Signatures | None
    """What copies are found by; none where they are not looked for. One of the operators, the last."""
    spans: SpanHashes | None = None
    """Runs of sentences or paragraphs by which copied ones are found; one of the operators where they are cut."""
    tokens: Tokens | None = None
    """Counts the tokens of what is kept."""
    rewrites: bool = False
    """Whether an operator may change the text."""
    prefer: str = ""
    """Origin that stays where documents of several are copies of each other; empty: none in particular."""

    @cached_property
    def first_rules(self) -> RuleSet:
        """The rules on a document by itself; the others judge what is left of it without copied sentences."""
        return self.rules.of(*(family for family in self.rules.families if family != COPIED))

    @property
    def signs(self) -> pa.Schema:
        """The columns by which copies are found."""
        found = [one.adds for one in (self.signatures, self.spans) if one is not None]
        return pa.schema([field for schema in found for field in schema])

    @cached_property
    def measured(self) -> pa.Schema:
        """The measured values that are stored: what the operators add, without the text and the signatures."""
        apart = {"text", *self.signs.names}
        length = measure_field("characters", pa.int64(), "Unicode code points of the text")
        fields = {field.name: field for field in (length, *(f for one in self.operators for f in one.adds))}
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
    for add in (_languages, _lists, _personal_data):
        found = add(found, settings)
    found = found.and_also(rules, more)
    found = _custom(found, settings)
    copies = settings.duplicates
    signatures = None
    if copies.exact or copies.near:
        with named("duplicates"):
            signatures = Signatures(copies.shingle, copies.bands, copies.rows, copies.seed, mode=copies.mode)
    spans = (
        SpanHashes("sentences" if copies.sentences else "paragraphs") if copies.sentences or copies.paragraphs else None
    )
    if spans is not None:
        found = found.and_also(COPIED_RULES)
    found = found.changed(settings.thresholds)
    operators = (*found.operators, *(one for one in (signatures, spans) if one is not None))
    with named("tokenizer"):
        tokens = Tokens(settings.tokenizer) if settings.tokenizer is not None else None
    rewrites = spans is not None or any("text" in one.adds.names for one in operators)
    return Steps(operators, found, signatures, spans, tokens, rewrites, copies.prefer)


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
    with named("personal_data"):
        operator = PersonalData(action="mask" if action == "mask" else "find", kinds=settings.personal_data.kinds)
    rule = Rule(Reason.PERSONAL_DATA, "personal_data", "above", 0, "personal_data")
    return found.and_also((rule,) if action == "drop" else (), (operator,))


def _lists(found: RuleSet, settings: CurateSettings) -> RuleSet:
    for name, one in settings.lists.items():
        with named(f"lists.{name}"):
            operator = Listed(name, one.file, what=one.what, action="cut" if one.action == "cut" else "find")
        rule = Rule(f"{LISTED}{name}", operator.name, "above", one.above, "lists")
        found = found.and_also((rule,) if one.action == "drop" else (), (operator,))
    return found


def _custom(found: RuleSet, settings: CurateSettings) -> RuleSet:
    for name, one in settings.custom.items():
        make: Callable[[str, str], Operator] = SqlRule if one.sql is not None else PythonRule
        with named(f"custom.{name}"):
            operator = make(name, one.sql or one.python or "")
        found = found.and_also((Rule(f"{CUSTOM}{name}", f"custom_{name}", "above", 0, "custom"),), (operator,))
    return found


@contextmanager
def named(section: str) -> Iterator[None]:
    """Have faults of an operator's settings named by their place in the file of rules."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(error.faults, section) from error


def section_of(operator: Operator) -> str:
    """Return where in a file of rules an operator stands: ``custom.NAME``; its own name where it does not."""
    if isinstance(operator, SqlRule | PythonRule):
        return f"custom.{operator.rule}"
    if isinstance(operator, Listed):
        return f"lists.{operator.list}"
    return "personal_data" if isinstance(operator, PersonalData) else operator.name
