"""Watermark keys: the file, its faults, secrecy, and what the reader says about which documents."""

import json

import numpy as np
import pytest

from headwater.errors import ConfigError
from headwater.origin.evidence import Evidence, Status
from headwater.origin.marks.green_list import GreenListKey, green_list_tests
from headwater.origin.marks.synthid import SynthIdKey, g_values
from headwater.origin.marks.watermark import LEVEL, WatermarkReader, load_keys, watermarking_config
from headwater.schema import EvidenceKind, Origin, documents

_SECRET = 918_273_645_546_372_819
_VOCABULARY = 400
_GOOD = f"""
[[keys]]
name = "green"
scheme = "green-list"
key = {_SECRET}
seeding = "selfhash"
context_width = 4
gamma = 0.5
vocabulary = 400
tokens = "ids"

[[keys]]
name = "synth"
scheme = "synthid-text"
keys = [{_SECRET}, 17, 23]
ngram_len = 4
tokens = "ids"
"""


def _load(tmp_path, text):
    path = tmp_path / "keys.toml"
    path.write_text(text, encoding="utf-8")
    return load_keys(path)


def _green(name="green", key=15_485_863, **settings) -> GreenListKey:
    return GreenListKey(
        **{"name": name, "scheme": "green-list", "key": key, "vocabulary": _VOCABULARY, "tokens": "ids", **settings}
    )


def _synth(keys, name="synth", **settings) -> SynthIdKey:
    return SynthIdKey(**{"name": name, "scheme": "synthid-text", "keys": keys, "tokens": "ids", **settings})


def _marked_green(key, length, seed) -> list[int]:
    """Return tokens of which each is the first green one of a few random ones."""
    rng = np.random.default_rng(seed)
    tokens = [int(rng.integers(_VOCABULARY))]
    while len(tokens) < length:
        options = rng.integers(0, _VOCABULARY, 4)
        pairs = [np.array([tokens[-1], option]) for option in options]
        green = [
            int(pair[1]) for pair, tests in zip(pairs, green_list_tests(pairs, key), strict=True) if tests[0].green
        ]
        tokens.append(green[0] if green else int(options[0]))
    return tokens


def _marked_synthid(key, length, seed) -> list[int]:
    """Return tokens of which each has the most ones among three random ones."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, _VOCABULARY, key.ngram_len - 1).tolist()
    while len(tokens) < length:
        options = rng.integers(0, _VOCABULARY, 3)
        context = tokens[1 - key.ngram_len :]
        ones = [int(g_values(np.array([*context, option]), key).sum()) for option in options]
        tokens.append(int(options[int(np.argmax(ones))]))
    return tokens


def _batch(columns):
    """Return documents that carry token ids; None for one that carries none."""
    meta = [None if ids is None else json.dumps({"ids": ids}) for ids in columns]
    return documents(["some words"] * len(columns), meta=meta).to_batches()[0]


def _read(reader, columns) -> list[tuple[int, Evidence]]:
    return list(reader.read(_batch(columns)))


def test_a_key_file_becomes_values(tmp_path):
    green, synth = _load(tmp_path, _GOOD)
    assert isinstance(green, GreenListKey)
    assert isinstance(synth, SynthIdKey)
    assert green.key.get_secret_value() == _SECRET
    assert (green.seeding, green.context_width, green.gamma, green.vocabulary) == ("selfhash", 4, 0.5, 400)
    assert [part.get_secret_value() for part in synth.keys] == [_SECRET, 17, 23]
    assert (synth.sampling_table_size, synth.sampling_table_seed) == (65_536, 0)


def test_a_tokenizer_is_looked_for_beside_the_key_file(tmp_path):
    (tmp_path / "tok.json").write_text("{}", encoding="utf-8")
    (key,) = _load(tmp_path, _GOOD.split('[[keys]]\nname = "synth"', maxsplit=1)[0] + 'tokenizer = "tok.json"\n')
    assert key.tokenizer == tmp_path / "tok.json"


def test_every_fault_is_named_at_once_and_no_key_is_shown(tmp_path):
    text = f"""
    extra = 1
    [[keys]]
    name = "a"
    scheme = "green-list"
    key = -{_SECRET}
    gama = 0.25
    gamma = 1.5
    vocabulary = 400
    tokens = "ids"
    [[keys]]
    name = "b"
    scheme = "synthid-text"
    keys = [1, "{_SECRET}"]
    tokenizer = "nowhere.json"
    [[keys]]
    name = "c"
    scheme = "green-list"
    key = {_SECRET}
    vocabulary = 400
    [[keys]]
    name = "d"
    scheme = "rot13"
    [[keys]]
    name = "e"
    scheme = "green-list"
    key = {_SECRET}
    vocabulary = 400
    tokenizer = "nowhere.json"
    [[keys]]
    name = "e"
    scheme = "synthid-text"
    keys = [5]
    tokens = "ids"
    """
    with pytest.raises(ConfigError) as raised:
        _load(tmp_path, text)
    faults = "\n".join(raised.value.faults)
    for part in (
        "extra: unknown key",
        "keys 1 (a).gama: unknown key",
        "Did you mean 'gamma'?",
        "keys 1 (a).gamma: Input should be less than 1",
        "keys 1 (a).key: Input should be greater than 0",
        "keys 2 (b).keys.1: Input should be a valid integer",
        "keys 3 (c): tokenizer or tokens is needed",
        "keys 4 (d)",
        "'green-list', 'synthid-text'",
        "keys 5 (e).tokenizer: there is no file",
        "keys 6 (e).name: another key has this name",
    ):
        assert part in faults
    assert len(raised.value.faults) == 9
    assert str(_SECRET) not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one table"),
        ("keys = []", "at least one table"),
        ("keys = 3", "at least one table"),
        ("[[keys", "not valid TOML"),
        ("keys = [1]", "keys 1"),
    ],
)
def test_files_without_keys_are_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        _load(tmp_path, text)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load_keys(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(ConfigError, match="no UTF-8"):
        load_keys(tmp_path / "latin.toml")


def test_keys_are_not_printed(tmp_path):
    for key in _load(tmp_path, _GOOD):
        assert str(_SECRET) not in repr(key) + str(key) + key.model_dump_json()


def test_marked_tokens_are_found_by_their_key_and_by_no_other():
    """Two marked documents, two plain ones, three keys: level 1e-3 / 7 per document and key, false alarm 1e-3."""
    green, other, synth = _green(), _green("other", key=777), _synth(list(range(1, 31)))
    rng = np.random.default_rng(1)
    columns = [
        rng.integers(0, _VOCABULARY, 150).tolist(),
        _marked_green(green, 150, 2),
        _marked_synthid(synth, 150, 3),
        None,
    ]
    found = _read(WatermarkReader([green, other, synth]), columns)
    assert [row for row, _ in found] == [1, 2]
    for (_, evidence), key in zip(found, (green, synth), strict=True):
        assert (evidence.kind, evidence.origin, evidence.status) == (
            EvidenceKind.WATERMARK,
            Origin.MACHINE,
            Status.VERIFIED,
        )
        assert evidence.p_value <= LEVEL
        assert repr(key.name) in evidence.detail
        assert evidence.usable
        assert f"p = {evidence.p_value:.2g} corrected for 6 tests" in evidence.detail
        assert "15485863" not in evidence.detail


def test_the_p_value_is_corrected_for_every_test():
    green = _green()
    tokens = _marked_green(green, 100, 4)
    alone = _read(WatermarkReader([green]), [tokens])[0][1]
    many = _read(WatermarkReader([green, *(_green(f"k{i}", key=i) for i in range(1, 20))]), [tokens])
    assert len(many) == 1
    raw = min(test.p_value for test in green_list_tests([np.array(tokens)], green)[0])
    assert alone.p_value == pytest.approx(2 * raw)
    assert many[0][1].p_value == pytest.approx(40 * raw)


def test_another_share_than_the_generator_s_is_reported():
    written, read = _green(gamma=0.5), _green(gamma=0.25)
    (_, matching), (_, wrong) = (
        _read(WatermarkReader([key]), [_marked_green(written, 200, 5)])[0] for key in (written, read)
    )
    assert "check the generator" not in matching.detail
    assert "fits gamma 0.5 better than the 0.25 of the key file" in wrong.detail
    assert wrong.p_value == pytest.approx(matching.p_value)


@pytest.mark.parametrize("bad", ["text", [1, 2, 400], [1, -1], [1.0, 2.0], [True, 2], [None], {"a": 1}])
def test_token_ids_that_cannot_be_used_are_damage(bad):
    ((row, evidence),) = _read(WatermarkReader([_green()]), [bad])
    assert (row, evidence.status, evidence.origin) == (0, Status.DAMAGED, Origin.UNKNOWN)
    assert "0 to 399" in evidence.detail
    assert not evidence.usable


def test_documents_without_token_ids_say_nothing():
    table = documents(
        ["a", None, "c", "d", "e"],
        id=["1", "2", "3", "4", "5"],
        meta=[None, "", '{"ids": null}', "[1, 2]", '{"other": {"ids": [1]}}'],
    )
    assert list(WatermarkReader([_green(), _synth([1, 2])]).read(table.to_batches()[0])) == []
    deep = documents(["a"], meta=['{"ids": ' + "[" * 100_000])
    ((_, evidence),) = WatermarkReader([_green()]).read(deep.to_batches()[0])
    assert evidence.status == Status.DAMAGED


def test_the_level_is_bounded():
    for level in (0.0, 0.01, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="level"):
            WatermarkReader([_green()], level=level)


def test_a_tokenizer_must_be_readable_and_fit_the_vocabulary(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    model = tokenizers.models.WordLevel({f"w{i}": i for i in range(500)}, unk_token="w0")
    tokenizers.Tokenizer(model).save(str(tmp_path / "large.json"))
    with pytest.raises(ConfigError) as raised:
        WatermarkReader(
            [_green("a", tokenizer=tmp_path / "bad.json"), _green("b", tokenizer=tmp_path / "large.json")], level=2.0
        )
    assert len(raised.value.faults) == 3
    assert "ids go up to 499" in str(raised.value)
    assert "vocab_size" in str(raised.value)


def test_the_settings_for_writing_are_those_of_the_key(tmp_path):
    transformers = pytest.importorskip("transformers")
    green, synth = (watermarking_config(key) for key in _load(tmp_path, _GOOD))
    assert isinstance(green, transformers.WatermarkingConfig)
    assert green.to_dict() == {
        "greenlist_ratio": 0.5,
        "bias": 2.0,
        "hashing_key": _SECRET,
        "seeding_scheme": "selfhash",
        "context_width": 4,
    }
    assert isinstance(synth, transformers.SynthIDTextWatermarkingConfig)
    assert (synth.keys, synth.ngram_len, synth.sampling_table_size) == ([_SECRET, 17, 23], 4, 65_536)
    green.validate()
    synth.validate()
    with pytest.raises(ConfigError, match="not written by transformers"):
        watermarking_config(_green(seeding="lm-selfhash"))
