"""What several tests work with: small corpora, the command line in this process, steps that are interrupted."""

import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.schema import documents
from headwater.sources import read_documentation

# A shell that starts the tests in the background has them ignore Ctrl-C, and every process they start would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Prose = Callable[[int, int], str]
Language = Callable[..., list[str]]
Outcome = tuple[int, str, str]
Cli = Callable[..., Outcome]

_SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]


def _words(count: int, seed: int) -> list[str]:
    """Return distinct made-up words of two or three syllables."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(rng.choice(_SYLLABLES, rng.integers(2, 4)))] = None
    return list(found)


@pytest.fixture(scope="session")
def prose() -> Prose:
    """Return a function of a number of words and a seed: a text that shares no word sequence with any other seed."""
    words = np.array(_words(4000, 0))

    def write(count: int, seed: int) -> str:
        drawn = np.random.default_rng([17, seed]).choice(words, count)
        sentences = [" ".join(drawn[i : i + 12]) for i in range(0, count, 12)]
        return " ".join(f"{sentence.capitalize()}." for sentence in sentences)

    return write


@pytest.fixture(scope="session")
def language() -> Language:
    """Return a function that writes texts in one of several small languages over the same words.

    A language is a Markov chain: each of 150 words is followed by one of six others. Texts of the same language help
    to predict each other, texts of two languages do not.
    """
    words = np.array(_words(150, 1))

    def write(count: int, *, language: int = 0, length: int = 60, seed: int = 0) -> list[str]:
        followers = np.random.default_rng([5, language]).integers(0, len(words), (len(words), 6))
        odds = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
        rng = np.random.default_rng([6, language, seed])
        at = rng.integers(0, len(words), count)
        drawn = np.empty((count, length), np.int64)
        for position in range(length):
            drawn[:, position] = at
            at = followers[at, rng.choice(6, count, p=odds)]
        return [" ".join(row) + "." for row in words[drawn]]

    return write


@pytest.fixture(scope="session")
def documentation() -> pa.Table:
    """Human prose: the documentation of the installed numpy, a document per docstring, grouped by module."""
    return read_documentation(("numpy",))


@pytest.fixture
def machine_table() -> Callable[..., pa.Table]:
    """Return a function that makes machine documents of a recipe out of texts."""

    def make(texts: list[str], recipe: str = "recipe", **columns: object) -> pa.Table:
        return documents(texts, **{"origin": "machine", "recipe": recipe, "generation": 1, **columns})

    return make


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line in this process; returns the exit code, standard output and standard error."""
    from headwater.cli.main import main

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["headwater", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return run


class InterruptedSteps:
    """Keeps steps as a run's folder does; ``fails`` names the step that is interrupted."""

    def __init__(self, path: Path, fails: str = "") -> None:
        self.path, self.fails, self.made = path, fails, list[str]()

    def step(self, name: str, key: str, produce: Callable[[Path], None]) -> Path:
        folder = self.path / f"{name}-{key}"
        if not folder.is_dir():
            if name == self.fails:
                raise KeyboardInterrupt
            working = Path(tempfile.mkdtemp(dir=self.path))  # steps are made within steps
            produce(working)
            working.rename(folder)
            self.made.append(name)
        return folder


@pytest.fixture(scope="session")
def interrupted_steps() -> type[InterruptedSteps]:
    """Return what keeps the steps of an experiment in a folder, and can be interrupted at one of them."""
    return InterruptedSteps
