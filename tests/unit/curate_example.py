"""Results of curations, made by hand, for the tests of the page and of the command line."""

from dataclasses import replace

from headwater.curate.result import Counts, CurateResult, FailedShard, Loss, PairSample, PersonalFound, RuleLoss, Sample

RULES = (
    RuleLoss("repeated_lines", "gopher_repetition", "More than this share of its lines are repetitions.", "repeated_line_share", 0.3, 1_214, 96),
    RuleLoss("repeated_line_characters", "gopher_repetition", "More than this share of its characters stand in repeated lines.", "repeated_line_character_share", 0.2, 1_038, 41),
    RuleLoss("frequent_2_gram", "gopher_repetition", "Its most frequent pair of words takes up more than this share of its characters.", "frequent_2_gram_share", 0.2, 402, 88),
    RuleLoss("repeated_5_grams", "gopher_repetition", "Repeated sequences of 5 words take up more than this share of its characters.", "repeated_5_gram_share", 0.15, 2_377, 160),
    RuleLoss("repeated_10_grams", "gopher_repetition", "Repeated sequences of 10 words take up more than this share of its characters.", "repeated_10_gram_share", 0.1, 2_250, 73),
    RuleLoss("empty", "gopher_repetition", "It has no text.", "characters", 0, 0, 0),
    RuleLoss("too_few_words", "gopher_quality", "It has fewer words than this.", "words", 50, 4_120, 2_604),
    RuleLoss("too_many_words", "gopher_quality", "It has more words than this.", "words", 100_000, 0, 0),
    RuleLoss("too_few_alphabetic_words", "gopher_quality", "Less than this share of its words have a letter.", "alphabetic_word_share", 0.8, 1_930, 744),
    RuleLoss("too_few_stop_words", "gopher_quality", "It has fewer than this many of eight common English words.", "stop_words", 2, 3_051, 380),
    RuleLoss("too_few_ended_lines", "fineweb", "Less than this share of its lines end a sentence.", "ended_line_share", 0.12, 2_988, 1_406),
    RuleLoss("too_many_short_lines", "fineweb", "More than this share of its lines have at most 30 characters.", "short_line_share", 0.67, 2_615, 977),
    RuleLoss("too_many_repeated_characters", "fineweb", "More than this share of its characters stand in repeated lines.", "repeated_character_share", 0.01, 5_310, 1_871),
    RuleLoss("too_many_line_breaks", "fineweb", "It has more line breaks per word than this.", "line_breaks_per_word", 0.3, 1_842, 215),
    RuleLoss("other_language", "language", "Its language is none of those to keep.", "language", None, 2_204, 1_318),
    RuleLoss("exact_duplicate", "duplicates", "An earlier document has the same text.", "", None, 1_119, 802),
    RuleLoss("near_duplicate", "duplicates", "Another document is almost the same and stands for it.", "", None, 6_020, 3_344),
    RuleLoss("custom:shouting", "custom", "The rule “shouting” is true of it.", "custom_shouting", 1, 57, 12),
)  # fmt: skip

SAMPLES = (
    Sample("repeated_lines", "9d1f" * 8, "crawl/part-03.jsonl.zst:8812", 0.412, "Home\nNews\nHome\nNews\nHome\nContact\nHome", "shop.example"),
    Sample("repeated_5_grams", "17aa" * 8, "crawl/part-01.jsonl.zst:12", 0.1504, "Free shipping on all orders over 50. Free shipping on all orders over 50. Buy now and save.", "shop.example"),
    Sample("too_few_words", "3c20" * 8, "crawl/part-00.jsonl.zst:19", 12, "404 – the page you are looking for has moved. Go back to the start page.", "news.example"),
    Sample("too_few_words", "5e0b" * 8, "crawl/part-02.jsonl.zst:733", 49, "A short poem about the sea, and the boats on it, and the people who wait for them on the shore.", "forum.example"),
    Sample("too_few_ended_lines", "77cd" * 8, "wiki/part-00.parquet:4", 0.03, "List of rivers\nAare\nDanube\nElbe\nInn\nIsar\nLoire\nMain", "encyclopedia.example"),
    Sample("too_many_repeated_characters", "e3f0" * 8, "crawl/part-03.jsonl.zst:90", 0.0103, "Share this article\nThe council met on Monday to discuss the bridge.\nShare this article", "news.example"),
    Sample("other_language", "b04e" * 8, "crawl/part-01.jsonl.zst:404", None, "Der Fluss führt nach den Regenfällen der letzten Tage Hochwasser.", "news.example"),
    Sample("custom:shouting", "c1c1" * 8, "crawl/part-03.jsonl.zst:17", 1, "BUY NOW!!! ONLY TODAY!!! LAST CHANCE!!!", "shop.example"),
)  # fmt: skip

PAIRS = (
    PairSample(
        "near_duplicate", "a1" * 16, "crawl/part-03.jsonl.zst:201",
        "Hotel Adler in Bonn offers 42 rooms with a view of the river. Book your stay in Bonn today and save 10%. Breakfast is included.",
        "b2" * 16, "crawl/part-01.jsonl.zst:77",
        "Hotel Krone in Ulm offers 38 rooms with a view of the river. Book your stay in Ulm today and save 10%. Breakfast is included.",
        0.74, 1_204, "hotels.example",
    ),
    PairSample(
        "near_duplicate", "c3" * 16, "crawl/part-03.jsonl.zst:202",
        "Hotel Post in Trier offers 17 rooms with a view of the river. Book your stay in Trier today and save 10%. Breakfast is extra.",
        "b2" * 16, "crawl/part-01.jsonl.zst:77",
        "Hotel Krone in Ulm offers 38 rooms with a view of the river. Book your stay in Ulm today and save 10%. Breakfast is included.",
        0.69, 1_204, "hotels.example",
    ),
    PairSample(
        "exact_duplicate", "d4" * 16, "crawl/part-02.jsonl.zst:5", "The council met on Monday.",
        "e5" * 16, "crawl/part-00.jsonl.zst:5", "The council met on Monday.", None, 2, "news.example",
    ),
)  # fmt: skip


def loss(name, documents, kept, reasons=None, characters=None, kept_characters=None):
    """A part of the corpus; its characters are lost like its documents unless something else is said."""
    whole = documents * 2_400 if characters is None else characters
    rest = whole * kept // max(documents, 1) if kept_characters is None else kept_characters
    return Loss(name, documents, kept, whole, rest, reasons or {})


SOURCES = (
    loss("news.example", 24_300, 19_806, {"too_few_words": 1_844, "near_duplicate": 1_602}, kept_characters=51_200_000),
    loss("encyclopedia.example", 15_020, 12_160, {"too_few_ended_lines": 1_405, "too_many_short_lines": 1_220}),
    loss("forum.example", 11_400, 7_201, {"too_few_words": 1_912, "too_few_stop_words": 820}, kept_characters=24_900_000),
    loss("shop.example", 6_204, 1_990, {"repeated_5_grams": 2_001, "near_duplicate": 1_300, "too_many_repeated_characters": 1_212}),
    loss("hotels.example", 2_150, 41, {"near_duplicate": 2_090, "too_many_repeated_characters": 640}),
    loss("blog.example", 40, 5, {"too_few_words": 30}),
    loss("tiny.example", 3, 0, {"too_few_words": 3}),
)  # fmt: skip
KEPT, READ, BAD = sum(one.kept for one in SOURCES), sum(one.documents for one in SOURCES) + 41, 41
CHARACTERS, KEPT_CHARACTERS = sum(one.characters for one in SOURCES), sum(one.kept_characters for one in SOURCES)

RESULT = CurateResult(
    out="curated",
    inputs=("crawl", "wiki/*.parquet"),
    documents=Counts(READ, KEPT, READ - KEPT - BAD, BAD),
    bad_by_kind={"not_json": 31, "no_text": 8, "truncated": 2},
    rules=RULES,
    sources=SOURCES,
    n_sources=len(SOURCES),
    languages=(
        loss("en", 54_102, 41_203 - 120, {"near_duplicate": 5_700}),
        loss("de", 3_310, 120, {"other_language": 1_604, "too_few_stop_words": 2_204}),
        loss("unknown", 1_705, 0, {"too_few_words": 1_500}),
    ),
    origins=(
        loss("human", 21_040, 17_900, {"too_few_words": 1_204}),
        loss("machine", 4_110, 1_208, {"near_duplicate": 2_312, "repeated_5_grams": 801}),
        loss("unknown", 33_967, 22_095, {"near_duplicate": 2_990}),
    ),
    samples=SAMPLES,
    pairs=PAIRS,
    n_pairs=7_139,
    personal_data=PersonalFound(412, 307, {"emails": 388, "phone_numbers": 97, "ibans": 0}),
    tokens=21_840_112,
    characters=CHARACTERS,
    kept_characters=KEPT_CHARACTERS,
    bytes=48_211_090,
    seconds=41.3,
    cpu_seconds=74.9,
    peak_rss_mb=812.4,
    engine="embedded",
    workers=2,
    failed=(
        FailedShard(
            "crawl/part-04.jsonl.zst", "", "The file ends in the middle of a zstd frame after 12,201 documents."
        ),
    ),
    warnings=("The column source is empty in 41 documents; their file counts as their source.",),
    settings={
        "extends": "fineweb",
        "thresholds": {"too_few_words": 50, "curly_bracket": False},
        "languages": {"keep": ["en"]},
        "duplicates": {"exact": True, "near": True, "shingle": 5, "bands": 14, "rows": 8, "seed": 1},
        "custom": {"shouting": {"sql": "length(regexp_replace(text, '[^A-Z]', '', 'g')) > 0.5 * length(text)"}},
    },
    versions={"headwater": "0.1.0", "python": "3.12.3", "duckdb": "1.4.2", "numba": "0.62.1"},
    created="2026-11-22T18:10:00+00:00",
)
"""Seven sources, of which two lost too much, and one shard that failed."""

CLEAN = replace(
    RESULT,
    documents=Counts(READ - BAD, READ - BAD, 0, 0),
    bad_by_kind={},
    rules=tuple(replace(rule, dropped=0, alone=0) for rule in RULES),
    sources=tuple(replace(one, kept=one.documents, kept_characters=one.characters, reasons={}) for one in SOURCES),
    languages=(),
    origins=(),
    samples=(),
    pairs=(),
    n_pairs=0,
    personal_data=None,
    tokens=None,
    kept_characters=CHARACTERS,
    failed=(),
    warnings=(),
)
"""Nothing was dropped."""

ONE_SOURCE = replace(
    RESULT,
    sources=(loss("crawl.jsonl", READ - BAD, KEPT, {"near_duplicate": 6_020}),),
    n_sources=1,
    languages=RESULT.languages[:1],
    failed=(),
)
"""Everything from one file, in one language."""

EMPTY = replace(
    CLEAN,
    documents=Counts(0, 0, 0, 0),
    sources=(),
    n_sources=0,
    characters=0,
    kept_characters=0,
    bytes=0,
    seconds=0.0,
    cpu_seconds=0.0,
    settings={},
    versions={},
    created="",
)
"""No document at all."""

WRONG = replace(RESULT, documents=Counts(READ, KEPT - 7, READ - KEPT - BAD, BAD))
"""Counts that do not add up."""


def crowded(sources=10_000, rules=60, samples=5):
    """Many sources, rules and examples."""
    made = tuple(
        loss(f"site-{i:05}.example.org", 40 + (i * 97) % 4_000, (i * 31) % 40, {f"rule_{i % rules:02}": 20, "near_duplicate": 9})
        for i in range(sources)
    )  # fmt: skip
    made = tuple(sorted(made, key=lambda one: (-one.documents, one.name)))
    long = "All work and no play makes Jack a dull boy, says the sign on the “gate” & the <b>wall</b>. " * 6
    return replace(
        RESULT,
        rules=tuple(
            RuleLoss(f"rule_{i:02}", "gopher_quality", long[:90], f"measure_{i:02}", 0.1 * i, 10 * (rules - i), rules - i)
            for i in range(rules)
        ),
        sources=made,
        n_sources=sources,
        samples=tuple(
            Sample(f"rule_{i:02}", f"{i:08x}" * 4, f"part-{n}.jsonl:{i}", i + 0.5, f"{n} {long}", made[n % sources].name)
            for i in range(rules)
            for n in range(samples)
        ),
        pairs=tuple(
            replace(PAIRS[0], removed_text=f"{i} {long}", kept_text=f"{i + 1} {long}", source=made[i % sources].name) for i in range(100)
        ),
    )  # fmt: skip


EXAMPLES = {
    "result": RESULT,
    "clean": CLEAN,
    "one_source": ONE_SOURCE,
    "empty": EMPTY,
    "wrong": WRONG,
    "crowded": crowded(),
}
