"""``headwater.toml``: every setting, its default and its bounds.

Settings are frozen values. A file with faults is refused with all of them at once, each with the line it stands on and
the nearest known name. Precedence: command line, environment (``HEADWATER_<SECTION>_<KEY>``), file, default.

A relative path in the file starts in the folder of the file, so that a project means the same wherever a command is
run; one on the command line or in the environment starts where the command is run.
"""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from headwater.errors import ConfigError, did_you_mean

Share = Annotated[float, Field(ge=0, le=1)]
PositiveNumber = Annotated[float, Field(gt=0)]
PositiveCount = Annotated[int, Field(ge=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
# TOML has no null, so an empty name stands for none.
_EmptyIsNone = BeforeValidator(lambda value: value if value != "" else None)
Column = Annotated[str | None, _EmptyIsNone]
_IS_PATH = "path"  # marks the settings that name files, which depend on a folder
File = Annotated[str | None, _EmptyIsNone, _IS_PATH]
Files = Annotated[tuple[str, ...], _IS_PATH]
Arm = Literal["human-only", "ungated", "filtered", "gated", "gated-stream"]


class Section(BaseModel):
    """Settings that belong together: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class HumanSettings(Section):
    """Where the human documents are and what their columns are called."""

    paths: Files = Field(
        default=(), description="files, folders or globs; empty: the documentation installed with Python"
    )
    text: str = Field(default="text", description="column with the text")
    id: Column = Field(default=None, description="column with a unique id; none: the hash of the text")
    group: Column = Field(default=None, description="column naming the unit of independence: article, author, site")
    origin: Column = Field(
        default=None, description="column saying human, machine, mixed or unknown; only human rows are used"
    )
    reserve: bool = Field(
        default=False, description="take the documents of the project's reserve, in the parts they have there"
    )
    modality: Literal["text", "table", "image", "series"] = Field(
        default="text", description="what a document is: a text, a row, a labelled image, or a window of a recording"
    )
    target: Column = Field(
        default=None, description="table: the column to predict; image: array or column with labels; series: label"
    )
    time: Column = Field(default=None, description="series: column with the time in seconds; none: rows are steps")
    channels: tuple[str, ...] = Field(
        default=(), description="series: columns or signals of a window; empty: all that are dense enough and change"
    )
    rate: Annotated[PositiveNumber | None, _EmptyIsNone] = Field(
        default=None, description="series: steps per second; none: that of the times, or 10 where signals differ"
    )
    window: Annotated[int, Field(ge=4)] = Field(default=20, description="series: steps of a window")
    stride: Annotated[PositiveCount | None, _EmptyIsNone] = Field(
        default=None, description="series: steps from one window to the next; none: half a window"
    )
    segment: Annotated[PositiveCount | None, _EmptyIsNone] = Field(
        default=None, description="series: steps that are one unit of independence; none: the group's, or three windows"
    )
    gap: Annotated[Annotated[int, Field(ge=0)] | None, _EmptyIsNone] = Field(
        default=None, description="series: steps left out after each segment; none: one stride"
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> "HumanSettings":
        if self.modality in {"table", "image"} and not (self.paths and self.target):
            raise ValueError(f'modality = "{self.modality}" needs paths and a target: what is to be predicted')
        if self.modality == "series" and not self.paths:
            raise ValueError('modality = "series" needs paths: the recordings')
        if self.modality == "series" and self.segment is not None and self.segment < self.window:
            raise ValueError(f"a segment of {self.segment} steps holds no window of {self.window}")
        if self.modality != "text" and self.reserve:
            raise ValueError("the reserve holds texts; give files as paths")
        if self.modality == "text" and self.target:
            raise ValueError('target names a column of a table; set modality = "table" too')
        if self.reserve and self.paths:
            raise ValueError("reserve = true takes the human documents from the reserve; leave paths out, or reserve")
        return self


class StreamSettings(Section):
    """Where the machine documents are and what their columns are called."""

    paths: Files = Field(
        default=(), description="files, folders or globs; empty: recipes made from the human documents"
    )
    text: str = Field(default="text", description="column with the text")
    id: Column = Field(default=None, description="column with a unique id; none: the hash of the text")
    recipe: Column = Field(default=None, description="column naming the recipe; none: each file is a recipe")
    group: Column = Field(default=None, description="column naming the human group it was made from, as in human.group")
    parents: Column = Field(default=None, description="column with the ids of the documents it was made from")


class SplitSettings(Section):
    """Shares of the human documents, by tokens. Groups stay whole."""

    train: PositiveShare = Field(default=0.15, description="training text of generation 0, the human base")
    sources: Share = Field(default=0.24, description="unseen documents that the run's own rewrites are made from")
    steering: Share = Field(default=0.10, description="panel whose scores steer generation")
    certification: PositiveShare = Field(default=0.43, description="panel that only answers admit or not")
    final: PositiveShare = Field(default=0.08, description="panel that is only reported on")

    @model_validator(mode="after")
    def _adds_up(self) -> "SplitSettings":
        total = self.train + self.sources + self.steering + self.certification + self.final
        if total > 1 + 1e-9:
            raise ValueError(f"the shares add up to {total:.3f}, at most 1 is allowed")
        return self


class ModelSettings(Section):
    """The proxy that tests recipes: an n-gram model, a small network, a transformer, or your own trainer."""

    kind: Literal["ngram", "neural", "transformer", "command"] = Field(
        default="ngram",
        description="ngram: seconds; neural: a small recurrent network, minutes; transformer: trained or fine-tuned; "
        "command: your own trainer. The loops' own models are n-gram models in any case",
    )
    order: Annotated[int, Field(ge=1, le=5)] = Field(default=3, description="length of the n-grams")
    discount: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.75, description="absolute discount of every order")
    min_count: Annotated[int, Field(ge=1)] = Field(
        default=2, description="rarer words of the human base are unknown words"
    )
    max_vocabulary: Annotated[int, Field(ge=100)] = Field(default=200_000, description="largest number of words")
    seeds: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="models that are trained and averaged wherever training is noisy: any kind but ngram"
    )
    updates: Annotated[int, Field(ge=1)] = Field(
        default=1300, description="neural, transformer: steps of training, the same for both models of a pair"
    )
    batch: Annotated[int, Field(ge=1)] = Field(
        default=32, description="neural, transformer: pieces of text in a step of training"
    )
    machine_share: Share = Field(
        default=1 / 3,
        description="neural, transformer: largest machine-made share of a step; trainer.machine_share wins",
    )
    words: Annotated[int, Field(ge=3)] = Field(
        default=2000, description="neural: most frequent words that it tells apart"
    )
    width: Annotated[int, Field(ge=1)] = Field(default=96, description="neural: numbers per word and state")
    base: Column = Field(
        default=None, description="transformer: folder or name of a published model to fine-tune; none: from scratch"
    )
    size: Literal["tiny", "small", "medium", "opt-125m"] = Field(
        default="tiny", description="transformer: dimensions of a network that starts from scratch"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(default=2e-3, description="transformer: rate of AdamW")
    lora_rank: Annotated[int, Field(ge=0)] = Field(
        default=0, description="transformer: rank of the low-rank adapters that are trained; 0: all weights"
    )
    train: Column = Field(default=None, description="command: trains, with {data} and {model}")
    evaluate: Column = Field(default=None, description="command: scores, with {model} and {panel}")
    timeout_seconds: Annotated[PositiveNumber | None, _EmptyIsNone] = Field(
        default=None, description="command: how long one command may take; none: as long as it likes"
    )

    @model_validator(mode="after")
    def _has_its_commands(self) -> "ModelSettings":
        if self.kind == "command" and not (self.train and self.evaluate):
            raise ValueError('kind = "command" needs the commands train and evaluate')
        if self.kind != "command" and (self.train or self.evaluate):
            raise ValueError(f'train and evaluate are run by kind = "command", and kind is "{self.kind}"')
        return self


class TrainerSettings(Section):
    """Your own training: how the student is trained, which the proxy is to be like, and the commands that do it."""

    train: Column = Field(
        default=None,
        description="command that trains the student on the final mix of each generation, with {data} and {model}",
    )
    evaluate: Column = Field(default=None, description="command that scores the final panel, with {model} and {panel}")
    timeout_seconds: Annotated[PositiveNumber | None, _EmptyIsNone] = Field(
        default=None, description="how long one command may take; none: as long as it likes"
    )
    directory: File = Field(default=None, description="folder the commands are run in; none: the current one")
    seeds: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="students that are trained and averaged where train has {seed}"
    )
    tokens: Annotated[PositiveCount | None, _EmptyIsNone] = Field(
        default=None, description="tokens of one pass of the student's training; none: all of the mix"
    )
    epochs: Annotated[PositiveNumber | None, _EmptyIsNone] = Field(
        default=None, description="passes of the student's training; none: unknown"
    )
    machine_share: Annotated[Share | None, _EmptyIsNone] = Field(
        default=None, description="largest machine-made share of the student's mix; none: loop.machine_share"
    )

    @model_validator(mode="after")
    def _has_both_commands(self) -> "TrainerSettings":
        if bool(self.train) != bool(self.evaluate):
            raise ValueError("train and evaluate belong together: a student that is trained has to be scored")
        return self


class FilterRule(Section):
    """Bounds on a signal. At least one is given."""

    min: float | None = Field(default=None, description="smallest value that is kept")
    max: float | None = Field(default=None, description="largest value that is kept")
    keep_lowest: PositiveShare | None = Field(default=None, description="share of the documents kept, lowest first")
    keep_highest: PositiveShare | None = Field(default=None, description="share of the documents kept, highest first")

    @model_validator(mode="after")
    def _says_something(self) -> "FilterRule":
        if all(value is None for value in (self.min, self.max, self.keep_lowest, self.keep_highest)):
            raise ValueError("a filter needs min, max, keep_lowest or keep_highest, such as {max = 200}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}, so nothing would be kept")
        return self


Filter = Annotated[FilterRule | None, _EmptyIsNone]


class FilterSettings(Section):
    """Filters on signals, such as {max = 200} or {keep_lowest = 0.5}. Advised against: the harm is measured."""

    perplexity: Filter = Field(default=None, description="perplexity under the proxy of the human base")
    dsir: Filter = Field(default=None, description="log importance weight, nats per token")
    copied: Filter = Field(
        default=None, description="share of 8-word sequences in the human training text, of the worst block"
    )
    nearest: Filter = Field(default=None, description="cosine to the nearest human training document")


class GateSettings(Section):
    """The decision about machine documents."""

    delta: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.05, description="chance of ever admitting something useless, over all decisions of a run"
    )
    rule: Literal["strict", "plain", "e-lond"] = Field(
        default="strict",
        description="strict: valid when later batches depend on earlier verdicts; plain: a stream judged once",
    )
    clip_multiple: Annotated[float, Field(ge=2, le=20)] = Field(
        default=3.0, description="differences are clipped at this many standard deviations of a human-only pair"
    )
    least_tokens: Annotated[int, Field(ge=1)] = Field(
        default=2_000, description="tokens a recipe needs before it is tested"
    )
    max_tests: Annotated[int, Field(ge=1)] = Field(
        default=6, description="tests of a quarantined recipe before it is stopped"
    )
    least_words: Annotated[int, Field(ge=1)] = Field(default=10, description="words a machine document needs")
    largest_effect: Annotated[float, Field(gt=0)] = Field(
        default=2.0,
        description="effect, in standard deviations, that no recipe is expected to have; a certification panel that "
        "would miss even that certifies no more",
    )
    verify: tuple[dict[str, Any], ...] = Field(
        default=(), description="verifiers, one table [[gate.verify]] each; see docs/verifiers.md"
    )
    filter: FilterSettings = Field(default=FilterSettings(), description="filters on signals")


class LoopSettings(Section):
    """The closed loop."""

    generations: Annotated[int, Field(ge=1, le=1000)] = Field(default=6, description="how often the model is retrained")
    arms: tuple[Arm, ...] = Field(
        default=("human-only", "ungated", "filtered", "gated", "gated-stream"), description="loops to run side by side"
    )
    candidates: Annotated[int, Field(ge=2, le=64)] = Field(
        default=4, description="the filtered loop keeps the best of this many times what it needs"
    )
    machine_share: Share = Field(
        default=1 / 3, description="largest machine-made share of a gated training set, by tokens"
    )
    machine_share_start: Annotated[Share | None, _EmptyIsNone] = Field(
        default=None,
        description="machine-made share of the first generation, adapted up to machine_share; none: machine_share",
    )
    machine_share_rate: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=5.0, description="machine-made share grows by exp(this times the gain on the steering panel)"
    )
    exploration: Share = Field(default=0.10, description="share of the budget spread evenly over the recipes")

    @model_validator(mode="after")
    def _has_a_line_to_hold(self) -> "LoopSettings":
        if "human-only" not in self.arms:
            raise ValueError('arms must contain "human-only", the line the others are compared with')
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"arms must name each loop once, got {', '.join(self.arms)}")
        return self


class AuditSettings(Section):
    """The audit: whose text is this, and how much of it is machine-made."""

    paths: Files = Field(default=(), description="files, folders or globs to audit")
    text: str = Field(default="text", description="column with the text")
    id: Column = Field(default=None, description="column with a unique id; none: the hash of the text")
    date: Column = Field(default="created", description="column with the date a document was first seen")
    dated_by: Column = Field(default=None, description="who vouches for the dates; none: the column alone")
    origin: Column = Field(default=None, description="column saying human, machine, mixed or unknown")
    attested_by: Column = Field(default=None, description="who vouches for the origin column; none: the column alone")
    group: Column = Field(default=None, description="column naming the unit of independence: article, author, site")
    by: tuple[str, ...] = Field(
        default=(), description="columns to group by; month and year are taken from the date; none: all documents"
    )
    human: Files = Field(default=(), description="files, folders or globs of known human text of this kind")
    reserve: bool = Field(default=False, description="take the project's own reserve as known human text")
    machine: Files = Field(default=(), description="files, folders or globs of known machine text")
    detector: File = Field(default=None, description="folder of a fitted detector; none: the one that is shipped")
    thorough: bool = Field(default=False, description="use the slower form of the detector")
    keys: File = Field(default=None, description="TOML file with the keys of watermarks to look for")
    trust_anchors: File = Field(
        default=None, description="PEM file of certificates whose content credentials are trusted"
    )
    fdr: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="share of the machine-like verdicts that may be wrong"
    )
    prevalence: Annotated[Share | None, _EmptyIsNone] = Field(
        default=None, description="machine-made share that the cost arithmetic assumes; none: as estimated"
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = Field(default=0.95, description="confidence of the intervals")

    @model_validator(mode="after")
    def _has_one_reference(self) -> "AuditSettings":
        if self.reserve and self.human:
            raise ValueError("human and reserve are both set; known human text comes from one of them")
        return self


class Settings(Section):
    """All settings of a project."""

    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="every random choice follows from it")
    human: HumanSettings = HumanSettings()
    stream: StreamSettings = StreamSettings()
    split: SplitSettings = SplitSettings()
    model: ModelSettings = ModelSettings()
    trainer: TrainerSettings = TrainerSettings()
    gate: GateSettings = GateSettings()
    loop: LoopSettings = LoopSettings()
    audit: AuditSettings = AuditSettings()


# What separates the entries of a list in an environment variable.
_SEPARATORS = {"paths": os.pathsep, "human": os.pathsep, "machine": os.pathsep, "arms": ",", "by": ","}
_PATH_KEYS = tuple(
    f"{section}.{name}"
    for section, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    for name, inner in field.annotation.model_fields.items()
    if _IS_PATH in inner.metadata
)


def load_settings(
    path: Path | None, overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings of a file, changed by the environment and then by ``overrides``.

    Args:
        path: a TOML file; none or a missing file means defaults. Relative paths in it start in its folder.
        overrides: values by dotted key (``"loop.generations"``); ``None`` values are ignored.
        environ: environment; the process's own by default.

    Raises:
        ConfigError: the file is no TOML, or values or keys are wrong; every fault is named.
    """
    text = ""
    where = "settings"
    if path is not None and path.is_file():
        where = str(path)
        try:
            text = path.read_text("utf-8")
            values = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError([f"not valid TOML: {error}"], where) from error
    else:
        values = {}
    if path is not None and isinstance(gate := values.get("gate"), dict) and isinstance(gate.get("verify"), list):
        gate["verify"] = verifiers_from(path.parent, gate["verify"])
    asked = {key: value for key, value in (overrides or {}).items() if value is not None}
    around = os.environ if environ is None else environ
    named = _from_environment(around)
    for key in _PATH_KEYS:
        section, _, name = key.partition(".")
        kept = values.get(section)
        if path is not None and isinstance(kept, dict) and name in kept:
            kept[name] = _from_folder(path.parent, kept[name])
        if key in named:
            named[key] = _from_folder(Path(), named[key])
    unknown = _unknown_variables(around)
    origins = {**{key: f"environment {_variable(key)}" for key in named}, **dict.fromkeys(asked, "command line")}
    try:
        settings = Settings.model_validate(merged(values, {**named, **asked}))
    except ValidationError as error:
        raise ConfigError([*faults_of(error, Settings, text, origins), *unknown], where) from None
    if unknown:
        raise ConfigError(unknown, where)
    return settings


def verifiers_from(folder: Path, tables: list[Any]) -> list[Any]:
    """Return tables of verifiers with the files they name starting in a folder."""
    found = []
    for table in tables:
        one = dict(table) if isinstance(table, dict) else table
        if isinstance(one, dict):
            for key in ("schema_file", "tests"):
                if isinstance(one.get(key), str):
                    one[key] = _from_folder(folder, one[key])
            function = one.get("function")
            if isinstance(function, str) and function.rpartition(":")[0].endswith(".py"):
                one["function"] = _from_folder(folder, function)
        found.append(one)
    return found


def _from_folder(folder: Path, value: Any) -> Any:
    """Return a path or a list of paths, absolute; what is neither is left to the check of its type."""
    if isinstance(value, list | tuple):
        return type(value)(_from_folder(folder, one) for one in value)
    # A glob pattern is no path yet, so it is joined and made absolute as text.
    return os.path.abspath(os.path.join(folder, value)) if isinstance(value, str) and value else value  # noqa: PTH100, PTH118


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a fault for each variable that looks like a setting of a section and is none."""
    names = {"HEADWATER_" + key.replace(".", "_").upper() for key in _known_keys()}
    sections = tuple(f"HEADWATER_{name.upper()}_" for name in Settings.model_fields)
    return [
        f"{name} (environment): no such setting.{did_you_mean(name, names)}"
        for name in environ
        if name.startswith(sections) and name not in names
    ]


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in _known_keys():
        value = environ.get(_variable(key))
        if value is not None:
            separator = _SEPARATORS.get(key.rpartition(".")[2])
            listed = (part.strip() for part in value.split(separator)) if separator else ()
            found[key] = tuple(filter(None, listed)) if separator else value
    return found


def _variable(key: str) -> str:
    return "HEADWATER_" + key.replace(".", "_").upper()


def _known_keys() -> list[str]:
    keys = []
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += [f"{name}.{inner}" for inner in kind.model_fields]
        else:
            keys.append(name)
    return keys


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with values by dotted key put over those of a file."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    for key, value in changes.items():
        *sections, name = key.split(".")
        place: Any = result
        for section in sections:
            place = place.setdefault(section, {}) if isinstance(place, dict) else place
        if isinstance(place, dict):  # else the file holds a value where a section belongs, which is a fault of its own
            place[name] = value
    return result


def faults_of(
    error: ValidationError, root: type[BaseModel], text: str, origins: Mapping[str, str] | None = None
) -> list[str]:
    """Return one sentence per fault: the key, where it was given, what is allowed, and the nearest known name.

    Args:
        error: what validation found.
        root: model of the whole file.
        text: the file, to name lines.
        origins: who set a dotted key, where it was not the file.
    """
    return faults_from(error.errors(), root, text, origins)


def faults_from(
    found: Sequence[Mapping[str, Any]], root: type[BaseModel], text: str, origins: Mapping[str, str] | None = None
) -> list[str]:
    """Return one sentence per fault as validation lists them; see :func:`faults_of`."""
    faults = []
    for fault in found:
        path = [str(part) for part in fault["loc"]]
        place = place_of(".".join(path), text, origins)
        if fault["type"] == "extra_forbidden":
            siblings = _siblings(path, root)
            message = f"{place}: unknown key. Known: {', '.join(siblings)}.{did_you_mean(path[-1], siblings)}"
        else:
            given = f" (given: {fault['input']!r})" if not isinstance(fault["input"], dict | BaseModel) else ""
            message = f"{place}: {fault['msg'].removeprefix('Value error, ')}{given}"
        faults.append(message)
    return faults


def place_of(key: str, text: str, origins: Mapping[str, str] | None = None) -> str:
    """Return a dotted key with who set it, or the line it stands on."""
    origin = (origins or {}).get(".".join(key.split(".")[:2]))
    line = _line_of(key, text)
    where = f" ({origin})" if origin else f" (line {line})" if line else ""
    return f"{key or 'settings'}{where}"


def _siblings(path: list[str], root: type[BaseModel]) -> list[str]:
    if len(path) == 1:
        return list(root.model_fields)
    section = root.model_fields[path[0]].annotation
    return list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []


def _line_of(path: str, text: str) -> int | None:
    """Return the line of a dotted key; a plain search, because tomllib gives no positions."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            section = header.group(1).strip()
            if path == section:
                return number
            continue
        key = re.match(r"\s*([\w\"'.-]+)\s*=", line)
        if key and f"{path}.".startswith(".".join([*filter(None, [section]), key.group(1).strip("\"'"), ""])):
            return number
    return None


def commented_toml() -> str:
    """Return ``headwater.toml`` with every setting at its default, commented out and explained."""
    lines = [
        "# Settings of this Headwater project. Every line shows a default; remove the # to change it.",
        "# Relative paths start in the folder of this file. Check with: headwater run --dry-run",
        "",
    ]
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            lines += ["", f"# {(kind.__doc__ or '').strip()}", f"[{name}]"]
            nested = {n: s.annotation for n, s in kind.model_fields.items() if isinstance(s.default, Section)}
            for inner, spec in kind.model_fields.items():
                if inner in nested:
                    continue
                lines += [f"# {spec.description}", f"# {inner} = {_toml_value(spec.default)}"]
            for inner, below in nested.items():  # after the plain keys: in TOML a table ends those of the one around it
                assert isinstance(below, type)
                lines += ["", f"# {(below.__doc__ or '').strip()}", f"[{name}.{inner}]"]
                for key, spec in below.model_fields.items():
                    lines += [f"# {spec.description}", f"# {key} = {_toml_value(spec.default)}"]
        else:
            lines += [f"# {field.description}", f"# {name} = {_toml_value(field.default)}"]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if value is None:
        return '""  # none'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)
