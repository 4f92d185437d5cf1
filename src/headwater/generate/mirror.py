"""Mirror texts: what a feared generator writes when it is asked for the documents a team already has.

A detector learns a domain from human and machine texts of the same subjects and lengths. Fifty to two hundred of them
suffice. Each mirror names the human document it was asked for, so that both stay in one group.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from headwater.errors import NotEnoughData
from headwater.generate.command import Answers, Command
from headwater.generate.recipe import Recipe, machine_documents
from headwater.generate.sentences import sentences
from headwater.schema import Origin
from headwater.sources import Columns, RejectLog, read_table, write_documents
from headwater.sources.marking import mark_machine

PROMPT = "Write a text of about {words} words on the following. Give the text only, without any remark.\n\n{subject}"
"""What is asked unless the user has a prompt: ``{subject}`` is the title or first sentence, ``{words}`` the length."""

_LEAST_WORDS = 20
_MOST_SUBJECT_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Mirrored:
    """Mirror texts and what became of the prompts."""

    documents: pa.Table
    """The machine documents; ``group`` is the human document's."""
    originals: pa.Table
    """The human documents that were mirrored, or were to be."""
    asked: int
    """Prompts that were put."""
    unanswered: int
    """Prompts without a text."""
    empty: int
    """Of them, those that were answered with nothing."""
    strange: int
    """Output that answers no prompt."""
    complaints: str
    """The end of what the program wrote to standard error."""


def choose_originals(human: pa.Table, count: int, rng: np.random.Generator) -> pa.Table:
    """Return human documents to mirror: at random, from as many groups as there are.

    Raises:
        NotEnoughData: no document is long enough.
    """
    lengths = np.array([len(text.split()) for text in human["text"].to_pylist()])
    usable = np.flatnonzero(lengths >= _LEAST_WORDS)
    if not len(usable):
        raise NotEnoughData(
            f"none of the {human.num_rows} human documents has {_LEAST_WORDS} words, too few to ask for another."
        )
    shuffled = rng.permutation(usable)
    groups = np.array(human["group"].take(pa.array(shuffled)).to_pylist(), dtype=object).astype(str)
    # The first document of every group, then the second of every group, and so on.
    _, codes = np.unique(groups, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes[order])) + 1])
    turn = np.empty(len(order), dtype=np.int64)
    turn[order] = np.arange(len(order)) - np.repeat(starts, np.diff([*starts, len(order)]))
    chosen = shuffled[np.argsort(turn, kind="stable")[:count]]
    return human.take(pa.array(chosen))


def prompts_for(originals: pa.Table, titles: Sequence[str | None], template: str = PROMPT) -> list[dict[str, object]]:
    """Return one prompt per document: its id, the prompt and the words wanted."""
    asked: list[dict[str, object]] = []
    for key, text, title in zip(originals["id"].to_pylist(), originals["text"].to_pylist(), titles, strict=True):
        words = len(text.split())
        subject = (title or sentences(text)[0])[:_MOST_SUBJECT_CHARACTERS]
        # Plain replacement: a brace in a title must not be taken for a field.
        prompt = template.replace("{words}", str(words)).replace("{subject}", subject)
        asked.append({"id": key, "prompt": prompt, "words": words})
    return asked


def mirror_by_command(
    originals: pa.Table, titles: Sequence[str | None], command: Command, name: str, template: str = PROMPT
) -> Mirrored:
    """Return what a program writes for the originals.

    Args:
        originals: human documents.
        titles: the title of each, where it has one.
        command: the program.
        name: what the generator is called.
        template: the prompt.

    Raises:
        InputError: the program fails.
    """
    return _mirrored(originals, command.answer(prompts_for(originals, titles, template)), name)


def mirror_by_recipe(originals: pa.Table, recipe: Recipe, rng: np.random.Generator) -> Mirrored:
    """Return what one of Headwater's own recipes makes of the originals."""
    made = recipe.make(originals, rng)
    parents = [named[0] for named in made["parents"].to_pylist()]
    texts = dict(zip(parents, made["text"].to_pylist(), strict=True))
    return _mirrored(originals, Answers(texts, 0, 0, ""), recipe.name)


def mirror_files(
    paths: tuple[str, ...],
    out: Path,
    generator: Command | Recipe,
    *,
    count: int,
    name: str | None,
    prompt: str,
    text: str,
    title: str,
    group: str | None,
    rejects: RejectLog,
    rng: np.random.Generator,
    record: Callable[[Mirrored], object] = lambda made: None,
) -> Mirrored:
    """Write mirror texts of human documents in files to a file, and return what became of the prompts.

    Args:
        paths: files, folders, glob patterns of human documents.
        out: where the machine documents are written.
        generator: a program, or one of Headwater's own recipes.
        count: how many documents are asked for.
        name: what the generator is called; None: the program's name.
        prompt: what is asked, with ``{subject}`` and ``{words}``.
        text: column with the text.
        title: column with titles, taken where there is one.
        group: column with the unit of independence.
        rejects: where rows that cannot be used are kept.
        rng: chooses the documents.
        record: is given the texts before they are written, so that none stands anywhere unrecorded.

    Raises:
        InputError: nothing can be read, or the program fails.
    """
    human, _ = read_table(paths, Columns(text=text, group=group), rejects, origin=Origin.HUMAN)
    originals = choose_originals(human, count, rng)
    if isinstance(generator, Command):
        titles = [_title(meta, title) for meta in originals["meta"].to_pylist()]
        called = name or Path(generator.arguments[0]).name
        made = mirror_by_command(originals, titles, generator, called, prompt)
    else:
        made = mirror_by_recipe(originals, generator, rng)
    record(made)
    if made.documents.num_rows:
        write_documents(mark_machine(made.documents), out)
    return made


def _title(meta: str | None, name: str) -> str | None:
    value = json.loads(meta).get(name) if meta else None
    return value if isinstance(value, str) and value.strip() else None


def _mirrored(originals: pa.Table, answers: Answers, name: str) -> Mirrored:
    texts = answers.texts
    answered = [key in texts for key in originals["id"].to_pylist()]
    kept = originals.filter(pa.array(answered, pa.bool_()))
    keys = kept["id"].to_pylist()
    made = machine_documents([texts[key] for key in keys], recipe=f"mirror {name}", parents=[[key] for key in keys],
                             generator=name)  # fmt: skip
    made = made.set_column(made.column_names.index("group"), made.schema.field("group"), kept["group"])
    asked = originals.num_rows
    return Mirrored(made, originals, asked, asked - len(keys), answers.empty, answers.strange, answers.complaints)
