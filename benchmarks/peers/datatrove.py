"""What datatrove decides, and how long it takes. Runs in datatrove's own environment, which has nothing of Headwater.

    python peers/datatrove.py decide TEXTS.jsonl DECISIONS.jsonl
    python peers/datatrove.py time TEXTS.jsonl REPEATS
    python peers/datatrove.py personal TEXTS.jsonl REPEATS
    python peers/datatrove.py versions

A line of TEXTS is a JSON string, a text. A line of DECISIONS is a JSON object: for each filter the reason it gives, ""
for a document it keeps; for the two ways of C4 also the SHA-256 of the text it leaves; and ``chain``, the first filter
of FineWeb's pipeline that removes the document, with its reason. ``personal`` says where each text has e-mail
and public IP addresses, in characters.
"""

import json
import sys
import time
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

# Else ``import datatrove`` finds this file.
if sys.path and sys.path[0].endswith("peers"):
    del sys.path[0]

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4ParagraphFilter,
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.utils import text as datatrove_text

REPETITION, QUALITY, FINEWEB = GopherRepetitionFilter(), GopherQualityFilter(), FineWebQualityFilter()
C4, C4_OPEN, PARAGRAPHS = C4QualityFilter(), C4QualityFilter(filter_no_terminal_punct=False), C4ParagraphFilter()


def read(path):
    """Return the texts of a file."""
    with Path(path).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def outcome(part, document):
    """Return the reason a filter gives, or nothing."""
    try:
        kept = part.filter(document)
    except Exception as error:
        return f"error: {type(error).__name__}"
    return "" if kept is True else kept[1]


def decisions(text):
    """Return what every filter says of a text."""
    found = {}
    for name, part in (
        ("repetition", REPETITION),
        ("quality", QUALITY),
        ("fineweb", FINEWEB),
        ("paragraphs", PARAGRAPHS),
    ):
        found[name] = outcome(part, Document(text=text, id=""))
    for name, part in (("c4", C4), ("c4_open", C4_OPEN)):
        document = Document(text=text, id="")
        found[name] = outcome(part, document)
        found[f"{name}_text"] = sha256(document.text.encode("utf-8", "surrogatepass")).hexdigest()
    chain = next(([name, found[name]] for name in ("repetition", "quality", "c4_open") if found[name]), None)
    if chain is None:
        last = outcome(FINEWEB, document)
        chain = ["fineweb", last] if last else []
    return {**found, "chain": chain}


def decide(source, target):
    """Write what every filter says of every text."""
    with Path(target).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(decisions(text)) + "\n" for text in read(source))


def seconds(work, texts):
    """Return the processor time of some work on texts that nothing has been remembered of."""
    documents = [Document(text=text, id="") for text in texts]
    datatrove_text.split_into_parts.cache_clear()
    start = time.process_time()
    for document in documents:
        work(document)
    return time.process_time() - start


def three(document):
    """The three filters that share their tokens, every one of them on every document."""
    REPETITION.filter(document)
    try:
        QUALITY.filter(document)
        FINEWEB.filter(document)
    except ZeroDivisionError:
        pass  # a text without words: a threshold before would have removed it in a chain


def chain(document):
    """The order of FineWeb's pipeline, stopping at the first filter that removes the document."""
    for part in (REPETITION, QUALITY, C4_OPEN, FINEWEB):
        if part.filter(document) is not True:
            return


WORK = {
    "repetition + quality + fineweb": three,
    "repetition": REPETITION.filter,
    "quality": QUALITY.filter,
    "fineweb": FINEWEB.filter,
    "c4": C4.filter,
    "chain": chain,
}


def measure(source, repeats):
    """Return processor seconds of every piece of work, as often as asked for."""
    texts = read(source)
    for work in WORK.values():
        seconds(work, texts[:5])  # loads spaCy
    return {name: [seconds(work, texts) for _ in range(repeats)] for name, work in WORK.items()}


def personal(source, repeats):
    """Return where texts have addresses, and the processor seconds of replacing them."""
    texts = read(source)
    part = PIIFormatter()
    found = []
    for text in texts:
        emails = [match.span() for match in part.emails_replacer.regex.finditer(text)]
        # It looks for IP addresses after it has replaced the others.
        addresses = [
            match.span()
            for match in part.ip_replacer.regex.finditer(text)
            if part.ip_replacer.validator(match.group(0))
            and not any(begin < match.end() and match.start() < end for begin, end in emails)
        ]
        found.append([emails, addresses])
    costs = []
    for _ in range(repeats):
        start = time.process_time()
        for text in texts:
            part.format(text)
        costs.append(time.process_time() - start)
    return {"places": found, "costs": costs}


def main():
    """Do what the first argument says and print JSON."""
    task, *rest = sys.argv[1:]
    if task == "decide":
        decide(*rest)
    result = measure(rest[0], int(rest[1])) if task == "time" else {}
    if task == "personal":
        result = personal(rest[0], int(rest[1]))
    names = ("datatrove", "spacy", "regex", "xxhash")
    json.dump({"versions": {name: version(name) for name in names}, "seconds": result}, sys.stdout)


if __name__ == "__main__":
    main()
