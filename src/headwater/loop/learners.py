"""The learners that settings name: the proxy that tests recipes, and the student."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from headwater.config import Settings
from headwater.errors import ConfigError
from headwater.loop.regimen import student_share, updates_of
from headwater.models import CommandLearner, NeuralLearner, NeuralSettings, NgramLearner
from headwater.models.external import command_faults
from headwater.models.learner import Learner
from headwater.text import Vocabulary

WORK = "trainer"
"""Folder of a project's store where commands keep what they make."""


def check_commands(settings: Settings) -> None:
    """Refuse commands that could not work, before anything is read.

    Raises:
        ConfigError: a command cannot be used; every fault is named.
    """
    faults = []
    for section, part in (("model", settings.model), ("trainer", settings.trainer)):
        if part.train and part.evaluate:
            faults += [f"{section}.{fault}" for fault in command_faults(part.train, part.evaluate)]
    if faults:
        raise ConfigError(faults, "the commands")


def proxy_of(
    settings: Settings,
    vocabulary: Vocabulary,
    human: pa.Table,
    human_tokens: int,
    work: Path,
    tell: Callable[[str], None] | None = None,
) -> Learner[pa.Table]:
    """Return the learner whose models test recipes.

    Args:
        settings: resolved settings.
        vocabulary: words of the human training text.
        human: the human training text.
        human_tokens: its tokens.
        work: where commands keep what they make.
        tell: told what is being done.

    Raises:
        ConfigError: a setting cannot be used.
        MissingExtraError: the extra the proxy needs is not installed.
    """
    model = settings.model
    share = model.machine_share if settings.trainer.machine_share is None else settings.trainer.machine_share
    if model.kind == "ngram":
        return NgramLearner(vocabulary, order=model.order, discount=model.discount)
    if model.kind == "neural":
        chosen = NeuralSettings(
            vocabulary=model.words,
            width=model.width,
            updates=updates_of(settings, human_tokens),
            batch=model.batch,
            machine_share=share,
        )
        return NeuralLearner(vocabulary, chosen, seeds=model.seeds, progress=_steps(tell))
    if model.kind == "command":
        assert model.train is not None
        assert model.evaluate is not None
        return CommandLearner(
            model.train,
            model.evaluate,
            work,
            model.timeout_seconds,
            _directory(settings),
            model.seeds,
            _values(settings),
            _steps(tell),
        )
    from headwater.models.text_transformer import TextTransformerSettings, text_transformer

    return text_transformer(
        TextTransformerSettings(
            base=model.base,
            size=model.size,
            updates=updates_of(settings, human_tokens),
            batch=model.batch,
            machine_share=share,
            learning_rate=model.learning_rate,
            lora_rank=model.lora_rank,
        ),
        human["text"].to_pylist(),
        seeds=model.seeds,
        progress=_steps(tell),
    )


def student_of(settings: Settings, work: Path, tell: Callable[[str], None] | None = None) -> CommandLearner | None:
    """Return the user's own trainer, or None where none is set."""
    trainer = settings.trainer
    if not (trainer.train and trainer.evaluate):
        return None
    return CommandLearner(
        trainer.train,
        trainer.evaluate,
        work,
        trainer.timeout_seconds,
        _directory(settings),
        trainer.seeds,
        _values(settings),
        _steps(tell),
    )


def _directory(settings: Settings) -> Path | None:
    return None if settings.trainer.directory is None else Path(settings.trainer.directory)


def _values(settings: Settings) -> dict[str, str]:
    """Return the values of the placeholders that tell a command the student's regime."""
    trainer = settings.trainer
    known = {"tokens": trainer.tokens, "epochs": trainer.epochs}
    return {
        **{name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in known.items() if value},
        "machine_share": f"{student_share(settings):g}",
    }


def _steps(tell: Callable[[str], None] | None) -> Callable[[int, int, str], None] | None:
    """Return what learners report to: every step of many would be too much for a line."""
    if tell is None:
        return None
    say = tell

    def told(done: int, total: int, what: str) -> None:
        if not total:
            say(what)
        elif done % max(total // 20, 1) == 0:
            say(f"{what}, {done} of {total}")

    return told
