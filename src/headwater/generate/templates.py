"""Prompts as templates: Jinja in a sandbox, with the parents' fields; the prompts of the recipe families.

A template can read what it is given and nothing else: no files, no attributes that begin with an underscore, no
imports. A field that does not exist is a fault, never an empty string.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from headwater.errors import InputError

FIELDS: Mapping[str, str] = {
    "text": "the parent's text",
    "title": "the column named title, or else the first line or sentence, at most 300 characters",
    "opening": "the parent's first words, as many as prompt.opening_words",
    "words": "number of words of the parent; for the family fill, the words to use",
    "id": "the parent's id",
    "source": "where the parent comes from",
    "author": "its author",
    "created": "its date",
    "group": "its unit of independence",
    "language": "the language wanted, by its code, where the recipe names one",
    "slice": "for the family fill: the name of the under-covered slice",
    "style": "name of the style",
    "sample": "number of the answer to the same prompt, from 1",
    "meta": "every other column, by name: meta.column",
    "parents": "all parents of the prompt, each with the fields above, where parents.together is more than 1",
}
"""Fields of a template and what they hold."""

SYSTEM = (
    "You write clear, natural prose. Answer with the text that was asked for and with nothing else: no remarks, no \
headings such as 'Here is', no notes about yourself."
)

TEMPLATES: Mapping[str, str] = {
    "continuation": """\
Below is the beginning of a text. Write how it goes on, in the same voice and about the same matter, \
without repeating the beginning.

{{ opening }}""",
    "rephrase": """\
Rewrite the following text in your own words. Keep every fact, name, number and claim, add none, \
and leave none out.

{{ text }}""",
    "question-answer": """\
Write questions and answers about the following text. Each answer must follow from the text alone and \
be understood without it. Write "Question:" before each question and "Answer:" before each answer.

{{ text }}""",
    "instruction-response": """\
Think of a task that somebody could give an assistant and that the following text holds all the \
knowledge for. Write the task after "Instruction:" and a complete response after "Response:". Neither may mention the \
text.

{{ text }}""",
    "fill": """\
Write an original piece of text of the kind "{{ slice }}". Use each of these words at least once, in its usual \
meaning: {{ words }}.""",
}
"""The prompt of each family, unless the recipe has its own."""

STYLES: Mapping[str, str] = {
    "encyclopedia": """\
Rewrite the following text as a passage of an encyclopedia: precise, impersonal, well ordered. Keep \
every fact, name and number, and add none.

{{ text }}""",
    "explanation": """\
Explain what the following text says to a curious reader who knows nothing of the matter. Keep every \
fact, name and number, and add none.

{{ text }}""",
    "dialogue": """\
Turn the following text into a conversation between two people, in which everything it says comes up. Keep \
every fact, name and number, and add none.

{{ text }}""",
}
"""Styles of rephrasing to begin with, by name."""

FAMILIES = tuple(TEMPLATES)

_FROM_PARENTS = frozenset(FIELDS) - {"style", "sample", "language"}


class _Nothing(dict[str, Any]):
    """Stands for a parent in a prompt that is rendered without one: every field is empty."""

    def __getattr__(self, name: str) -> str:
        return ""

    def __missing__(self, name: str) -> str:
        return ""


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _compiled(source: str) -> Template:
    return _environment().from_string(source)


def template_fault(source: str) -> str | None:
    """Return what is wrong with a template, or None: its syntax, or fields that do not exist."""
    try:
        unknown = meta.find_undeclared_variables(_environment().parse(source)) - FIELDS.keys()
    except TemplateError as error:
        return f"not a valid template: {error}"
    if unknown:
        names = ", ".join(sorted(unknown))
        return f"unknown field {names}. Known: {', '.join(FIELDS)}. A column of yours is meta.NAME"
    return None


def uses_parents(source: str) -> bool:
    """Say whether a template takes anything from a parent."""
    return bool(meta.find_undeclared_variables(_environment().parse(source)) & _FROM_PARENTS)


def render(source: str, fields: Mapping[str, Any]) -> str:
    """Return a template with fields put in.

    Raises:
        InputError: a field is missing, or the template does what the sandbox forbids.
    """
    try:
        return _compiled(source).render(fields).strip()
    except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        place = f" of parent {fields['id']}" if fields.get("id") else ""
        raise InputError(f"the prompt{place} cannot be made: {error}. Check the template.") from error


def without_parents(source: str, fields: Mapping[str, Any]) -> str:
    """Return what a template says by itself, with nothing where it names a parent; empty where that cannot be made."""
    blank: dict[str, Any] = dict.fromkeys(_FROM_PARENTS, "") | {"meta": _Nothing(), "parents": []}
    try:
        return _compiled(source).render(dict(fields) | blank).strip()
    except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError):
        return ""


def render_fields(source: str, fields: Mapping[str, str]) -> str:
    """Return the text of an answer's fields: a template of them, or one after another where there is none."""
    if not source:
        return "\n\n".join(fields.values())
    try:
        return _compiled(source).render(fields).strip()
    except TemplateError as error:
        raise InputError(f"answer.render cannot be made: {error}. Fields: {', '.join(fields)}.") from error
