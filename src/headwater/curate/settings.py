"""The settings of a curation: what is measured, what is decided, and what a corpus is compared with.

They come from a named set of rules or a TOML file, with the options of the command over them::

    extends = "fineweb"

    [thresholds]
    too_few_words = 30
    curly_bracket = false

    [languages]
    keep = ["en", "de"]

    [lists.boilerplate]
    file = "boilerplate.txt"
    what = "lines"

    [custom.shouting]
    sql = "length(regexp_replace(text, '[^A-Z]', '', 'g')) > 0.5 * length(text)"
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from headwater.config import Section, Share, faults_of, merged
from headwater.errors import ConfigError, did_you_mean

PRESETS = ("fineweb", "gopher", "c4", "none")
"""The sets of rules that have a name."""

Threshold = float | Literal[False]
"""A number a measured value is compared with; false switches the rule off."""


class LanguageSettings(Section):
    """Which languages stay."""

    identify: bool | None = Field(
        default=None, description="say which language each document is in; default: where a rule needs it"
    )
    keep: tuple[str, ...] | None = Field(
        default=None, description="ISO 639 codes to keep; empty: all; default: as the set of rules has it"
    )


class DuplicateSettings(Section):
    """Which repetitions between documents are removed."""

    exact: bool = Field(default=True, description="the same text")
    near: bool = Field(default=True, description="almost the same text: MinHash over word sequences")
    sentences: bool = Field(default=False, description="cut runs of three sentences that an earlier document has")
    paragraphs: bool = Field(default=False, description="cut paragraphs that an earlier document has")
    shingle: Annotated[int, Field(ge=1, le=20)] = Field(default=5, description="words of a sequence")
    bands: Annotated[int, Field(ge=1, le=64)] = Field(default=14, description="bands of MinHash values")
    rows: Annotated[int, Field(ge=1, le=32)] = Field(default=8, description="MinHash values of a band")
    seed: Annotated[int, Field(ge=0)] = Field(default=1, description="chooses the hash functions")
    mode: Literal["fast", "datatrove"] = Field(
        default="fast", description="datatrove: signatures bit-identical to datatrove's, at half the speed"
    )
    verify_from: Annotated[int, Field(ge=0)] = Field(
        default=100, description="in clusters of so many documents a copy must be like one that stays; 0: in none"
    )
    least_similarity: Share = Field(default=0.5, description="what like means there: estimated similarity")
    one_per_source: bool = Field(default=False, description="keep one document of each cluster for every source")
    prefer: Literal["", "human", "machine"] = Field(
        default="", description="origin that stays where documents of several are copies of each other"
    )

    @model_validator(mode="after")
    def _cuts_one_unit(self) -> "DuplicateSettings":
        if self.sentences and self.paragraphs:
            raise ValueError("cut repeated sentences or repeated paragraphs, not both")
        return self


class PersonalSettings(Section):
    """What becomes of personal data."""

    action: Literal["off", "find", "mask", "drop"] = Field(
        default="off", description="find: only count; mask: replace; drop: remove the document"
    )
    kinds: tuple[str, ...] = Field(default=(), description="kinds to look for; empty: all")


class ListSettings(Section):
    """A list of words, lines or symbols that documents are searched for."""

    file: str = Field(description="one entry a line")
    what: Literal["words", "lines", "substring", "characters"] = Field(
        default="words", description="what an entry is compared with"
    )
    action: Literal["find", "drop", "cut"] = Field(
        default="drop", description="find: only count; drop: remove the document; cut: remove the listed lines"
    )
    above: Annotated[float, Field(ge=0)] = Field(
        default=0, description="a document with more finds than this is dropped"
    )


class CustomSettings(Section):
    """A rule of the user's own."""

    sql: str | None = Field(default=None, description="DuckDB expression; true drops the document")
    python: str | None = Field(default=None, description="module:function or file.py:function of a record batch")

    @model_validator(mode="after")
    def _has_one_form(self) -> "CustomSettings":
        if (self.sql is None) == (self.python is None):
            raise ValueError("a rule is either sql or python")
        return self


class EvaluationSettings(Section):
    """What must not leak into the corpus."""

    paths: tuple[str, ...] = Field(default=(), description="evaluation sets: files, folders or globs")
    columns: tuple[str, ...] = Field(default=(), description="columns with their texts; empty: every text column")
    ngram: Annotated[int, Field(ge=3, le=50)] = Field(default=12, description="words of a sequence")
    panels: bool = Field(default=False, description="also the sealed panels of the project")


class HeldSettings(Section):
    """What is already held: a document that repeats it is removed."""

    paths: tuple[str, ...] = Field(default=(), description="files, folders or globs")
    reserve: bool = Field(default=False, description="the human reserve of the project")
    generated: bool = Field(default=False, description="everything the project generated")


class ColumnSettings(Section):
    """The user's names of columns."""

    text: str = Field(default="text", description="the content")
    id: str | None = Field(default=None, description="unique ids; default: column id, else the hash of the text")
    source: str | None = Field(default=None, description="losses are counted by it; default: column source, else file")
    html: str | None = Field(default=None, description="column with HTML pages, from which the text is extracted")


class CurateSettings(Section):
    """Everything the outcome of a curation depends on, besides the documents."""

    extends: Literal["fineweb", "gopher", "c4", "none"] = Field(
        default="fineweb", description="the set of rules to begin with"
    )
    thresholds: dict[str, Threshold] = Field(default={}, description="reason to threshold; false: the rule is off")
    languages: LanguageSettings = LanguageSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    personal_data: PersonalSettings = PersonalSettings()
    lists: dict[str, ListSettings] = Field(default={}, description="lists by name")
    custom: dict[str, CustomSettings] = Field(default={}, description="rules of the user's own by name")
    evaluation: EvaluationSettings = EvaluationSettings()
    held: HeldSettings = HeldSettings()
    columns: ColumnSettings = ColumnSettings()
    tokenizer: str | None = Field(default=None, description="file of a tokenizer by which tokens are counted")

    @model_validator(mode="after")
    def _compares_what_is_held(self) -> "CurateSettings":
        copies = self.duplicates
        compared = copies.exact or copies.near or copies.sentences or copies.paragraphs
        if (self.held.paths or self.held.reserve) and not compared:
            raise ValueError(
                "copies of what is held can only be found where copies are looked for: leave duplicates.exact or "
                "duplicates.near on"
            )
        return self


def curate_settings(rules: str = "fineweb", changes: Mapping[str, Any] | None = None) -> CurateSettings:
    """Return the settings of a named set of rules or of a file, with changes over them.

    Args:
        rules: one of ``PRESETS``, or the path of a TOML file.
        changes: dotted key to value, such as ``{"duplicates.near": False}``; None as a value changes nothing.

    Raises:
        ConfigError: there is no such set or file, or settings are wrong; every fault is named.
    """
    given: dict[str, Any] = {"extends": rules}
    text, where = "", "the settings of the curation"
    if rules not in PRESETS:
        path = Path(rules)
        if not path.is_file():
            names = ", ".join(PRESETS)
            raise ConfigError(
                [f"--rules {rules}: neither a set of rules ({names}) nor a file.{did_you_mean(rules, PRESETS)}"],
                "the command",
            )
        where = str(path)
        given, text = _read(path)
    given = merged(given, {key: value for key, value in (changes or {}).items() if value is not None})
    try:
        return CurateSettings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(faults_of(error, CurateSettings, text), where) from None


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """Return a file of rules and its text; relative paths in it start in its folder."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        given = tomllib.loads(text)
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror or error}"], str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"no valid TOML: {error}"], str(path)) from error

    def from_file(value: object) -> object:
        return os.path.normpath(path.parent / value) if isinstance(value, str) and value else value

    if "tokenizer" in given:
        given["tokenizer"] = from_file(given["tokenizer"])
    for section in ("evaluation", "held"):
        part = given.get(section)
        if isinstance(part, dict) and isinstance(part.get("paths"), list):
            part["paths"] = [from_file(one) for one in part["paths"]]
    lists = given.get("lists")
    for entry in lists.values() if isinstance(lists, dict) else ():
        if isinstance(entry, dict) and "file" in entry:
            entry["file"] = from_file(entry["file"])
    rules = given.get("custom")
    for entry in rules.values() if isinstance(rules, dict) else ():
        # A module is looked for where Python looks for modules.
        if isinstance(entry, dict) and ".py:" in str(entry.get("python")):
            entry["python"] = from_file(entry["python"])
    return given, text
