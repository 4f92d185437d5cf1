"""Family trees as a user meets them: of a real run, of files, and plans; and every kind of bad input."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.cli.main import main
from headwater.sources import read_documentation, write_documents

MODEL = "r/ungated/1/model"

TREE = {
    "nodes": [
        {"id": "books", "kind": "human", "n": 30},
        {"id": "first", "kind": "model", "n": None},
        {"id": "output", "kind": "synthetic", "n": 30},
        {"id": "second", "kind": "model"},
    ],
    "edges": [
        {"source": "books", "target": "first", "weight": 1.0},
        {"source": "first", "target": "output"},
        {"source": "output", "target": "second", "weight": 3},
        {"source": "books", "target": "second", "weight": 1},
    ],
}

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one small run, with the id r."""
    place = tmp_path_factory.mktemp("project")
    documents = read_documentation(("stdlib",))
    write_documents(documents, place / "human.jsonl")
    rows = [{"text": text, "recipe": "copy"} for text in documents["text"].to_pylist()[:60]]
    (place / "stream.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["run", place / "human.jsonl", "--group", "group", "--stream", place / "stream.jsonl", "--recipe", "recipe",
                 "--generations", "1", "--run-id", "r", "-C", place, "-q", "--json"]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, (place / "out.json").open("w") as out:
        patch.setattr("sys.argv", ["headwater", *map(str, arguments)])
        patch.setattr("sys.stdout", out)
        with pytest.raises(SystemExit) as stop:
            main()
    assert not stop.value.code
    return place


def written(folder: Path, tree: Any, name: str = "tree.json") -> Path:
    path = folder / name
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


# --- the tree of a run --------------------------------------------------------------------------------------------


def test_json_of_a_run_has_the_promised_shape(cli: Cli, project: Path) -> None:
    code, out, err = cli("lineage", "show", "-C", project, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert answer["schema"] == 1
    nodes = {node["id"]: node for node in answer["nodes"]}
    assert {node["kind"] for node in nodes.values()} == {"human", "synthetic", "model"}
    for node in nodes.values():
        assert isinstance(node["n"], int)
        assert 0 < node["f"] <= 1
        assert isinstance(node["effective_size"], float)
    into: dict[str, float] = {}
    for edge in answer["edges"]:
        assert {edge["source"], edge["target"]} <= nodes.keys()
        into[edge["target"]] = into.get(edge["target"], 0.0) + edge["weight"]
    assert all(total == pytest.approx(1) for total in into.values())
    # The first generation of the loop without a gate draws its training set from the model of the human one.
    first, second = nodes["r/ungated/0/model"], nodes[MODEL]
    assert first["f"] == pytest.approx(1 / first["n"])
    assert second["f"] == pytest.approx(1 - (1 - 1 / first["n"]) * (1 - 1 / second["n"]))


def test_one_node_is_shown_with_its_ancestors_only(cli: Cli, project: Path) -> None:
    every = json.loads(cli("lineage", "show", "-C", project, "--json")[1])["nodes"]
    behind = json.loads(cli("lineage", "show", MODEL, "-C", project, "--json")[1])["nodes"]
    assert [node["id"] for node in behind] == [
        "r/human", "r/ungated/0/training", "r/ungated/0/model", "r/ungated/1/output", "r/ungated/1/training", MODEL,
    ]  # fmt: skip
    whole = {node["id"]: node for node in every}
    assert all(node["f"] == pytest.approx(whole[node["id"]]["f"]) for node in behind)


def test_people_get_a_table_what_fresh_data_would_do_and_the_limits(cli: Cli, project: Path) -> None:
    code, out, _ = cli("lineage", "show", MODEL, "-C", project)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["kind", "tokens", "F", "human-equivalent"]
    assert [line.split()[1] for line in lines[1:7]] == ["human", "human", "model", "synthetic", "synthetic", "model"]
    after = [float(line.rsplit("-> ", 1)[1]) for line in lines if line.startswith("add ")]
    assert len(after) == 5
    assert after == sorted(after, reverse=True)  # the more fresh data, the less inbreeding
    assert lines[-1].startswith("F is exact for neutral learners")


def test_a_human_node_has_nothing_to_add_to(cli: Cli, project: Path) -> None:
    _, out, _ = cli("lineage", "show", "r/human-only/1/model", "-C", project)
    assert "fresh human item" not in out


def test_documents_are_counted_where_asked_for(cli: Cli, project: Path) -> None:
    tokens, items = (
        {node["id"]: node for node in json.loads(cli("lineage", "show", *unit, "-C", project, "--json")[1])["nodes"]}
        for unit in ((), ("--unit", "items"))
    )
    documents = (project / "human.jsonl").read_bytes().count(b"\n")
    assert items["r/human"]["n"] < documents < tokens["r/human"]["n"]
    assert items[MODEL]["f"] > tokens[MODEL]["f"]
    assert cli("lineage", "show", MODEL, "--unit", "items", "-C", project)[1].split()[:2] == ["kind", "items"]


def test_an_experiment_beside_the_run_changes_nothing(cli: Cli, project: Path) -> None:
    before = cli("lineage", "show", "-C", project, "--json")
    small = ("--seeds", 2, "--generations", 1)
    assert cli("lab", "run", "dice", *small, "-C", project, "--run-id", "later", "-q")[0] == 0
    assert cli("lineage", "show", "-C", project, "--json") == before
    assert cli("lineage", "show", "--run", "r", "-C", project, "--json") == before
    code, out, err = cli("lineage", "show", "--run", "later", "-C", project)
    assert (code, out) == (2, "")
    assert "later" in err


def test_the_page_is_one_file_with_the_picture(cli: Cli, project: Path, tmp_path: Path) -> None:
    page = tmp_path / "tree.html"
    code, out, _ = cli("lineage", "show", MODEL, "-C", project, "--report", page)
    assert code == 0
    assert out.splitlines()[-1] == f"Report: {page}"
    html = page.read_text("utf-8")
    assert "<svg" in html
    assert MODEL in html
    assert not re.search(r"<script|<iframe|@import", html)
    fetched = re.findall(r"<link[^>]*href=\"([^\"]*)|(?:src|srcset|xlink:href)=\"([^\"]*)|url\(([^)]*)", html)
    assert all(re.match("data:|#", "".join(one).strip("\"' ")) for one in fetched)


def test_the_page_of_a_file_beside_json(cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "tree.html"
    code, out, _ = cli("lineage", "show", written(tmp_path, TREE), "--report", page, "--json")
    assert (code, json.loads(out)["schema"]) == (0, 1)
    assert "output" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["r/ungated/1/modle"], ["Unknown node 'r/ungated/1/modle'", f"Did you mean '{MODEL}'?", "Known: r/human"]),
        (["--unit", "item"], ["Unknown unit 'item'", "Did you mean 'items'?"]),
        (["--run", "nope"], ["There is no run 'nope'"]),
        (["--report", "tree.pdf"], ["--report tree.pdf", ".html"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_shown_is_one_message(cli: Cli, project: Path, arguments: list[str], said: list[str]) -> None:
    code, out, err = cli("lineage", "show", *arguments, "-C", project)
    assert (code, out) == (2, "")
    assert [part for part in said if part not in err] == []
    assert "Traceback" not in err


def test_a_project_without_a_run_says_how_to_get_one(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("lineage", "show", "-C", tmp_path)
    assert code == 2
    assert "headwater run" in err
    assert not (tmp_path / ".headwater" / "runs").exists()


# --- trees from files ---------------------------------------------------------------------------------------------


def test_a_file_gives_the_coefficients_worked_out_by_hand(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("lineage", "show", written(tmp_path, TREE), "--json")
    assert code == 0
    answer = json.loads(out)
    f = {node["id"]: node["f"] for node in answer["nodes"]}
    drawn = 1 - (1 - 1 / 30) ** 2
    # Two draws hit the output twice, the books twice, or one of each, which share what the books have.
    mixed = 9 / 16 * drawn + 1 / 16 / 30 + 2 * 3 / 16 / 30
    assert f == pytest.approx({"books": 1 / 30, "first": 1 / 30, "output": drawn, "second": mixed})
    assert {(edge["source"], edge["target"]): edge["weight"] for edge in answer["edges"]} == {
        ("books", "first"): 1.0, ("first", "output"): 1.0, ("output", "second"): 0.75, ("books", "second"): 0.25,
    }  # fmt: skip


def test_what_is_written_is_read_back(cli: Cli, project: Path, tmp_path: Path) -> None:
    for source in ([written(tmp_path, TREE)], ["-C", project]):
        _, out, _ = cli("lineage", "show", *source, "--json")
        assert cli("lineage", "show", written(tmp_path, out, "again.json"), "--json")[1] == out


def test_events_of_open_lineage_are_read(cli: Cli, tmp_path: Path) -> None:
    def event(run: str, inputs: list[Any], outputs: list[Any]) -> str:
        return json.dumps({"eventType": "COMPLETE", "run": {"runId": run}, "inputs": inputs, "outputs": outputs})

    model = {"namespace": "w", "name": "model", "facets": {"datasetType": {"datasetType": "MODEL"}}}
    books = {"namespace": "w", "name": "books", "inputFacets": {"inputStatistics": {"rowCount": 20}}}
    output = {"namespace": "w", "name": "output", "outputFacets": {"outputStatistics": {"rowCount": 20}}}
    lines = [event("train", [books], [model]), event("sample", [model], [output])]
    code, out, _ = cli("lineage", "show", written(tmp_path, "\n".join(lines), "events.jsonl"), "--json")
    assert code == 0
    nodes = {node["id"]: (node["kind"], node["f"]) for node in json.loads(out)["nodes"]}
    assert nodes == {
        "w/books": ("human", pytest.approx(1 / 20)),
        "w/model": ("model", pytest.approx(1 / 20)),
        "w/output": ("synthetic", pytest.approx(1 - (1 - 1 / 20) ** 2)),
    }


def _with(**changes: Any) -> dict[str, Any]:
    """Return the tree with other nodes or edges; what is added comes behind what is there."""
    return {key: [*TREE[key], *changes.get(key, [])] for key in TREE}


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (_with(edges=[{"source": "second", "target": "first"}]), ["descend from themselves", "'first' -> 'output' -> 'second' -> 'first'"]),
        (_with(edges=[{"source": "bookz", "target": "second"}]), ["'second'", "'bookz'", "Did you mean 'books'?", "Add it"]),
        (_with(edges=[{"source": "books", "target": "third"}]), ["Edge 5", "'third'", "Add it"]),
        (_with(edges=[{"source": "books", "target": "second", "weight": -1}]), ["'second'", "'books'", "not negative"]),
        (_with(edges=[{"source": "books", "target": "second", "weight": math.nan}]), ["'second'", "nan", "finite"]),
        (_with(edges=[{"source": "books", "target": "second", "weight": "half"}]), ["Edge 5", "'half'", "a number"]),
        (_with(edges=[{"source": "books"}]), ["Edge 5", '"target"']),
        (_with(nodes=[{"id": "books", "kind": "human", "n": 3}]), ["'books' is listed twice"]),
        (_with(nodes=[{"id": "x", "kind": "hunam", "n": 3}]), ["'x'", "'hunam'", "Did you mean 'human'?", "synthetic"]),
        (_with(nodes=[{"id": "x", "kind": "human"}]), ["'x' has no number of items"]),
        (_with(nodes=[{"id": "x", "kind": "human", "n": 0}]), ["'x'", "n = 0", "at least 1"]),
        (_with(nodes=[{"id": "x", "kind": "model"}]), ["'x' is trained on nothing"]),
        (_with(nodes=[{"kind": "human", "n": 3}]), ["Node number 5", '"id"']),
        ({"nodes": []}, ["no nodes"]),
        ([1, 2], ["no family tree", '"nodes"']),
        ('{"nodes": [', ["is not JSON", "line 1"]),
    ],
    ids=["cycle", "missing parent", "missing child", "negative", "nan", "text", "half an edge", "twice", "kind", "no n",
         "zero", "untrained", "no id", "empty", "list", "broken"],
)  # fmt: skip
def test_a_bad_file_is_one_message_with_its_name(cli: Cli, tmp_path: Path, tree: Any, said: list[str]) -> None:
    path = written(tmp_path, tree)
    code, out, err = cli("lineage", "show", path)
    assert (code, out) == (2, "")
    assert [part for part in (str(path), *said) if part not in err] == []
    assert "Traceback" not in err


def test_a_file_that_is_not_there_is_one_message(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("lineage", "show", tmp_path / "none.json")
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'none.json'} cannot be read: No such file" in err


def test_a_long_tree_is_cut_for_people_and_whole_as_json(cli: Cli, tmp_path: Path) -> None:
    nodes: list[dict[str, Any]] = [{"id": "human", "kind": "human", "n": 50}]
    edges: list[dict[str, Any]] = []
    for g in range(60):
        nodes += [{"id": f"model-{g}", "kind": "model"}, {"id": f"set-{g}", "kind": "synthetic", "n": 50}]
        edges += [{"source": f"set-{g - 1}" if g else "human", "target": f"model-{g}"},
                  {"source": f"model-{g}", "target": f"set-{g}"}]  # fmt: skip
    path = written(tmp_path, {"nodes": nodes, "edges": edges})
    _, out, _ = cli("lineage", "show", path)
    assert "... and 81 more; --json has all of them." in out
    rows = [line.split()[0] for line in out.splitlines()[1:41]]
    assert (rows[0], rows[-1]) == ("human", "set-59")
    answer = json.loads(cli("lineage", "show", path, "--json")[1])
    assert len(answer["nodes"]) == 121
    # Wright 1931: the last set was drawn 60 times over from 50 human items.
    assert answer["nodes"][-1]["f"] == pytest.approx(1 - (1 - 1 / 50) ** 61)


# --- plans --------------------------------------------------------------------------------------------------------


def test_a_plan_answers_bulk_tail_and_reserve(cli: Cli) -> None:
    asked = ("--target-f", 0.1, "--tail-frequency", 1e-4, "--items", 1_000_000, "--reserve", 1000)
    code, out, err = cli("lineage", "plan", *asked)
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 4
    assert re.search(r"fresh human items for F below 0\.1: 5 per generation", lines[0])
    assert re.search(r"a type of frequency 0\.0001 .* 2,103 per generation", lines[1])
    assert "a reserve of 1,000 for F below 0.1" in lines[2]
    assert "impossible; the reserve itself has the type with probability 0.09517 only" in lines[3]
    assert "F is exact for neutral learners" in err


def test_a_plan_as_json(cli: Cli) -> None:
    asked = ("--target-f", 0.1, "--tail-frequency", 1e-4, "--items", 1_000_000, "--reserve", 1000)
    code, out, _ = cli("lineage", "plan", *asked, "--json")
    answer = json.loads(out)
    assert (code, answer["schema"], answer["short_form"]) == (0, 1, 4.5)  # (1/F - 1)/2
    assert {key: answer[key] for key in ("target_f", "tail_frequency", "survival", "items", "reserve")} == {
        "target_f": 0.1, "tail_frequency": 1e-4, "survival": 0.9, "items": 1_000_000, "reserve": 1000,
    }  # fmt: skip
    assert answer["bulk"]["items"] == 5
    assert answer["bulk"]["reached"] < 0.1
    assert answer["tail"]["items"] == 2103
    assert answer["tail"]["reached"] >= 0.9
    assert answer["reserve_bulk"]["items"] == 5
    assert answer["reserve_tail"]["items"] is None
    assert answer["reserve_tail"]["reached"] < 0.1


def test_a_plan_without_a_tail_or_reserve_leaves_them_out(cli: Cli) -> None:
    code, out, _ = cli("lineage", "plan", "--target-f", 0.01, "--json")
    answer = json.loads(out)
    assert (code, answer["bulk"]["items"]) == (0, 50)
    assert answer["tail"] is answer["reserve_bulk"] is answer["reserve_tail"] is None
    assert len(cli("lineage", "plan", "--target-f", 0.01)[1].splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--items", 5], ["F below 0.1 is impossible with 5 items", "1/n = 0.2", "more than 10 items"]),
        (["--tail-frequency", 1e-4, "--items", 1000], ["frequency 0.0001", "0.09517", "at least 23025 items"]),
        (["--target-f", 0], ["0.0", "above 0 and below 1"]),
        (["--target-f", "nan"], ["nan", "above 0 and below 1"]),
        (["--tail-frequency", 2], ["tail frequency is 2.0", "between 0 and 1"]),
        (["--tail-frequency", 0.1, "--survival", 1], ["survival probability is 1.0", "between 0 and 1"]),
        (["--items", 0], ["0 items", "at least 1"]),
        (["--reserve", -3], ["-3 items", "at least 1"]),
        (["--items", "many"], ["--items", "integer"]),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_an_impossible_plan_says_what_would_do(cli: Cli, arguments: list[object], said: list[str]) -> None:
    code, out, err = cli("lineage", "plan", *arguments)
    assert (code, out) == (2, "")
    assert [part for part in said if part not in err] == []
    assert "Traceback" not in err
