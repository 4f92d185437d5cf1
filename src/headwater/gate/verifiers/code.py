"""Generated programs against unit tests, locked away."""

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import ConfigError
from headwater.gate.verifiers.sandbox import Sandbox, SandboxUnavailableError, unavailable
from headwater.gate.verifiers.texts import fenced, meta_values
from headwater.schema import Reason, Stage


@dataclass(frozen=True)
class UnitTests:
    """Fails documents whose Python program fails its tests.

    The program is the document's fenced blocks of Python, one after the other, or else the whole text; it is saved as
    ``solution.py`` beside the tests, which import it. Tests are assertions: exit code 0 is passed. Each document runs
    in a jail of its own (:class:`headwater.gate.verifiers.sandbox.Sandbox`).
    """

    tests: str | None = None
    """Python source of the tests of every document; None: each brings its own."""
    column: str = "tests"
    """Column of the stream with a document's own tests (kept in its meta data)."""
    sandbox: Sandbox = field(default_factory=Sandbox)
    workers: int = 2
    """Programs run at once."""
    reason: Reason = Reason.TESTS_FAILED
    stage: Stage = Stage.CHECKS
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if (fault := unavailable()) is not None:
            raise SandboxUnavailableError(fault)

    @classmethod
    def of(cls, path: Path | None, column: str, sandbox: Sandbox, workers: int) -> "UnitTests":
        """Return the check with the tests of a file.

        Raises:
            ConfigError: the file cannot be read.
            SandboxUnavailableError: the system offers no isolation.
        """
        try:
            tests = None if path is None else path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError([f"the tests in {path} cannot be read: {error}"], "a verifier") from error
        return cls(tests, column, sandbox, workers)

    def measure(self, documents: pa.Table) -> NDArray[np.float64]:
        """Return 0 for a program that passes its tests, 1 for one that does not, NaN for one without tests."""
        texts = documents["text"].to_pylist()
        tests: Sequence[object] = [self.tests] * len(texts)
        if self.tests is None:
            tests = list(meta_values(documents, self.column))
        with ThreadPoolExecutor(self.workers) as pool:
            return np.array(list(pool.map(self._fails, texts, tests)), np.float64)

    def _fails(self, text: str, tests: object) -> float:
        if not isinstance(tests, str):
            return float("nan")
        blocks = fenced(text, "python", "py", "python3")
        program = "\n".join(blocks) if blocks else text
        # What the program itself says on being imported is not what its tests say.
        word = secrets.token_hex(16)
        files = {"solution.py": program, "tests.py": tests, "run.py": _RUN.format(word=word)}
        return float(not self.sandbox.run(files, "run.py").output.endswith(f"\n{word}\n"))


# The tests run as the main program with the solution importable. The last word is only said when they came to an end,
# so that a solution that ends the process with exit code 0 has not passed, and it is another one each time, gone from
# the folder before the solution begins: printing it is no way either.
_RUN = """
import os, sys
os.unlink("/box/run.py")
sys.path.insert(0, "/box")
say, end = sys.stdout.write, sys.stdout.flush
source = open("/box/tests.py", encoding="utf-8").read()
namespace = {{"__name__": "__main__"}}
exec(compile(source, "tests.py", "exec"), namespace)
for name, test in list(namespace.items()):
    if name.startswith("test") and callable(test):
        test()
say("\\n{word}\\n")
end()
"""
