"""Python environments of the peers, one each, because what they require contradicts what Headwater requires.

``peers/NAME.txt`` lists what the environment of NAME holds; ``peers/NAME.py`` runs in it. Environments stand in the
folder that the variable HEADWATER_PEERS names (default: ``.peers`` beside the repository's root) and are created on
first use, which downloads the peer.

    python benchmarks/peers/environments.py datatrove    creates the environment and prints its interpreter
"""

import argparse
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent


def peers_folder() -> Path:
    """Return the folder of the environments."""
    return Path(os.environ.get("HEADWATER_PEERS", _HERE.parents[1] / ".peers"))


def peer_python(name: str, *, create: bool = True) -> Path | None:
    """Return the interpreter of a peer's environment, creating it if it is missing; None if it is and may not be."""
    folder = peers_folder() / name
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not interpreter.is_file():
        if not create:
            return None
        print(f"Creating the environment of {name} in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        requirements = _HERE / f"{name}.txt"
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
    return interpreter


def run_peer(name: str, *arguments: str | Path, script: str | None = None) -> Any:
    """Run ``peers/NAME.py`` or another script in its environment, on one thread, and return the JSON it prints."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [str(peer_python(name)), str(_HERE / f"{script or name}.py"), *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **one_thread}, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Create the environments that are named and print their interpreters."""
    parser = argparse.ArgumentParser(description="environments of the peers")
    parser.add_argument("names", nargs="*", default=[path.stem for path in sorted(_HERE.glob("*.txt"))])
    for name in parser.parse_args().names:
        print(peer_python(name))


if __name__ == "__main__":
    main()
