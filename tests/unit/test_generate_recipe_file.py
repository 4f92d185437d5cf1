"""Recipe files: every fault at once, ids that follow what shapes the output, templates that can do nothing else."""

import json

import pytest

from headwater.errors import ConfigError, InputError
from headwater.generate import (
    FAMILIES,
    Answer,
    Bad,
    Finish,
    Request,
    example_recipe,
    judge_answers,
    load_recipe,
    parents_of,
    recipe_of,
    requests_of,
    seed_table,
)
from headwater.generate.answers import echo_share
from headwater.generate.templates import render, template_fault
from headwater.schema import documents

ENDPOINT = {"kind": "endpoint", "model": "m", "base_url": "http://localhost:1/v1"}


def _recipe(**changes):
    return recipe_of({"name": "r", "generator": ENDPOINT, **changes})


def test_every_fault_of_a_file_is_named_at_once_with_its_line(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(
        'name = "r"\nfamily = "rephrased"\n[generator]\nkind = "endpoint"\nmodel = "m"\ntemprature = 1\n'
        "[decoding]\ntop_p = 2\n[prompt]\ntemplate = '{{ txt }}'\n[budget]\nmoney = 5\n"
    )
    with pytest.raises(ConfigError) as found:
        load_recipe(path)
    faults = "\n".join(found.value.faults)
    assert len(found.value.faults) == 5
    assert "Did you mean 'rephrase'?" in faults
    assert "generator.temprature: unknown key of a generator of kind endpoint" in faults
    assert "decoding.top_p (line 8)" in faults
    assert "unknown field txt" in faults
    assert "a cap in money needs price_in and price_out" in faults


def test_unknown_and_missing_kinds_are_named():
    with pytest.raises(
        ConfigError, match=r"generator.kind: 'endpont' is none. Known: endpoint.*Did you mean 'endpoint'"
    ):
        recipe_of({"name": "r", "generator": {"kind": "endpont"}})
    with pytest.raises(ConfigError, match=r"generator.kind: kind is missing"):
        recipe_of({"name": "r", "generator": {}})
    with pytest.raises(ConfigError, match="generator: is missing"):
        recipe_of({"name": "r"})


@pytest.mark.parametrize("family", FAMILIES)
def test_the_example_of_each_family_is_a_recipe_and_says_what_the_family_says_by_itself(family, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(example_recipe(family))
    recipe = load_recipe(path)
    assert recipe.family == family
    if family != "rephrase":
        assert recipe.templates[""].strip() == _recipe(family=family).templates[""].strip()


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"name": "other"}, True),
        ({"budget": {"tokens": 10}}, True),
        ({"limits": {"concurrency": 2}}, True),
        ({"generator": {**ENDPOINT, "api_key_env": "X"}}, True),
        ({"parents": {"limit": 3}}, True),
        ({"decoding": {"temperature": 0.5}}, False),
        ({"decoding": {"max_tokens": 5}}, False),
        ({"prompt": {"template": "Say {{ text }}"}}, False),
        ({"prompt": {"system": "Hm"}}, False),
        ({"generator": {**ENDPOINT, "model": "n"}}, False),
        ({"generator": {**ENDPOINT, "base_url": "http://localhost:2/v1"}}, False),
        ({"answer": {"most_echo": 0.2}}, False),
        ({"verify": [{"kind": "arithmetic"}]}, False),
    ],
)
def test_the_id_follows_what_shapes_the_output_and_nothing_else(changes, same):
    assert (_recipe(**changes).id == _recipe().id) is same


def test_verifiers_and_checks_change_the_recipe_but_not_what_is_asked():
    one, other = _recipe(), _recipe(verify=[{"kind": "arithmetic"}], answer={"most_echo": 0.3})
    assert one.asking_id == other.asking_id
    assert one.id != other.id


def test_a_deployment_stands_for_the_address():
    here = {**ENDPOINT, "deployment": "llama-a"}
    assert _recipe(generator=here).id == _recipe(generator={**here, "base_url": "http://10.0.0.1/v1"}).id


@pytest.mark.parametrize(
    "source", ["{{ text.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ meta.missing.more }}", "{{ text.nothing }}"]
)
def test_templates_are_confined_and_strict(source):
    assert template_fault(source) is None
    with pytest.raises(InputError, match="cannot be made"):
        render(source, {"text": "x", "meta": {}, "id": "d1"})


def test_each_parent_gets_every_style_and_sample_and_says_where_it_comes_from():
    recipe = _recipe(prompt={"styles": {"a": "A {{ text }}", "b": "B {{ text }} {{ sample }}"}, "samples": 2})
    parents = documents(["one", "two"], id=["p", "q"], group=["g", None], generation=[0, 3], origin="human")
    found = list(requests_of(recipe, parents_of(parents, recipe), "gen"))
    assert [one.prompt for one in found[:4]] == ["A one", "A one", "B one 1", "B one 2"]
    assert [(one.parents, one.generation, one.group) for one in found[::4]] == [(("p",), 1, "g"), (("q",), 4, "q")]
    assert len({one.key for one in found}) == len({one.seed for one in found}) == 8
    assert [one.key for one in requests_of(recipe, parents_of(parents, recipe), "gen")] == [one.key for one in found]
    assert not {one.key for one in requests_of(recipe, parents_of(parents, recipe), "other")} & {
        one.key for one in found
    }


def test_one_style_per_parent_and_parents_together():
    styles = {"styles": {"a": "A {{ text }}", "b": "B {{ text }}"}, "each_parent": "one style"}
    recipe = _recipe(prompt=styles)
    parents = documents([f"text {i}" for i in range(200)])
    chosen = [one.style for one in requests_of(recipe, parents_of(parents, recipe), "gen")]
    assert len(chosen) == 200
    assert 60 < chosen.count("a") < 140  # binomial(200, 1/2): outside with probability 1e-8
    pairs = _recipe(prompt={"template": "{% for one in parents %}{{ one.text }};{% endfor %}"}, parents={"together": 2})
    found = list(requests_of(pairs, parents_of(parents, pairs), "gen"))
    assert found[0].prompt == "text 0;text 1;"
    assert len(found[0].parents) == 2


def test_a_random_choice_of_parents_is_the_same_each_time_and_no_beginning():
    recipe = _recipe(parents={"limit": 10, "choose": "random"})
    parents = documents([f"text {i}" for i in range(500)])
    first = [one.parents for one in requests_of(recipe, parents_of(parents, recipe), "g")]
    assert len(first) == 10
    assert first == [one.parents for one in requests_of(recipe, parents_of(parents, recipe), "g")]
    assert {one[0] for one in first} != set(parents["id"].to_pylist()[:10])


def test_seeds_fill_the_gap_and_keep_the_documents_they_were_made_from():
    recipe = _recipe(family="fill")
    seeds = seed_table([{"slice": "law", "words": ["tort", "lien"], "parents": ["d1"], "generation": 1},
                        {"slice": "sea", "words": "keel"}, {"slice": "sea", "words": "keel"}])  # fmt: skip
    found = list(requests_of(recipe, parents_of(seeds, recipe), "g"))
    assert "law" in found[0].prompt
    assert "tort, lien" in found[0].prompt
    assert (found[0].parents, found[0].generation, found[1].parents) == (("d1",), 2, ())
    assert len({one.key for one in found}) == 3
    with pytest.raises(InputError, match="seed 1 needs a slice and words"):
        seed_table([{"slice": "law"}])


# What becomes of answers.

PARENT = (
    "The harbour of the old town was rebuilt after the storm of 1953, when the sea broke through the northern wall and "
    "drowned the market square under two metres of water for almost a week."
)
GOOD = (
    "After the great flood of 1953 the port had to be built anew: for nearly seven days the square lay two metres deep, "
    "because waves had breached the wall on its north side."
)
GERMAN = (
    "Nach der Sturmflut von 1953 wurde der Hafen der alten Stadt wieder aufgebaut, denn das Meer hatte die nördliche "
    "Mauer durchbrochen und den Marktplatz fast eine Woche lang unter Wasser gesetzt."
)


def _judged(text, finish=Finish.STOP, **changes):
    recipe = _recipe(**changes)
    request = next(requests_of(recipe, parents_of(documents([PARENT]), recipe), "g"))
    return judge_answers(recipe, [(request, Answer(request.key, text, finish))])[0]


@pytest.mark.parametrize(
    ("text", "finish", "bad"),
    [
        (GOOD, Finish.STOP, None),
        (f"<think>Hm, a harbour.</think>\n{GOOD}", Finish.STOP, None),
        ("", Finish.STOP, Bad.EMPTY),
        (" ...\n", Finish.STOP, Bad.EMPTY),
        ("<think>Hm, a harbour", Finish.LENGTH, Bad.TRUNCATED),
        (GOOD[:90], Finish.LENGTH, Bad.TRUNCATED),
        (GOOD, Finish.FILTERED, Bad.FILTERED),
        (GOOD[:40], Finish.CUT, Bad.CUT_STREAM),
        ("{", Finish.MALFORMED, Bad.MALFORMED),
        ("", Finish.NONE, Bad.NO_TEXT),
        ("I'm sorry, but I can't help with rewriting this text.", Finish.STOP, Bad.REFUSAL),
        ("As an AI language model, I do not have opinions about harbours.", Finish.STOP, Bad.REFUSAL),
        ("Es tut mir leid, aber ich kann das nicht umschreiben.", Finish.STOP, Bad.REFUSAL),
        ("I cannot provide a summary of this.", Finish.STOP, Bad.REFUSAL),
        ("Sorry was the captain, who said he could not have known; and the harbour was lost.", Finish.STOP, None),
        ("I can't believe how deep the water stood in the square that week in 1953.", Finish.STOP, None),
        (PARENT, Finish.STOP, Bad.ECHO),
        (f"Rewrite the following text in your own words. Keep every fact. {GOOD[:40]}", Finish.STOP, Bad.ECHO),
        (GERMAN, Finish.STOP, Bad.LANGUAGE),
    ],
)  # fmt: skip
def test_each_kind_of_bad_answer_and_a_near_miss(text, finish, bad):
    assert _judged(text, finish).bad is bad


def test_languages_are_those_of_the_recipe():
    assert _judged(GERMAN, answer={"languages": ["de"]}).bad is None
    assert _judged(GOOD, answer={"languages": ["de", "fr"]}).bad is Bad.LANGUAGE
    assert _judged(GERMAN, answer={"languages": "any"}).bad is None


def test_a_truncated_answer_is_trimmed_where_that_is_wanted():
    found = _judged(f"{GOOD} And then the", Finish.LENGTH, answer={"truncated": "trim"})
    assert (found.text, found.trimmed, found.bad) == (GOOD, True, None)
    assert _judged("no end in sight", Finish.LENGTH, family="continuation").bad is Bad.TRUNCATED
    assert _judged(GOOD[:60], Finish.LENGTH, answer={"truncated": "keep"}).bad is None


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('{"q": "Why?"}', "no text in a"),
        ("[1]", "no object"),
        ('{"q": "Why', "no JSON"),
        ('{"q": "x", "a": 3}', "no text in a"),
    ],
)
def test_malformed_json_is_refused_and_says_what_is_missing(text, detail):
    found = _judged(text, answer={"fields": ["q", "a"]})
    assert found.bad is Bad.MALFORMED_JSON
    assert detail in found.detail


def test_fields_become_a_document_and_are_kept():
    text = "```json\n" + json.dumps({"q": "When did the sea break through?", "a": "In 1953."}) + "\n```"
    found = _judged(text, answer={"fields": ["q", "a"], "render": "Q: {{ q }}\nA: {{ a }}"})
    assert found.text == "Q: When did the sea break through?\nA: In 1953."
    assert found.fields == {"q": "When did the sea break through?", "a": "In 1953."}


def test_the_echo_is_the_share_of_word_sequences():
    words = [f"w{i}" for i in range(40)]
    half = [*words[:20], *(f"x{i}" for i in range(20))]
    assert echo_share(" ".join(words), " ".join(words)) == 1
    assert echo_share(" ".join(half), " ".join(words)) == pytest.approx(13 / 33)
    assert echo_share(" ".join(words[::-1]), " ".join(words)) == 0


def test_a_request_is_a_value():
    recipe = _recipe()
    one = next(requests_of(recipe, parents_of(documents([PARENT]), recipe), "g"))
    assert isinstance(one, Request)
    assert one == next(requests_of(recipe, parents_of(documents([PARENT]), recipe), "g"))
