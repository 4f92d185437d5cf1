"""What a curation says on standard output fits a terminal, is short, and leaves nothing out that matters."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from curate_example import CLEAN, EMPTY, EXAMPLES, ONE_SOURCE, RESULT

from headwater.cli.curate_output import curate_json, curate_summary, plan_json, plan_summary, rethreshold_summary
from headwater.cli.output import print_json
from headwater.curate import curate_settings, plan_curation
from headwater.curate.result import Counts
from headwater.curate.steps import steps_of
from headwater.errors import InputError

WIDE = 120
SAID_IN_FULL = ("Warning: ", "Set aside: ")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_summary_is_short_and_fits_a_terminal(name):
    lines = curate_summary(EXAMPLES[name]).splitlines()
    assert len(lines) <= 45
    assert [line for line in lines if len(line) > WIDE and not line.startswith(SAID_IN_FULL)] == []


def test_a_summary_begins_with_the_counts_and_ends_with_the_folder():
    lines = curate_summary(RESULT).splitlines()
    assert lines[0] == "59,158 documents in = 41,203 kept (69.6%) + 17,914 dropped + 41 bad"
    assert lines[1].endswith("21,840,112 tokens")
    assert lines[2].startswith("41.3 s, 74.9 s of CPU, 2 workers (embedded): ")
    assert lines[-1].endswith(" are in curated")
    assert curate_summary(replace(RESULT, documents=Counts(1, 1, 0, 0))).startswith("1 document in = 1 kept (100.0%)")


def test_rules_and_parts_stand_in_columns_with_numbers_at_their_right():
    lines = curate_summary(RESULT).splitlines()
    rules = lines[lines.index(next(line for line in lines if line.startswith("  dropped by"))) :]
    assert rules[0].split() == ["dropped", "by", "documents", "by", "it", "alone"]
    assert rules[1].split()[:3] == ["near_duplicate", "6,020", "3,344"]
    ends = {match.end() for line in rules[1:9] for match in [re.match(r"  \S+ +[\d,]+", line)]}
    assert ends == {rules[0].index("documents") + len("documents")}
    assert "and 8 more rules; all are in the report" in lines[lines.index(rules[8]) + 1]


def test_a_source_that_lost_too_much_is_marked_and_a_tiny_one_is_not():
    lines = curate_summary(RESULT).splitlines()
    marked = [line.split()[1] for line in lines if line.startswith("! ")]
    assert marked == ["shop.example", "hotels.example", "blog.example", "3"]
    assert "! 3 sources lost more than 50%; see in the report what it was before you use the output" in lines
    assert not [line for line in curate_summary(RESULT, 1.0).splitlines() if line.startswith("!")]
    assert not [line for line in curate_summary(ONE_SOURCE).splitlines() if line.startswith(("!", "  source"))]


def test_a_small_source_that_lost_nearly_all_is_shown_among_thousands():
    crowded = EXAMPLES["crowded"]
    large = [replace(one, kept=one.documents) for one in crowded.sources[:-1]]
    lost = replace(crowded.sources[-1], documents=40, kept=0)
    lines = curate_summary(replace(crowded, sources=(*large, lost))).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("! ")] == [lost.name, "1"]
    assert "  and 9,994 more" in lines


def test_nothing_dropped_and_nothing_read_are_said_without_tables():
    for result in (CLEAN, EMPTY):
        said = curate_summary(replace(result, sources=(), n_sources=0))
        assert "dropped by" not in said
        assert "nan" not in said
        assert len(said.splitlines()) <= 5


def test_bad_records_and_failed_parts_are_named():
    said = curate_summary(RESULT)
    assert "Set aside: 31 not_json, 8 no_text, 2 truncated; see rejects.jsonl." in said
    assert "Warning: crawl/part-04.jsonl.zst could not be worked on and is in neither output: " in said


def test_deciding_again_is_set_beside_what_was_decided_before():
    before = Counts(59_158, 40_000, 19_117, 41)
    said = rethreshold_summary(RESULT, before, None)
    assert said.splitlines()[0].endswith("+ 41 bad; 1,203 more than the 40,000 kept before")
    assert said.endswith("Nothing was written. To write the documents as decided now, add: --out FOLDER")
    assert "the report" not in said
    assert RESULT.out not in said
    assert " of CPU" not in said
    fewer = rethreshold_summary(RESULT, replace(before, kept=41_204, dropped=17_913), Path("again"))
    assert "bad; 1 fewer than the 41,204 kept before" in fewer
    assert fewer.endswith("are in again")
    assert "bad; as many as the 41,203 kept before" in rethreshold_summary(RESULT, RESULT.documents, None)


def test_the_json_is_the_contract(capsys):
    for result in EXAMPLES.values():
        print_json(curate_json(result))
        read = json.loads(capsys.readouterr().out)
        counts = result.documents
        assert read["schema"] == 1
        assert read["documents"] == {
            "in": counts.read, "kept": counts.kept, "dropped": counts.dropped, "bad": counts.bad,
        }  # fmt: skip
        assert [(one["rule"], one["dropped"]) for one in read["rules"]] == [
            (one.rule, one.dropped) for one in result.rules
        ]
        assert {type(read[key]) for key in ("seconds", "cpu_seconds", "peak_rss_mb")} == {float}
        assert {type(read[key]) for key in ("bytes", "workers")} == {int}
        assert isinstance(read["engine"], str)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "some.jsonl"
    path.write_text('{"text": "One."}\n{"text": "Two."}\n')
    return path


def test_a_plan_says_what_would_be_done(corpus, tmp_path):
    settings = curate_settings(
        "fineweb",
        {
            "duplicates.sentences": True,
            "duplicates.prefer": "human",
            "held.paths": (str(corpus),),
            "evaluation.paths": (str(corpus),),
            "personal_data.action": "mask",
            "languages.keep": ("de", "fr"),
        },
    )
    plan = plan_curation([corpus], settings)
    lines = plan_summary(plan, steps_of(settings), settings, tmp_path / "out").splitlines()
    assert lines[0].startswith("Would read 1 file (0.0 MB) in 1 part and write to ")
    facts = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines[2:7])
    assert facts["measures"].split(", ") == [
        "language",
        "text_statistics",
        "c4_lines",
        "personal_data",
        "signatures",
        "span_hashes",
    ]
    assert facts["copies"] == "exact, near (5 words, 14 x 8 hashes), runs of sentences are cut, human stays"
    assert facts["against"] == "1 file"
    assert facts["evaluation"] == "1 file (12 words in a row)"
    assert facts["personal data"] == "mask"
    assert any(re.fullmatch(r"  other_language +language +language is none of de, fr", line) for line in lines)
    assert [line for line in lines[1:] if len(line) > WIDE and not line.startswith(SAID_IN_FULL)] == []
    assert lines[-2].startswith(
        "Warning: too_few_stop_words counts English words, so it drops nearly every document in de, fr."
    )
    made = plan_json(plan, steps_of(settings), settings, tmp_path / "out")
    assert made["files"] == [str(corpus)]
    assert made["rules"][0] == {
        "rule": "other_language",
        "family": "language",
        "measure": "language",
        "threshold": ("de", "fr"),
    }
    json.dumps(made)
    assert not (tmp_path / "out").exists()


def test_a_plan_without_rules_says_so(corpus, tmp_path):
    settings = curate_settings("none", {"duplicates.exact": False, "duplicates.near": False})
    said = plan_summary(plan_curation([corpus], settings), steps_of(settings), settings, tmp_path / "out")
    assert said.endswith("No rule drops a document.")
    assert re.search(r"copies +stay", said)


def test_a_plan_finds_out_that_what_it_compares_with_is_not_there(corpus, tmp_path):
    for key in ("held.paths", "evaluation.paths"):
        settings = curate_settings("fineweb", {key: (str(tmp_path / "nowhere"),)})
        with pytest.raises(InputError, match="nowhere"):
            plan_summary(plan_curation([corpus], settings), steps_of(settings), settings, tmp_path / "out")


def test_personal_data_are_told(tmp_path):
    assert "Personal data in 412 documents, 307 of them kept: 388 emails, 97 phone_numbers." in curate_summary(RESULT)
    none = replace(RESULT, personal_data=replace(RESULT.personal_data, documents=0))
    assert "Personal data: none were found." in curate_summary(none)
    assert "Personal data" not in curate_summary(EXAMPLES["clean"])


def test_thresholds_that_are_names_are_lists_for_scripts():
    rules = tuple(replace(one, threshold=("en", "de")) for one in RESULT.rules if one.rule == "other_language")
    assert curate_json(replace(RESULT, rules=rules))["rules"][0]["threshold"] == ["en", "de"]
