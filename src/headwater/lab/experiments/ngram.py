"""An n-gram model of human text, retrained on what it writes: longer contexts, and plagiarism of the past."""

from dataclasses import replace
from typing import Any, cast

from pydantic import Field

from headwater.lab.bench import Bench
from headwater.lab.experiment import Experiment, Findings
from headwater.lab.experiments.bigram import EXPERIMENT as BIGRAM
from headwater.lab.experiments.bigram import ChainSettings, retrain_chains


class Settings(ChainSettings):
    """Settings of the experiment."""

    order: int = Field(default=3, ge=1, le=8, description="length of the n-grams: the next word depends on one fewer")


def run(settings: Settings, bench: Bench) -> Findings:
    """Retrain n-gram models on their own output."""
    return retrain_chains(settings, bench, EXPERIMENT.chosen(settings), order=settings.order)


EXPERIMENT: Experiment[Any] = replace(
    cast("Experiment[Any]", BIGRAM),
    name="ngram",
    title="A trigram model reads what it wrote",
    summary="The next word depends on the two before it, or on as many as you set. Most contexts occur once, so the "
    "model copies long stretches and repeats some instead of others. With two words of context words vanish as they do "
    "with a bigram; with more, whole stretches live or die together and more words are lost.",
    settings=Settings,
    run=run,
)
