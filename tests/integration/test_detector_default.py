"""The detector that comes with Headwater: its card, its size, its order on text it learnt held out, its limits."""

import json
from pathlib import Path

import numpy as np
import pytest
import zstandard

from headwater.measure.detection import auroc
from headwater.origin.detector import detector as module
from headwater.origin.detector.card import card_markdown
from headwater.origin.detector.detector import default_detector
from headwater.origin.detector.language import supported
from headwater.origin.detector.normalise import normalise
from headwater.origin.detector.tokens import tokenise

_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
_FOLDER = Path(module.__file__).parent / "default"

needs_data = pytest.mark.skipif(not _DATA.exists(), reason="needs ../shared/data")


def _texts(file: str, most: int, **wanted: str) -> list[str]:
    rows = _rows(file)
    return [row["text"] for row in rows if all(row[key] == value for key, value in wanted.items())][:most]


def _rows(file: str) -> list[dict[str, str]]:
    packed = (_DATA / file).read_bytes()
    with zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        return [json.loads(line) for line in stream.read().split(b"\n") if line]


def test_it_fits_into_six_megabytes() -> None:
    assert sum(file.stat().st_size for file in _FOLDER.iterdir()) < 6_000_000


def test_the_card_says_what_it_was_made_from_and_how_good_it_is() -> None:
    card = default_detector(thorough=True).card
    assert {source.name: source.licence for source in card.sources} == {
        "l2r_en": "CC BY 3.0",
        "outfox_essays_en": "Apache-2.0",
    }
    assert (card.human, card.machine, card.own_human) == (2854, 5799, 0)
    assert len(card.domains) == 13
    assert "Llama-3-70B" in card.generators
    assert [one.name for one in card.protocols] == ["leave one domain out", "leave one generator out"]
    assert "non-native writers" in card_markdown(card)


@pytest.mark.parametrize("thorough", [False, True])
def test_figures_of_left_out_domains_come_from_the_scores_that_are_shipped(thorough: bool) -> None:
    """The mean over twelve domains is above the goal of the specification: 0.91, and 0.45 at 1%."""
    detector = default_detector(thorough)
    cells = [cell for cell in detector.card.protocols[0].cells if cell.name != "student_essay"]
    assert np.mean([cell.auroc for cell in cells]) >= 0.91
    assert np.mean([cell.tpr_1 for cell in cells]) >= 0.45
    references = detector.references
    held_out = detector.card.held_out
    assert held_out is not None
    human, machine = references.scores[~references.is_machine], references.scores[references.is_machine]
    assert auroc(human, machine) == pytest.approx(held_out.auroc, abs=1e-12)
    assert len(detector.card.features) == 3 + thorough
    assert not references.own.any()
    assert len(np.unique(references.scores)) > 0.99 * len(references.scores)


def _posts_before(day: str) -> list[str]:
    rows = _rows("crawl/blog_18f_posts.jsonl.zst")
    return [row["text"] for row in rows if str(row["date"])[:10] < day]


@needs_data
@pytest.mark.parametrize("thorough", [False, True])
def test_dated_posts_from_before_the_assistants_are_rarely_flagged(thorough: bool) -> None:
    """At most 3% by the threshold of 1%: a fixed set and fixed weights, no chance involved."""
    detector = default_detector(thorough)
    posts = _posts_before("2022-11-30")
    flagged = detector.score(posts) > detector.threshold()
    assert flagged.mean() <= 0.03
    stated = detector.card.false_positives[0]
    assert stated.source.startswith("18F posts")
    long = supported(tokenise(normalise(posts))).english & (normalise(posts).words >= 50)
    assert (stated.texts, stated.flagged) == (long.sum(), (flagged & long).sum())


@needs_data
def test_other_languages_are_refused_by_name() -> None:
    for code, name in (("de", "not English"), ("vi", "not English"), ("ru", "Cyrillic"), ("zh", "Chinese (Han)")):
        normalised = normalise(_texts("crawl/xquad_paragraphs_12lang.jsonl.zst", 100, lang=code))
        found = supported(tokenise(normalised))
        assert not found.english.any()
        assert sum(found.refusal(row, normalised) == name for row in range(100)) >= 97
    english = normalise(_texts("human_vs_ai/l2r_en.jsonl.zst", 500))
    long = english.words >= 50
    assert supported(tokenise(english)).english[long].mean() >= 0.995
