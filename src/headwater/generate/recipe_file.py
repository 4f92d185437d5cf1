"""Recipe files: a generator, a prompt, decoding and limits in TOML.

A file with faults is refused with all of them at once. What shapes the output makes the recipe's id; its name, price,
budget and speed do not. A relative path in the file starts in the folder of the file.
"""

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from headwater.config import PositiveShare, Section, Share, faults_from
from headwater.errors import ConfigError, did_you_mean
from headwater.generate.templates import FAMILIES, SYSTEM, TEMPLATES, template_fault
from headwater.schema import digest

Family = Literal["continuation", "rephrase", "question-answer", "instruction-response", "fill"]
_Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[\w][\w .+-]*$")]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]
# TOML has no null, so an empty text stands for none; prices are exact.
_Price = Annotated[Decimal, BeforeValidator(lambda value: Decimal(str(value))), Field(ge=0, le=100_000)]


class EndpointSettings(Section):
    """Any endpoint that speaks the protocol of OpenAI."""

    kind: Literal["endpoint"]
    model: str = Field(min_length=1, description="name of the model there")
    base_url: str = Field(default="https://api.openai.com/v1", description="address, with /v1 where it has one")
    api: Literal["chat", "completions"] = Field(
        default="chat", description="chat: messages; completions: the prompt is a text to be gone on with"
    )
    api_key_env: str = Field(default="OPENAI_API_KEY", description="environment variable with the key")
    deployment: str = Field(
        default="",
        description="name that stands for the address in the recipe's id; set it where the same model moves about",
    )
    token_limit: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens", description="what the endpoint calls the most tokens of an answer"
    )
    stream: bool = Field(default=False, description="have answers sent as they are written")
    extra: dict[str, Any] = Field(default={}, description="further fields of every request, as the endpoint has them")

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    def identity(self) -> dict[str, Any]:
        """Return what shapes the output."""
        return {
            "kind": self.kind,
            "model": self.model,
            "where": self.deployment or self.base_url,
            "api": self.api,
            "extra": self.extra,
        }


class TransformersSettings(Section):
    """A model on this machine, by Hugging Face transformers."""

    kind: Literal["transformers"]
    model: str = Field(min_length=1, description="folder of the model; or its name, if it is in the local cache")
    revision: str = Field(default="", description="revision of the model where it has a name")
    chat: Literal["auto", "always", "never"] = Field(
        default="auto", description="whether the prompt goes through the model's chat template"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where it computes")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(default="auto", description="type of its numbers")
    batch_size: Annotated[int, Field(ge=1, le=4096)] = Field(default=8, description="prompts computed together")

    def identity(self) -> dict[str, Any]:
        """Return what shapes the output."""
        return {"kind": self.kind, "model": self.model, "revision": self.revision, "chat": self.chat,
                "dtype": self.dtype}  # fmt: skip


class VllmSettings(Section):
    """A model on this machine, by vLLM."""

    kind: Literal["vllm"]
    model: str = Field(min_length=1, description="folder or name of the model")
    chat: Literal["auto", "always", "never"] = Field(
        default="auto", description="whether the prompt goes through the model's chat template"
    )
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=512, description="prompts handed over at once"
    )
    engine: dict[str, Any] = Field(default={}, description="arguments of vllm.LLM, such as tensor_parallel_size")

    def identity(self) -> dict[str, Any]:
        """Return what shapes the output."""
        return {"kind": self.kind, "model": self.model, "chat": self.chat, "engine": self.engine}


class CommandSettings(Section):
    """A program of yours: prompts as JSON lines in, texts as JSON lines out."""

    kind: Literal["command"]
    command: tuple[str, ...] = Field(min_length=1, description="program and arguments")
    name: str = Field(default="", description="what documents name as their generator; default: the program")
    version: str = Field(default="", description="changed by you whenever the program's output changes")
    batch_size: Annotated[int, Field(ge=1)] = Field(default=256, description="prompts per start of the program")
    timeout_seconds: Annotated[float | None, Field(gt=0)] = Field(
        default=None, description="time one start may take; none: as long as it likes"
    )

    @field_validator("command", mode="before")
    @classmethod
    def _is_list(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('write a list: ["python", "write.py"]')  # noqa: TRY004  (pydantic collects it)
        return value

    def identity(self) -> dict[str, Any]:
        """Return what shapes the output."""
        return {"kind": self.kind, "command": list(self.command), "version": self.version}


class FilesSettings(Section):
    """Texts that are made already, read from files."""

    kind: Literal["files"]
    paths: tuple[str, ...] = Field(min_length=1, description="files, folders or globs")
    name: str = Field(default="", description="what documents name as their generator; default: the column generator")
    text: str = Field(default="text", description="column with the text")
    parent: str = Field(
        default="parents", description="column with the parent's id; empty: texts are taken in the order of the parents"
    )

    def identity(self) -> dict[str, Any]:
        """Return what shapes the output: who made the texts. Further files of it are the same recipe."""
        return {"kind": self.kind, "name": self.name}


GeneratorSettings = Annotated[
    EndpointSettings | TransformersSettings | VllmSettings | CommandSettings | FilesSettings,
    Field(discriminator="kind"),
]
KINDS: Mapping[str, type[Section]] = {
    "endpoint": EndpointSettings,
    "transformers": TransformersSettings,
    "vllm": VllmSettings,
    "command": CommandSettings,
    "files": FilesSettings,
}


class DecodingSettings(Section):
    """How an answer is drawn."""

    temperature: Annotated[float, Field(ge=0, le=5)] = Field(default=1.0, description="0: always the likeliest token")
    top_p: PositiveShare = Field(default=1.0, description="smallest set of tokens with this probability; 1: all")
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=1024, description="most tokens of an answer")
    stop: tuple[str, ...] = Field(default=(), max_length=4, description="texts that end an answer")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=0, description="every request's seed follows from it"
    )
    send_seed: bool = Field(default=True, description="send each request's seed; some endpoints know none")


class PromptSettings(Section):
    """What is asked."""

    system: str | None = Field(
        default=None, description="instructions before the prompt; none: ours; empty: none at all"
    )
    template: str | None = Field(default=None, description="the prompt; none: that of the family")
    styles: dict[_Name, str] = Field(default={}, description="prompts by name instead of one; each is its own recipe")
    each_parent: Literal["every style", "one style"] = Field(
        default="every style", description="whether a parent gets every style, or one by its id"
    )
    samples: Annotated[int, Field(ge=1, le=1000)] = Field(default=1, description="answers per prompt")
    opening_words: Annotated[int, Field(ge=1, le=100_000)] = Field(default=64, description="words in the field opening")

    @model_validator(mode="after")
    def _are_templates(self) -> "PromptSettings":
        named = {"template": self.template or "", **{f"styles.{name}": one for name, one in self.styles.items()}}
        faults = [f"{name}: {fault}" for name, source in named.items() if (fault := template_fault(source))]
        if self.template is not None and self.styles:
            faults.append("template and styles are both set; leave one of them out")
        faults += [f"{name}: is empty" for name, source in named.items() if not source.strip() and name != "template"]
        if faults:
            raise ValueError("; ".join(faults))
        return self


class ParentSettings(Section):
    """Which documents the prompts are made from."""

    text: str = Field(default="text", description="column with the text")
    id: Annotated[str | None, BeforeValidator(lambda value: value or None)] = Field(
        default=None, description="column with a unique id; none: id where there is one, else the hash of the text"
    )
    group: Annotated[str | None, BeforeValidator(lambda value: value or None)] = Field(
        default=None, description="column naming the unit of independence: article, author, site"
    )
    title: str = Field(default="title", description="column with titles, taken where there is one")
    together: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="parents per prompt, one after another")
    least_words: Annotated[int, Field(ge=0)] = Field(default=0, description="shorter parents are passed over")
    most_words: Annotated[int, Field(ge=1)] = Field(
        default=1_000_000, description="of longer parents the first so many words are used"
    )
    limit: Annotated[int | None, Field(ge=1)] = Field(default=None, description="most parents; none: all")
    choose: Literal["first", "random"] = Field(default="first", description="which, where there is a limit")


class AnswerSettings(Section):
    """Which answers become documents."""

    languages: tuple[str, ...] | Literal["same", "any"] = Field(
        default="same", description="codes that are allowed; same: the parent's; any"
    )
    most_echo: Share = Field(
        default=0.6, description="largest share of an answer's 8-word sequences that may stand in its prompt"
    )
    truncated: Literal["reject", "trim", "keep"] | None = Field(
        default=None,
        description="an answer that reached max_tokens; trim: up to the last sentence. None: trim for continuations",
    )
    fields: tuple[str, ...] = Field(
        default=(), description="answers are JSON objects with these texts; empty: the answer is the text"
    )
    render: str = Field(default="", description="template of a document from the fields; empty: one after another")


class BudgetSettings(Section):
    """What may be spent, counting everything this recipe ever spent in the project."""

    tokens: Annotated[int | None, Field(ge=1)] = Field(default=None, description="most tokens, prompts and answers")
    money: Annotated[_Price | None, Field()] = Field(default=None, description="most money, in the prices' currency")
    price_in: _Price | None = Field(default=None, description="price of 1 million prompt tokens")
    price_out: _Price | None = Field(default=None, description="price of 1 million answer tokens")
    currency: Annotated[str, Field(max_length=8)] = Field(default="USD", description="currency of the prices")

    @model_validator(mode="after")
    def _has_prices(self) -> "BudgetSettings":
        if self.money is not None and (self.price_in is None or self.price_out is None):
            raise ValueError("a cap in money needs price_in and price_out")
        return self


class LimitSettings(Section):
    """How fast an endpoint is asked, and how patiently."""

    concurrency: Annotated[int, Field(ge=1, le=4096)] = Field(default=64, description="requests under way at once")
    requests_per_minute: Annotated[int | None, Field(ge=1)] = Field(
        default=None, description="in any minute; none: no limit"
    )
    tokens_per_minute: Annotated[int | None, Field(ge=1)] = Field(
        default=None, description="prompts and answers, in any minute; none: no limit"
    )
    timeout_seconds: _Seconds = Field(default=300.0, description="for one attempt")
    attempts: Annotated[int, Field(ge=1, le=100)] = Field(default=8, description="attempts for one request")
    first_wait_seconds: _Seconds = Field(default=0.5, description="before the second attempt; doubled for each further")
    longest_wait_seconds: _Seconds = Field(
        default=120.0, description="between attempts; an endpoint that asks for more is given up for now"
    )


class RecipeFile(Section):
    """A recipe: generator, prompt, decoding, and which answers become documents."""

    name: _Name = Field(description="what you call it; a renamed recipe stays the same recipe")
    family: Family = Field(default="rephrase", description="what is made from a parent")
    generator: GeneratorSettings
    decoding: DecodingSettings = DecodingSettings()
    prompt: PromptSettings = PromptSettings()
    parents: ParentSettings = ParentSettings()
    answer: AnswerSettings = AnswerSettings()
    budget: BudgetSettings = BudgetSettings()
    limits: LimitSettings = LimitSettings()
    verify: tuple[dict[str, Any], ...] = Field(default=(), description="verifiers; see docs/verifiers.md")

    @property
    def system(self) -> str:
        """The instructions before every prompt."""
        plain = isinstance(self.generator, EndpointSettings) and self.generator.api == "completions"
        if self.prompt.system is not None:
            return self.prompt.system
        return "" if plain else SYSTEM

    @property
    def templates(self) -> Mapping[str, str]:
        """The prompts by style; the name is empty where there is one."""
        if self.prompt.styles:
            return self.prompt.styles
        if self.prompt.template is not None:
            return {"": self.prompt.template}
        if self.family == "continuation" and getattr(self.generator, "api", "chat") == "completions":
            return {"": "{{ opening }}"}
        return {"": TEMPLATES[self.family]}

    @property
    def truncated(self) -> Literal["reject", "trim", "keep"]:
        """What becomes of an answer that reached the most tokens."""
        return self.answer.truncated or ("trim" if self.family == "continuation" else "reject")

    @property
    def asking_id(self) -> str:
        """Digest of everything that shapes what is asked: what was spent is counted by it."""
        return digest(["asking", self._asking(self.templates)])

    @property
    def id(self) -> str:
        """Digest of everything that shapes the output, all styles together."""
        return self._id(self.templates)

    def style_id(self, style: str) -> str:
        """Return the digest of everything that shapes the output of one style: the id of a recipe that is admitted."""
        return self._id({style: self.templates[style]} if style else self.templates)

    def _id(self, templates: Mapping[str, str]) -> str:
        answer = self.answer.model_dump(mode="json") | {"truncated": self.truncated}
        return digest(["recipe", self._asking(templates), answer, [dict(one) for one in self.verify]])

    def _asking(self, templates: Mapping[str, str]) -> list[Any]:
        prompt = self.prompt
        return [
            self.family,
            self.generator.identity(),
            self.decoding.model_dump(mode="json"),
            [self.system, sorted(templates.values()), prompt.samples, prompt.opening_words, prompt.each_parent],
            [self.parents.together, self.parents.least_words, self.parents.most_words],
        ]


def load_recipe(path: Path | str) -> RecipeFile:
    """Return the recipe in a TOML file.

    Raises:
        ConfigError: the file is missing or no TOML, or keys or values are wrong; every fault is named.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        near = [one.name for one in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise ConfigError(
            [
                f"there is no such file.{did_you_mean(path.name, near)} "
                "Begin with: headwater generate --example rephrase > rephrase.toml"
            ],
            str(path),
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"not valid TOML: {error}"], str(path)) from error
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror}"], str(path)) from error
    return recipe_of(values, folder=path.parent, where=str(path), text=text)


def recipe_of(
    values: Mapping[str, Any], *, folder: Path | None = None, where: str = "recipe", text: str = ""
) -> RecipeFile:
    """Return a recipe from plain data.

    Args:
        values: as TOML has them.
        folder: where relative paths start; None: here.
        where: what to call the recipe in messages.
        text: the file's text, to name lines.

    Raises:
        ConfigError: keys or values are wrong; every fault is named.
    """
    known = dict(values)
    generator = known.get("generator")
    if isinstance(generator, dict):
        generator = dict(generator)
        if folder is not None:
            for name in ("paths", "model") if generator.get("kind") != "endpoint" else ():
                if name in generator:
                    generator[name] = _from_folder(folder, generator[name], only_existing=name == "model")
        known["generator"] = generator
    try:
        return RecipeFile.model_validate(known)
    except ValidationError as error:
        raise ConfigError(_faults(error, known, text), where) from None


def _faults(error: ValidationError, values: Mapping[str, Any], text: str) -> list[str]:
    """Return one sentence per fault; a generator's keys are named as the file has them."""
    generator = values.get("generator")
    kind = generator.get("kind") if isinstance(generator, Mapping) else None
    faults = []
    found: list[Mapping[str, Any]] = [dict(fault) | {"loc": _as_written(fault["loc"])} for fault in error.errors()]
    for fault, line in zip(found, faults_from(found, RecipeFile, text), strict=True):
        place = [str(part) for part in fault["loc"]]
        if fault["type"] in {"union_tag_invalid", "union_tag_not_found"}:
            known = ", ".join(KINDS)
            given = f"{kind!r} is none" if kind is not None else "kind is missing"
            faults.append(f"generator.kind: {given}. Known: {known}.{did_you_mean(str(kind or ''), KINDS)}")
        elif fault["type"] == "extra_forbidden" and place[0] == "generator" and kind in KINDS:
            known_keys = KINDS[str(kind)].model_fields
            name = place[-1]
            faults.append(
                f"generator.{name}: unknown key of a generator of kind {kind}. Known: {', '.join(known_keys)}."
                f"{did_you_mean(name, known_keys)}"
            )
        elif fault["type"] == "literal_error" and place == ["family"]:
            faults.append(f"{line}{did_you_mean(str(fault['input']), FAMILIES)}")
        elif fault["type"] == "missing":
            name = ".".join(part for part in place if part not in KINDS)
            faults.append(f"{name}: is missing")
        else:
            faults.append(line)
    return faults


def _as_written(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return a place without the kind of generator, which pydantic puts into it and the file has not."""
    return (place[0], *place[2:]) if len(place) > 1 and place[0] == "generator" and place[1] in KINDS else place


def _from_folder(folder: Path, value: Any, *, only_existing: bool) -> Any:
    if isinstance(value, list | tuple):
        return [_from_folder(folder, one, only_existing=only_existing) for one in value]
    if not isinstance(value, str) or not value or "://" in value:
        return value
    joined = os.path.abspath(os.path.join(folder, value))  # noqa: PTH100, PTH118  (a glob is no path yet)
    return joined if not only_existing or Path(joined).exists() else value
