"""What docs/curate.md says is so: its commands run, its examples print what they say, its tables are those of the code.

``python tests/unit/test_docs_curate.py`` writes the generated tables into it again.
"""

import contextlib
import io
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic import BaseModel

from headwater.cli.curate_output import curate_json
from headwater.curate import PERSONAL_KINDS, Placeholders, Reason, curate_settings, preset, sentence_of
from headwater.curate.presets import C4, FINEWEB_QUALITY, GOPHER_QUALITY, GOPHER_REPETITION, language_rules
from headwater.curate.reasons import CUSTOM, DATATROVE_REASONS, LISTED
from headwater.curate.settings import CurateSettings
from headwater.report.curate_text import found_probability
from headwater.report.text import percent

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "curate.md"
README = ROOT / "README.md"
DATA = ROOT.parent / "shared" / "data" / "crawl"

# --- the tables ---


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


def _row(*cells: object) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def rules_table() -> list[str]:
    """Every rule of the presets, with what it measures, when it drops and what datatrove calls it."""
    meanings = {
        field.name: field.metadata[b"meaning"].decode()
        for name in ("gopher", "fineweb")
        for operator in preset(name).operators
        for field in operator.adds
    }
    lines = ["| reason | what is measured | drops | datatrove |", "|---|---|---|---|"]
    for title, rules in (
        ("Gopher, repetition", GOPHER_REPETITION),
        ("Gopher, quality", GOPHER_QUALITY),
        ("C4", C4),
        ("FineWeb", FINEWEB_QUALITY),
        ("Language (`fineweb` only)", language_rules()),
    ):
        lines.append(_row(f"**{title}**", "", "", ""))
        for rule in rules:
            limit = ", ".join(rule.threshold) if isinstance(rule.threshold, tuple) else f"{rule.threshold or 0:,.10g}"
            drops = (
                "off" if rule.threshold is None else f"{'none of' if rule.fails == 'outside' else rule.fails} {limit}"
            )
            other = f"`{DATATROVE_REASONS[rule.reason]}`" if rule.reason in DATATROVE_REASONS else ""
            lines.append(_row(f"`{rule.reason}`", f"`{rule.measure}`: {meanings[rule.measure]}", drops, other))
    return lines


def reasons_table() -> list[str]:
    """Every reason that no preset has."""
    known = {rule.reason for name in ("fineweb", "gopher", "c4") for rule in preset(name).rules}
    lines = ["| reason | a document was dropped because |", "|---|---|"]
    lines += [_row(f"`{reason}`", sentence_of(reason)) for reason in Reason if reason not in known]
    lines.append(_row(f"`{LISTED}NAME`", "it contains what is on the list NAME"))
    return [*lines, _row(f"`{CUSTOM}NAME`", "the rule NAME drops it")]


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object, str, object]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        inner = next(
            (one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, BaseModel)), None
        )
        if inner is not None:
            yield from _fields(inner, f"{prefix}{name}." + ("NAME." if get_origin(kind) is dict else ""))
        else:
            yield f"{prefix}{name}", kind, field.description or "", field.get_default()


def _default(value: object) -> str:
    if value is None or value == "" or (isinstance(value, dict | tuple) and not value) or "Undefined" in str(value):
        return ""
    return f"`{json.dumps(value)}`"


def settings_table() -> list[str]:
    """Every setting with its default."""
    lines = ["| key | default | what it is |", "|---|---|---|"]
    for name, kind, description, default in _fields(CurateSettings):
        allowed = [one for one in get_args(kind) if one] if get_origin(kind) is Literal else []
        values = f" ({', '.join(allowed)})" if allowed else ""
        lines.append(_row(f"`{name}`", _default(default), f"{description}{values}"))
    return lines


TABLES = {"rules": rules_table, "reasons": reasons_table, "settings": settings_table}


def _generated(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}: generated[^\n]*-->\n)(.*?)(<!-- end -->)", re.DOTALL)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_that_of_the_code(name):
    found = _generated(name).search(PAGE.read_text())
    assert found is not None
    assert found[2].splitlines() == TABLES[name](), "run: python tests/unit/test_docs_curate.py"


def test_every_reason_is_explained():
    page = PAGE.read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []


def test_the_probabilities_are_right():
    page = PAGE.read_text()
    heads = re.search(r"^\| s \| (.*) \|$", page, re.MULTILINE)[1].split(" | ")
    shown = re.search(r"^\| probability \| (.*) \|$", page, re.MULTILINE)[1].split(" | ")
    assert shown == [percent(found_probability(float(s), 14, 8)) for s in heads]


def test_every_kind_of_personal_data_is_listed_with_its_placeholder():
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \| `(<\w+>)` \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(kind, getattr(Placeholders(), kind)) for kind in PERSONAL_KINDS]


def test_the_contract_for_scripts_names_every_key():
    from curate_example import RESULT

    contract = PAGE.read_text().partition("## JSON")[2].partition("Exit codes")[0]
    made = curate_json(RESULT)
    keys = {
        *made,
        *made["rules"][0],
        *made["sources"][0],
        *made["documents"],
        *made["failed"][0],
        *made["personal_data"],
        "schema",
    }
    assert {key for key in keys if f'"{key}"' not in contract} == set()
    assert set(re.findall(r'"(\w+)":', contract)) <= {*keys, "plan"}


def test_every_file_it_refers_to_is_there():
    for page in (PAGE, README):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


# --- the examples ---


def _blocks(page: Path, kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return [block for one, block in found if one == kind]


def _commands(page: Path) -> list[list[str]]:
    """Return the commands of this part of Headwater in the order of the page, as lists of words."""
    lines = [line for block in _blocks(page, "console") for line in block.replace("\\\n", "").splitlines()]
    found = [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]
    return [words[1:] for words in found if words[:1] == ["headwater"] and words[1] in {"curate", "rethreshold"}]


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(zstandard.compress(data) if path.suffix == ".zst" else data)


WORDS = (
    "teacher farmer doctor sailor painter lawyer writer miller found lost carried painted described forgot repaired "
    "counted opened letter house bridge garden river horse picture promise window journey early quietly again tomorrow"
)


def _english(seed: int) -> str:
    """Return a made-up English text that no other seed gives."""
    rng = np.random.default_rng(seed)
    frames = (
        "The {} and a {} {} the {} {}, and nobody knew that.",
        "{}, said one {}, we {} your {} with the others. It was {}.",
        "What the {} of that {} {} would have to be a {} {}.",
        "Nobody {} it: a {} {} {} more of them {} than any {}.",
        "{} they {} to sell the {} that my {} {} there.",
    )
    words = WORDS.split()
    return "\n".join(frames[i % 5].format(*rng.choice(words, 6)).capitalize() for i in rng.permutation(15).tolist())


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with made-up files under the names that the pages use, as the working directory."""
    texts = [_english(seed) for seed in range(40)]
    rows = [
        {"text": text, "subset": f"s{i % 3}", "site": f"site{i % 2}", "source": "web"} for i, text in enumerate(texts)
    ]
    _write(tmp_path / "pile.jsonl.zst", rows)
    _write(tmp_path / "crawl" / "a.jsonl.zst", rows[:25])
    _write(
        tmp_path / "crawl" / "b.jsonl.zst",
        [*rows[20:], {"text": "Too short.", "site": "x", "subset": "s0", "source": "web"}],
    )
    _write(tmp_path / "new" / "n.jsonl", rows[:5])
    _write(tmp_path / "benchmarks" / "b.jsonl", [{"question": texts[3][60:300], "answer": "forty-two"}])
    (tmp_path / "boilerplate.txt").write_text("Share this article\n# not an entry\nRead more\n")
    (tmp_path / "rules.toml").write_text(next(one for one in _blocks(PAGE, "toml") if one.startswith("# rules.toml")))
    (tmp_path / "own.py").write_text(next(one for one in _blocks(PAGE, "python") if one.startswith("# own.py")))
    tokenizers = pytest.importorskip("tokenizers", reason="the extra tokens is not installed")
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    vocabulary = {sign: number for number, sign in enumerate(sorted(byte_level.alphabet()))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = byte_level(add_prefix_space=False)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWATER_WORKERS", "1")
    return tmp_path


# They need a cluster, or a project with a reserve: what they would do is looked at.
ELSEWHERE = {"--engine", "--reserve"}


@pytest.mark.parametrize("page", [PAGE, README], ids=lambda page: page.name)
def test_the_commands_run(page, place, cli):
    commands = _commands(page)
    assert len(commands) >= 2
    for words in commands:
        dry = ELSEWHERE & set(words)
        code, out, err = cli(*words, *(["--dry-run"] if dry else []), "--quiet")
        assert code == 0, f"headwater {shlex.join(words)}: {err}"
        assert out.startswith("Would read " if dry or "--dry-run" in words else tuple("0123456789")), out
    if page == PAGE:
        assert len(pq.read_table(place / "clean-30" / "kept")) > 0
        dropped = pq.read_table(place / "decontaminated" / "dropped")
        assert "evaluation_overlap" in {one for reasons in dropped["reasons"].to_pylist() for one in reasons}
        assert pa.types.is_integer(
            pq.read_schema(place / "counted" / "kept" / "part-00000.parquet").field("measured").type["tokens"].type
        )


def test_the_examples_in_python_print_what_they_say(place, cli):
    assert cli(*_commands(PAGE)[0], "--rules", "gopher", "--quiet")[0] == 0
    for block in _blocks(PAGE, "python"):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, "docs/curate.md", "exec"), {})
        expected = re.findall(r"^print\(.*\) +# ([\d\[].*)$", block, re.MULTILINE)
        assert said.getvalue().splitlines()[: len(expected)] == expected


def test_the_file_of_rules_is_taken_as_it_stands(place):
    settings = curate_settings("rules.toml")
    assert settings.thresholds["curly_bracket"] is False
    assert settings.custom["numbers"].python == "own.py:mostly_numbers"


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not here")
def test_the_quick_start_prints_what_the_page_shows(tmp_path, monkeypatch, cli):
    (tmp_path / "pile.jsonl.zst").symlink_to(DATA / "pile_open_subsets.jsonl.zst")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWATER_WORKERS", "1")
    shown = _blocks(PAGE, "")[:2]
    for words, block in zip(_commands(PAGE)[:2], shown, strict=True):
        code, out, err = cli(*words, "--quiet")
        assert code == 0, err
        said = out.splitlines()
        missing = [line for line in block.splitlines() if line not in {"...", ""} and line not in said]
        assert missing == []


if __name__ == "__main__":
    text = PAGE.read_text()
    for table, make in TABLES.items():
        body = "".join(f"{line}\n" for line in make())
        text = _generated(table).sub(lambda found, body=body: found[1] + body + found[3], text)
    PAGE.write_text(text)
