import json
import math
from dataclasses import replace

import pytest
from audit_example import (
    BOUNDED,
    EXAMPLES,
    NO_REFERENCES,
    PLAIN,
    REFUSED,
    RESULT,
    TOO_FEW,
    UNKNOWN,
    crowded,
    group,
    share,
)

from headwater.cli.audit_output import audit_json, audit_summary
from headwater.origin.cost import costs
from headwater.origin.result import Grade, ShareEstimate
from headwater.report import audit_verdict


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_contract_for_scripts(name):
    result = EXAMPLES[name]
    value = json.loads(json.dumps(audit_json(result, "audit.html"), allow_nan=False))
    assert [one["group"] for one in value["groups"]] == [one.group for one in result.groups or (result.corpus,)]
    for one in (*value["groups"], value["corpus"]):
        assert {"group", "documents", "grade", "share", "low", "high", "refused"} <= set(one)
        assert isinstance(one["documents"], int)
        assert one["grade"] in {"A", "B", "C"}
        if one["refused"] is None:
            assert (one["share"] is None) == (one["grade"] == "B")
            assert 0 <= one["low"] <= (one["low"] if one["share"] is None else one["share"]) <= one["high"] <= 1
        else:
            assert one["share"] is one["low"] is one["high"] is None
    assert set(value["detector"]) >= {"auroc_reserve", "card"}
    assert value["seconds"] == result.seconds


def test_numbers_are_those_of_the_audit():
    value = audit_json(RESULT)
    assert value["detector"]["auroc_reserve"] == 0.953
    assert value["detector"]["card"] == "detector/card.json"
    assert value["corpus"]["share"] == 0.094
    assert value["corpus"]["verdicts"] == {"human-consistent": 10_168, "undecided": 1_240, "machine-like": 992}
    small = next(one for one in value["groups"] if one["group"] == "forum · 2023-05")
    assert (small["refused"], small["keys"]) == (TOO_FEW, {"source": "forum", "month": "2023-05"})
    assert value["length_buckets"][0]["smallest_p"] == pytest.approx(1 / 61)
    assert value["evidence"]["content_credential"] == {"verified": 41, "damaged": 7, "invalid": 2}
    assert value["costs"]["precision"] == pytest.approx(0.847, abs=5e-4)
    assert value["documents"] == {"read": 12_400, "bad": 3, "by_kind": {"not_json": 2, "no_text": 1}}
    drift = audit_json(UNKNOWN)["groups"][0]["drift"]
    assert drift["words"][0] == {"word": "delve", "now": 0.041, "expected": 0.002}


def test_what_may_not_be_said_is_null_whatever_the_estimate_holds():
    for estimate in (
        ShareEstimate(Grade.C, 0.4, 0.3, 0.5, None, "EMQ", 9, 0.4),
        ShareEstimate(Grade.A, 0.4, 0.3, 0.5, "No.", "EMQ", 9),
        ShareEstimate(Grade.A, math.nan, 0.3, math.inf, None, "EMQ", 9),
    ):
        result = replace(PLAIN, corpus=replace(PLAIN.corpus, estimate=estimate), groups=())
        one = audit_json(result)["groups"][0]
        assert one["share"] is one["low"] is one["high"] is None
        assert one["refused"]
        told = audit_summary(result, "").split("\n")
        assert "best estimate" not in told[0]
        assert "cannot be known: " in next(line for line in told if "all documents" in line)
        assert not [line for line in (told[0], *told[2:5]) if "%" in line]
    point = audit_json(replace(BOUNDED, groups=()))["groups"][0]
    assert (point["share"], point["low"]) == (None, pytest.approx(0.06))


def test_no_number_that_is_none_reaches_the_json():
    result = replace(
        PLAIN,
        references=replace(PLAIN.references, auroc=math.nan, shift=math.inf),
        costs=replace(PLAIN.costs, precision=math.nan),
        artefacts=(replace(PLAIN.artefacts[0], share={"corpus": math.nan}),),
        seconds=math.nan,
    )
    value = json.loads(json.dumps(audit_json(result), allow_nan=False))
    assert value["detector"]["auroc_reserve"] is None
    assert value["costs"]["precision"] is None
    assert value["artefacts"][0]["share"] == {"corpus": None}
    assert value["seconds"] == 0


# For people


def test_the_summary_begins_with_the_verdict_and_ends_with_what_to_know():
    lines = audit_summary(RESULT, "audit.html").split("\n")
    assert lines[0] == audit_verdict(RESULT)
    assert lines[-1] == "Warning: The human references are older than the corpus."
    assert "Report: audit.html" in lines
    assert "Set aside: 2 not json, 1 no text (rejects.jsonl)." in lines
    assert any(
        line.split() == ["content", "credential", "verified", "41,", "damaged", "7,", "invalid", "2"] for line in lines
    )
    assert any("5 documents with evidence for different origins" in line for line in lines)
    assert any("84.7% of what is isolated is machine-made" in line for line in lines)


def test_the_table_is_aligned_and_sorted_with_the_corpus_first():
    lines = audit_summary(RESULT, "").split("\n")
    start = lines.index("Machine-made share by source, month (shown: by marks or records, without the detector):")
    table = lines[start + 1 : lines.index("", start)]
    places = {line.index(line.split("  ")[-1]) for line in table[1:-1]}
    assert len(places) == 1
    assert table[1].split("  ")[1] == "all documents"
    shares = [float(line.split("  ")[-1].split("%")[0]) for line in table[2:-1]]
    assert shares == sorted(shares, reverse=True)
    assert table[-1] == "  ... and 47 more; --json and the report have them."


def test_refused_groups_show_the_reason_and_no_number():
    result = replace(crowded(11), corpus=REFUSED.corpus)
    lines = audit_summary(result, "").split("\n")
    for name in ("site-000", "site-010"):
        (row,) = (line for line in lines if name in line and "known" in line)
        assert row.endswith(f"cannot be known: it{TOO_FEW[2:-1]}")
    assert "cannot be known: the detector separates your references too badly" in lines[0]
    assert "%" not in lines[0].split(". ")[0]


def test_grade_c_prints_no_share():
    text = audit_summary(UNKNOWN, "audit.html")
    assert "%" not in text
    assert NO_REFERENCES[1:-1] in text
    assert "Machine-made share by source" in text


def test_hostile_names_cannot_steer_the_terminal():
    evil = "\x1b[2J\x00\x9b31m\u202ename\r\nfake"
    groups = (group(evil, {"source": evil}), group("b", {"source": "b"}, estimate=share("A", refused=evil)))
    result = replace(
        RESULT,
        by=(evil,),
        groups=groups,
        evidence={evil: {evil: 1}},
        permissions={evil: 1},
        bad_kinds={evil: 1},
        warnings=(evil,),
        references=replace(RESULT.references, remarks=(evil,)),
    )
    text = audit_summary(result, "audit.html")
    assert not {"\x1b", "\x00", "\x9b", "\u202e"} & set(text)
    lines = text.splitlines()
    assert sum("fake" in line for line in lines) >= 5
    assert not [line for line in lines if line.startswith("fake")]
    json.dumps(audit_json(result), allow_nan=False)


def test_nothing_found_is_said():
    text = audit_summary(PLAIN, "")
    assert "Evidence of origin: none found, which proves nothing." in text
    assert "Report:" not in text
    assert "Permission" not in text


def test_isolating_says_what_it_brings_or_that_it_does_nothing():
    line = next(line for line in audit_summary(RESULT, "").split("\n") if line.startswith("Isolating"))
    assert "times keeping a machine-made one" in line
    assert "rejects.jsonl of the run" in audit_summary(RESULT, "")
    nothing = replace(RESULT, costs=costs(0.1, 0.0, 0.0, assumed=False))
    line = next(line for line in audit_summary(nothing, "").split("\n") if line.startswith("Isolating"))
    assert "isolates nothing" in line
    assert "\u2013" not in line
    assert audit_json(nothing)["costs"]["precision"] is None
