"""Leaks of sealed panels: found by whole text and by 8-word sequences, and nothing of them is ever shown."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.curate import PanelOverlap, write_panel_index
from headwater.engine import Operator, operator_key
from headwater.errors import InputError, StoreError
from headwater.gate.blocks import blocks_of
from headwater.schema import documents
from headwater.store import Panel, Panels, seal
from headwater.text import GramIndex, word_hashes
from headwater.text.keyed_grams import build_keyed_grams

Prose = Callable[[int, int], str]
KEY = bytes(range(16))


def _sealed(folder: Path, texts: list[str], rotation: int = 0) -> Panels:
    return seal(folder / "panels", {Panel.CERTIFICATION: documents(texts)}, salt=b"0" * 16, rotation=rotation)


def _overlap(folder: Path, texts: list[str]) -> PanelOverlap:
    panels = _sealed(folder, texts)
    write_panel_index(folder / "panel.arrow", panels, [documents(texts)])
    return PanelOverlap(folder / "panels", folder / "panel.arrow")


def _batch(*texts: str) -> pa.RecordBatch:
    return pa.record_batch({"id": [str(row) for row in range(len(texts))], "text": list(texts)})


def test_copies_and_passages_of_panel_documents_are_found(tmp_path: Path, prose: Prose) -> None:
    sealed = [prose(300, seed) for seed in range(3)] + ["Six words and not one more."]
    overlap = _overlap(tmp_path, sealed)
    passage = " ".join(sealed[1].split()[100:180])
    texts = [
        prose(300, 9),
        sealed[0].upper().replace(" ", "\n"),
        f"{prose(60, 10)} {passage} {prose(400, 11)}",
        "six words and   NOT one more.",
        "",
    ]
    out = overlap(_batch(*texts))
    assert out["panel_document"].to_pylist() == [False, True, False, True, False]
    assert out["panel_ngrams"].to_pylist() == [0, 293, 73, 1, 0]
    assert out["panel_share"].to_pylist() == [0, 1, pytest.approx(73 / 200), 1, 0]


def test_without_an_index_whole_documents_are_found(tmp_path: Path, prose: Prose) -> None:
    sealed = [prose(300, 1), prose(5, 2)]
    panels = _sealed(tmp_path, sealed)
    overlap = PanelOverlap(tmp_path / "panels")
    out = overlap(_batch(sealed[0].lower(), sealed[0] + " more", sealed[1], ""))
    assert out["panel_document"].to_pylist() == [True, False, True, False]
    assert out["panel_share"].to_pylist() == [0] * 4
    own = documents(sealed)["id"].to_pylist()
    renamed = pa.record_batch({"id": own, "text": ["changed", "all over"]})
    assert overlap(renamed)["panel_document"].to_pylist() == [True, True]
    assert panels.barred(own).all()


def test_nothing_of_a_panel_is_in_the_index_or_the_columns(tmp_path: Path, prose: Prose) -> None:
    sealed = [prose(50, 3)]
    overlap = _overlap(tmp_path, sealed)
    content = (tmp_path / "panel.arrow").read_bytes()
    words = {word.strip(".").lower().encode() for word in sealed[0].split() if len(word) > 5}
    assert not any(word in content for word in words)
    assert b"0" * 16 not in content
    assert "0000" not in repr(overlap)
    out = overlap(_batch(sealed[0]))
    assert [field.type for field in out.schema][2:] == [pa.bool_(), pa.int32(), pa.float64()]
    # Under another salt the same panel is another set.
    keys = [set(build_keyed_grams([pa.array(sealed)], key).keys.tolist()) for key in (KEY, KEY[::-1])]
    assert len(keys[0]) == len(keys[1]) == 43
    assert not keys[0] & keys[1]


def test_the_share_is_the_gates(prose: Prose) -> None:
    panel = [prose(700, seed) for seed in range(4)] + ["only five words in it"]
    texts = [
        "",
        "one",
        "only five words in it",
        *(
            " ".join(
                [*prose(before, 50 + before).split(), *panel[before % 4].split()[:copied], *prose(after, 90).split()]
            )
            for before in (0, 1, 99, 100, 101, 150, 299, 300)
            for copied in (0, 7, 8, 60, 200, 650)
            for after in (1, 50, 93, 199)
        ),
    ]
    index, grams = GramIndex.from_texts(panel), build_keyed_grams([pa.array(panel)], KEY)
    words = word_hashes(texts)
    blocks = blocks_of(words)
    found = grams.find(pa.array(texts), KEY)
    assert len(grams) == len(index)
    assert found.worst.tolist() == pytest.approx(blocks.worst(blocks.shares(index), len(texts)).tolist())
    assert found.words.tolist() == np.diff(words.offsets).tolist()
    assert found.worst.max() == 1


@pytest.mark.parametrize("at", [0, 8180, 8192, 20_000])
def test_long_texts_are_seen_whole(at: int) -> None:
    words = [f"w{number}" for number in np.random.default_rng(1).integers(0, 10**9, 20_100)]
    grams = build_keyed_grams([pa.array([" ".join(words[at : at + 50])])], KEY)
    found = grams.find(pa.array([" ".join(words)]), KEY)
    assert (found.words[0], found.sequences[0]) == (20_100, 43)
    whole = build_keyed_grams([pa.array([" ".join(words)])], KEY)
    assert len(whole) == 20_093
    assert whole.find(pa.array([" ".join(words)]), KEY).worst.tolist() == [1]


def test_it_is_an_operator_whose_key_follows_the_panels(tmp_path: Path, prose: Prose) -> None:
    sealed = [prose(50, 4)]
    overlap = _overlap(tmp_path, sealed)
    assert isinstance(overlap, Operator)
    again = pickle.loads(pickle.dumps(overlap))
    assert operator_key(again) == operator_key(overlap)
    assert again(_batch(sealed[0]))["panel_document"].to_pylist() == [True]
    other = _overlap(tmp_path / "other", [prose(50, 5)])
    assert other.content != overlap.content


def test_an_index_of_other_panels_is_refused(tmp_path: Path, prose: Prose) -> None:
    _overlap(tmp_path, [prose(50, 6)])
    _sealed(tmp_path, [prose(50, 7)], rotation=1)
    with pytest.raises(InputError, match=r"others were sealed since\. Make it again"):
        PanelOverlap(tmp_path / "panels", tmp_path / "panel.arrow")
    with pytest.raises(InputError, match=r"there is no index of panels .*\. Make one"):
        PanelOverlap(tmp_path / "panels", tmp_path / "nothing")
    (tmp_path / "damaged").write_bytes((tmp_path / "panel.arrow").read_bytes()[:-50])
    with pytest.raises(InputError, match="is damaged"):
        PanelOverlap(tmp_path / "panels", tmp_path / "damaged")
    with pytest.raises(StoreError, match="No panels are sealed"):
        PanelOverlap(tmp_path / "nowhere")
