"""How proxy and student are trained, side by side, and where they differ.

What a batch is worth belongs to the data *and* to the training: the same rewrites help a model that is trained until
the human text is used up, and hurt one that is stopped early. So the proxy copies what is known of the student's
training (tokens, passes, machine-made share), and what it cannot copy is said.
"""

import math
from dataclasses import dataclass

from headwater.config import Settings

_PIECE_TOKENS = 64  # of the neural proxy and of the transformer: tokens of a piece
_TIMES = 1.5  # passes that differ by more are another regime; the plateau is that flat in benchmarks/neural_student.py

_OF_ROWS = {
    "table": "gradient-boosted trees that predict",
    "image": "a logistic regression on pixels that predicts",
    "series": "a logistic regression on windows that predicts",
}
"""What judges documents that are no texts, by their modality."""


@dataclass(frozen=True, slots=True)
class Regimen:
    """How a model is trained."""

    who: str
    """proxy or student."""
    model: str
    """What it is, in words."""
    tokens: int | None
    """Tokens read in training, all passes together; None where it is not known."""
    epochs: float | None
    """Passes over the human text; None where it is not known."""
    machine_share: float
    """Largest machine-made share of what it reads."""
    seeds: int
    """Models that are averaged."""


def updates_of(settings: Settings, human_tokens: int) -> int:
    """Return the steps of training of a neural or transformer proxy: the student's token budget where it is known.

    Args:
        settings: resolved settings.
        human_tokens: tokens of the human training text.
    """
    trainer = settings.trainer
    if trainer.epochs is None and trainer.tokens is None:
        return settings.model.updates
    budget = (trainer.tokens or human_tokens) * (trainer.epochs or 1.0)
    return max(1, round(budget / (settings.model.batch * _PIECE_TOKENS)))


def student_share(settings: Settings) -> float:
    """Return the largest machine-made share of the student's mix."""
    share = settings.trainer.machine_share
    return settings.loop.machine_share if share is None else share


def regimens(settings: Settings, human_tokens: int) -> tuple[Regimen, ...]:
    """Return the proxy's training, and the student's where one is described.

    Args:
        settings: resolved settings.
        human_tokens: tokens of the human training text.
    """
    model, trainer = settings.model, settings.trainer
    share = trainer.machine_share
    if settings.human.modality != "text":
        target = settings.human.target
        name = f"{_OF_ROWS[settings.human.modality]} {target}"
        if target is None:
            name = "a linear forecast of the end of a window"
        proxy = Regimen("proxy", name, None, None, 1.0 if share is None else share, 1)
    elif model.kind == "ngram":
        # it counts, so every document is read once; the mix has the student's share
        proxy = Regimen("proxy", f"n-gram model of order {model.order}", None, 1.0, 1.0 if share is None else share, 1)
    elif model.kind == "command":
        proxy = Regimen("proxy", f"command: {model.train}", None, trainer.epochs, 1.0 if share is None else share,
                        model.seeds if "{seed}" in (model.train or "") else 1)  # fmt: skip
    else:
        tokens = updates_of(settings, human_tokens) * model.batch * _PIECE_TOKENS
        what = "recurrent network" if model.kind == "neural" else "transformer"
        capped = model.machine_share if share is None else share
        proxy = Regimen("proxy", what, tokens, tokens * (1 - capped) / max(human_tokens, 1), capped, model.seeds)
    if not trainer.train and trainer.tokens is None and trainer.epochs is None and share is None:
        return (proxy,)
    read = None if trainer.epochs is None and trainer.tokens is None else round(
        (trainer.tokens or human_tokens) * (trainer.epochs or 1.0)
    )  # fmt: skip
    seeds = trainer.seeds if "{seed}" in (trainer.train or "") else 1
    name = f"command: {trainer.train}" if trainer.train else "your own training"
    return proxy, Regimen("student", name, read, trainer.epochs, student_share(settings), seeds)


def regimen_warnings(found: tuple[Regimen, ...]) -> list[str]:
    """Return where proxy and student are trained differently, a sentence each."""
    if len(found) < 2:
        return []
    proxy, student = found
    said = []
    if not math.isclose(proxy.machine_share, student.machine_share, abs_tol=0.01):
        said.append(
            f"The proxy's machine-made share is at most {proxy.machine_share:.0%}, the student's "
            f"{student.machine_share:.0%}. What a recipe is worth depends on it. Set trainer.machine_share, which the "
            "proxy follows."
        )
    if student.epochs is None:
        said.append(
            "How often the student reads its text is not known, so the proxy cannot follow it. Set trainer.epochs."
        )
    elif proxy.epochs is not None and not 1 / _TIMES <= proxy.epochs / student.epochs <= _TIMES:
        said.append(
            f"The proxy reads the human text {proxy.epochs:.3g} times, the student {student.epochs:.3g} times. A model "
            "that has not used up the human text gains less from more, or loses; one that has gains more."
        )
    return said
