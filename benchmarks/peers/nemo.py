"""NeMo Curator's string and repetition filters on texts, timed; runs in the environment of ``nemo.txt``.

All of them with their defaults (16 string filters, less those that need a list or substring; 6 repetition filters, with
one length of n-grams each), every document through every filter: that is less work than Gopher's rules as published,
which look at nine lengths of n-grams.

    python benchmarks/peers/nemo.py time TEXTS.jsonl REPEATS
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

from nemo_curator.stages.text.filters.heuristic import repetition, string

_STRING = (
    "NonAlphaNumericFilter", "SymbolsToWordsFilter", "NumbersFilter", "UrlsFilter", "BulletsFilter", "WhiteSpaceFilter",
    "ParenthesesFilter", "LongWordFilter", "WordCountFilter", "BoilerPlateStringFilter", "MeanWordLengthFilter",
    "PunctuationFilter", "EllipsisFilter", "CommonEnglishWordsFilter", "WordsWithoutAlphabetsFilter",
    "PornographicUrlsFilter",
)  # fmt: skip
_REPETITION = (
    "RepeatedLinesFilter", "RepeatedParagraphsFilter", "RepeatedLinesByCharFilter", "RepeatedParagraphsByCharFilter",
    "RepeatingTopNGramsFilter", "RepeatingDuplicateNGramsFilter",
)  # fmt: skip


def main() -> None:
    """Time the filters and print processor seconds of every run as JSON."""
    _, _, path, repeats = sys.argv
    texts = [json.loads(line) for line in Path(path).read_text("utf-8").split("\n") if line]
    sets = {
        "string": [getattr(string, name)() for name in _STRING],
        "repetition": [getattr(repetition, name)() for name in _REPETITION],
    }
    sets["string + repetition"] = [*sets["string"], *sets["repetition"]]
    seconds: dict[str, list[float]] = {}
    for name, filters in sets.items():
        for _ in range(int(repeats)):
            start = time.process_time()
            for text in texts:
                for one in filters:
                    one.keep_document(one.score_document(text))
            seconds.setdefault(name, []).append(time.process_time() - start)
    versions = {"nemo-curator": version("nemo-curator"), "python": sys.version.split()[0]}
    print(json.dumps({"seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main()
