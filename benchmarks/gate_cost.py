"""What does the gate cost on a million candidate tokens in ten recipes?

Paragraphs of English novels, each used once: some are the human reserve, others the candidates, dealt to the recipes
evenly. The candidates are human text, so the gate admits them: the dear case, in which the set that proxies are trained
on grows to the whole stream. A second stream holds the same paragraphs with their words in random order: nothing is
admitted, and the human-only proxy is trained once.

Measured in processor seconds, kernels compiled beforehand: reading the candidates from a JSON lines file, encoding
them, the hard checks, and the tests of utility; all of it also in proxy trainings, one of which is to fit the human
documents and one recipe and to score the steering and the certification panel. What is done once per reserve (reading,
near duplicates, split, vocabulary, index of its word sequences) is shown apart.

    python benchmarks/gate_cost.py [--tokens 1000000] [--recipes 10] [--human 400000] [--data FOLDER]

prints Markdown tables; about a minute on one core.
"""

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import zstandard
from loops import markdown, verdict_of, versions

from headwater.config import Settings
from headwater.gate import Checked, GateState, HardChecks, token_counts
from headwater.generate import machine_documents, shuffle
from headwater.loop.comparison import judge_stream
from headwater.loop.inputs import read_human, read_stream, split_human
from headwater.loop.text_world import TextWorld
from headwater.models import warm
from headwater.schema import Origin, Verdict, documents
from headwater.sources import write_documents
from headwater.store import Part

_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
LEAST_WORDS = 30  # of a paragraph
T = TypeVar("T")


@dataclass
class Clock:
    """Processor seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Return what ``work`` returns and note how long it took."""
        start = time.process_time()
        result = work()
        self.seconds[stage] = time.process_time() - start
        return result

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Judged:
    """One stream through the gate."""

    name: str
    clock: Clock
    checked: Checked
    state: GateState
    training: float
    """Seconds of one proxy training."""


def paragraphs(data: Path) -> Iterator[str]:
    """Yield the paragraphs of the novels."""
    with (data / "lm" / "novels_en.jsonl.zst").open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
            for paragraph in json.loads(line)["text"].splitlines():
                if len(paragraph.split()) >= LEAST_WORDS:
                    yield paragraph


def deal(texts: list[str], words: int) -> tuple[list[str], list[str]]:
    """Return the first texts with that many words together, and the others."""
    count = int(np.searchsorted(np.cumsum([len(text.split()) for text in texts]), words)) + 1
    return texts[:count], texts[count:]


def reserve(path: Path, clock: Clock) -> tuple[TextWorld, HardChecks]:
    """Return the shared ground of the human documents in a file, and the hard checks against them."""
    settings = Settings.model_validate({"human": {"paths": [str(path)]}, "stream": {"paths": ["given"]}})
    human = clock.time("read, near duplicates", lambda: read_human(settings, path.with_suffix(".rejects")))
    split, _ = clock.time("split", lambda: split_human(human.table, settings))
    world = clock.time("vocabulary, encode", lambda: TextWorld.on(split, settings))
    return world, clock.time("index of 8-word sequences", world.hard_checks)


def judge(name: str, path: Path, world: TextWorld, checks: HardChecks) -> Judged:
    """Return what the gate makes of the candidates in a file, with the cost of every stage."""
    settings = Settings.model_validate({"stream": {"paths": [str(path)], "recipe": "recipe"}})
    clock = Clock()
    stream = clock.time("read", lambda: read_stream(settings, path.with_suffix(".rejects")).table)
    encoded = clock.time("encode", lambda: world.encode(stream))
    checked = clock.time("hard checks", lambda: checks.apply(encoded))
    gate = clock.time("clip bound", lambda: world.gate(gates=1, machine_share=1.0))
    state = clock.time("utility tests", lambda: judge_stream(gate, checked))
    return Judged(name, clock, checked, state, training_seconds(world, encoded))


def training_seconds(world: TextWorld, stream: pa.Table) -> float:
    """Return the processor seconds of one proxy training, the best of three."""
    recipe = stream["recipe"][0].as_py()
    batch = stream.filter(pa.array([name == recipe for name in stream["recipe"].to_pylist()], pa.bool_()))
    mixed = pa.concat_tables([world.train, batch])
    panels = [world.split[part] for part in (Part.STEERING, Part.CERTIFICATION)]

    def train() -> None:
        model = world.learner.fit(mixed, np.random.default_rng(0))
        for panel in panels:
            model.loss(panel)

    clock = Clock()
    for number in range(3):
        clock.time(str(number), train)
    return min(clock.seconds.values())


def _write(texts: list[str], recipes: int, path: Path) -> None:
    """Write candidates, dealt out to recipes in turn."""
    batches = [machine_documents(texts[i::recipes], recipe=f"recipe-{i:02}") for i in range(recipes)]
    write_documents(pa.concat_tables(batches), path)


def _cost_table(found: list[Judged]) -> str:
    stages = found[0].clock.seconds
    rows = [[stage, *(f"{judged.clock.seconds[stage]:.2f}" for judged in found)] for stage in stages]
    rows.append(["**all**", *(f"**{judged.clock.total:.2f}**" for judged in found)])
    rows.append(["in proxy trainings", *(f"{judged.clock.total / judged.training:.0f}" for judged in found)])
    rows.append(["one proxy training", *(f"{judged.training:.3f}" for judged in found)])
    rows.append(["proxy trainings per recipe test", *(f"{_per_test(judged):.2f}" for judged in found)])
    rows.append(["recipes admitted", *(str(_admitted(judged)) for judged in found)])
    rows.append(["candidate tokens", *(f"{token_counts(judged.checked.documents).sum():,}" for judged in found)])
    passed = [f"{token_counts(judged.checked.passed).sum():,}" for judged in found]
    rows.append(["of which pass the hard checks", *passed])
    return markdown(["CPU seconds", *(judged.name for judged in found)], rows)


def _per_test(judged: Judged) -> float:
    return judged.state.trainings / max(judged.state.steering_tests, 1)


def _admitted(judged: Judged) -> int:
    return sum(status.verdict is Verdict.ADMITTED for status in judged.state.statuses.values())


def main() -> None:
    """Judge both streams and print the tables."""
    parser = argparse.ArgumentParser(description="cost of the gate")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="candidate tokens")
    parser.add_argument("--recipes", type=int, default=10, help="recipes they are dealt to")
    parser.add_argument("--human", type=int, default=400_000, help="words of the human reserve")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with lm/")
    options = parser.parse_args()
    warm()
    rng = np.random.default_rng(0)
    texts = list(dict.fromkeys(paragraphs(options.data)))
    texts = [texts[i] for i in rng.permutation(len(texts))]
    human, texts = deal(texts, options.human)
    # Punctuation is tokens too: novels have about 1.17 tokens per word between spaces.
    candidates, _ = deal(texts, round(options.tokens / 1.17))
    once = Clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(documents(human, origin=Origin.HUMAN.value, generation=0), folder / "human.jsonl")
        _write(candidates, options.recipes, folder / "text.jsonl")
        salad = shuffle.make(documents(candidates), rng)["text"].to_pylist()
        _write(salad, options.recipes, folder / "salad.jsonl")
        world, checks = reserve(folder / "human.jsonl", once)
        found = [
            judge("unseen human text", folder / "text.jsonl", world, checks),
            judge("its words shuffled", folder / "salad.jsonl", world, checks),
        ]
    worst = max(judged.clock.total for judged in found)
    most = max(_per_test(judged) for judged in found)
    print(
        f"`python benchmarks/gate_cost.py --tokens {options.tokens} --recipes {options.recipes} --human "
        f"{options.human}`: one thread; {versions()}.\n"
    )
    lines = [
        (
            f"whole gate, {options.tokens:,} tokens in {options.recipes} recipes: at most 10 s",
            f"{worst:.1f} s",
            worst <= 10,
        ),
        ("at most 2 proxy trainings per recipe test", f"{most:.2f}", most <= 2),
    ]
    print(markdown(["target", "measured", ""], [(what, value, verdict_of(met)) for what, value, met in lines]))
    print(_cost_table(found))
    sizes = {part.value: int(token_counts(world.split[part]).sum()) for part in Part}
    reserve_tokens = ", ".join(f"{name} {tokens:,}" for name, tokens in sizes.items() if tokens)
    print(f"Once per reserve ({reserve_tokens} tokens):\n")
    print(markdown(["CPU seconds", ""], [[stage, f"{seconds:.2f}"] for stage, seconds in once.seconds.items()]))


if __name__ == "__main__":
    main()
