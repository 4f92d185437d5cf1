"""Results of audits, made by hand, for the tests of the report and of the command line."""

import math
from dataclasses import replace

from headwater.origin.result import (
    Artefact,
    AuditResult,
    Costs,
    Drift,
    Grade,
    GroupAudit,
    Histogram,
    LengthBucket,
    ReferenceFacts,
    ShareEstimate,
)

EMQ = "EMQ with bias-corrected temperature scaling"
NO_REFERENCES = "There are no human references."
TOO_FEW = "It has fewer than 30 documents of at least 50 words."
SOURCES = {"news": 0.22, "forum": 0.07, "encyclopedia": 0.015}
"""Machine-made share of each source in the end."""
MONTHS = tuple(f"{year}-{month:02}" for year in (2022, 2023) for month in range(1, 13))


def share(grade="A", value=0.1, half=0.02, documents=400, refused=None):
    """An estimate as the grade has it; one that is refused has no numbers."""
    if refused is not None or grade == "C":
        return ShareEstimate(Grade(grade), None, None, None, refused or NO_REFERENCES, "", documents)
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    if grade == "B":
        return ShareEstimate(Grade.B, None, low, min(high + 0.1, 1.0), None, "lower bound", documents, point=value)
    return ShareEstimate(Grade.A, value, low, high, None, EMQ, documents)


def group(name, keys=None, documents=400, estimate=None, extreme=0.08, **changes):
    """A group with this share of machine-like documents."""
    machine, short = round(extreme * documents), documents // 20
    verdicts = {"human-consistent": documents - machine - 2 * short, "undecided": 2 * short, "machine-like": machine}
    made = GroupAudit(
        group=name,
        keys=keys or {},
        documents=documents,
        words=documents * 190,
        short=short,
        verdicts=verdicts,
        origins={"human": documents // 5, "machine": 3, "unknown": documents - documents // 5 - 3},
        known_machine=3,
        estimate=estimate or share(documents=documents),
    )
    return replace(made, **changes)


def sources_by_month(grade="A"):
    """Three sources over two years; the share grows from the end of 2022, one month of the forum is too small."""
    made = []
    for source, end in SOURCES.items():
        for i, month in enumerate(MONTHS):
            small = source == "forum" and month == "2023-05"
            value = 0.004 + end * max(0.0, (i - 11) / 12)
            wave = 0.012 * (1 + math.sin(2.3 * i + len(source)))
            made.append(
                group(
                    f"{source} · {month}",
                    {"source": source, "month": month},
                    12 if small else 180 + 7 * i,
                    share(grade, value + wave / 4, 0.012 + wave, refused=TOO_FEW if small else None),
                    extreme=value / 2,
                )
            )
    return tuple(made)


def bell(centre, spread, size, bins=40):
    """Counts of a bell-shaped score on 0 to 1."""
    weights = [math.exp(-0.5 * (((i + 0.5) / bins - centre) / spread) ** 2) for i in range(bins)]
    return tuple(round(size * weight / sum(weights)) for weight in weights)


SCORES = Histogram(
    0.0,
    0.025,
    {
        "all": tuple(a + b for a, b in zip(bell(0.3, 0.11, 11_000), bell(0.72, 0.12, 1_400), strict=True)),
        "human references": bell(0.3, 0.11, 300),
        "machine references": bell(0.72, 0.12, 150),
    },
)
BUCKETS = (
    LengthBucket(50, 99, 60, 2_100, 0.74),
    LengthBucket(100, 199, 120, 5_600, 0.66),
    LengthBucket(200, None, 120, 4_080, 0.61),
)
ARTEFACTS = (
    Artefact("words glued at line ends", {"corpus": 0.012, "human references": 0.31, "machine references": 0.0}, True, "of themodel that"),
    Artefact("literal nn where line breaks were", {"corpus": 0.0, "human references": 0.002, "machine references": 0.0}, False),
    Artefact("encoding residue", {"corpus": 0.004, "human references": 0.003, "machine references": 0.006}, False, "itâ€™s"),
)  # fmt: skip
COSTS = Costs(0.1, True, 0.01, 0.5, 0.05 / 0.059, 0.059, 0.01, 0.05 / 0.941)
EVIDENCE = {
    "content_credential": {"verified": 41, "damaged": 7, "invalid": 2},
    "watermark": {"verified": 118},
    "generation_ledger": {"verified": 96},
    "attestation": {"verified": 420},
    "first_seen": {"read": 2_210},
    "source_type": {"read": 63},
    "chat_residue": {"read": 25},
}

GROUPS = sources_by_month()
CORPUS = group(
    "all", {}, 12_400, share(value=0.094, half=0.014), origins={"human": 2_614, "machine": 338, "mixed": 12, "unknown": 9_436}
)  # fmt: skip
CORPUS = replace(CORPUS, known_machine=350)
RESULT = AuditResult(
    paths=("posts.jsonl.zst", "news/2023"),
    by=("source", "month"),
    corpus=CORPUS,
    groups=GROUPS,
    references=ReferenceFacts(300, 150, 0.953, 0.18, ("4 human references are near-copies of each other.",)),
    detector="headwater-default 1",
    card="detector/card.json",
    fdr=0.05,
    buckets=BUCKETS,
    evidence=EVIDENCE,
    contradictions=5,
    permissions={"noai": 310, "content_usage_train_ai_n": 88, "robots": 1_204},
    costs=COSTS,
    scores=SCORES,
    artefacts=ARTEFACTS,
    examples=(
        ("0f3c" * 8, "news · 2023-11", 0.993, "In conclusion, it is important to note that the market moves fast."),
        ("a71b" * 8, "forum · 2023-12", 0.981, "Certainly! Here is a list of reasons why gardens matter."),
    ),
    read=12_400,
    bad=3,
    bad_kinds={"not_json": 2, "no_text": 1},
    warnings=("The human references are older than the corpus.",),
    versions={"headwater": "0.1.0", "python": "3.12.3", "scikit-learn": "1.7.2"},
    created="2026-11-22T18:10:00+00:00",
    seconds=41.3,
    settings="fdr = 0.05\nby = ['source', 'month']\n",
)
"""Grade A, three sources by 24 months."""

BOUNDED = replace(
    RESULT,
    corpus=replace(CORPUS, estimate=share("B", 0.09, 0.03)),
    groups=sources_by_month("B"),
    references=ReferenceFacts(300, 0, 0.861, 0.21),
    scores=replace(SCORES, counts={k: v for k, v in SCORES.counts.items() if k != "machine references"}),
    costs=None,
)
"""Grade B: known human text only."""

UNKNOWN = replace(
    RESULT,
    by=("source",),
    corpus=replace(CORPUS, estimate=share("C"), verdicts={}),
    groups=tuple(
        group(
            source,
            {"source": source},
            4_000,
            share("C"),
            verdicts={},
            drift=Drift(
                "2019–2021", 0.061, (("delve", 0.041, 0.002), ("underscore", 0.03, 0.004), ("<b>", 0.02, 0.001))
            ),
        )
        for source in SOURCES
    ),
    references=ReferenceFacts(0, 0, None, None),
    scores=replace(SCORES, counts={"all": SCORES.counts["all"]}),
    buckets=(),
    costs=None,
    artefacts=(),
)
"""Grade C: no references."""

REFUSED = replace(
    RESULT,
    by=(),
    corpus=replace(CORPUS, estimate=share("A", refused="The detector separates your references too badly (AUROC 0.71, needed 0.75).")),
    groups=(),
    references=ReferenceFacts(300, 150, 0.71, 0.45, ("9 human references have scores like machine text.",)),
)  # fmt: skip
"""Both references, and no number all the same."""

PLAIN = replace(RESULT, by=(), groups=(replace(CORPUS, group="all"),), evidence={}, contradictions=0, permissions={}, bad=0, bad_kinds={})  # fmt: skip
"""One group."""


def crowded(many=300):
    """Many groups of all kinds."""
    made = []
    for i in range(many):
        kind = i % 10
        if kind == 0:
            estimate = share("A", refused=TOO_FEW)
        elif kind == 1:
            estimate = share("B", (i * 37 % 100) / 200, 0.05)
        else:
            estimate = share("A", (i * 53 % 100) / 120, 0.03)
        made.append(group(f"site-{i:03}.example.org", {"site": f"site-{i:03}.example.org"}, 40 + 11 * i, estimate))
    return replace(RESULT, by=("site",), groups=tuple(made))


EXAMPLES = {
    "a": RESULT,
    "b": BOUNDED,
    "c": UNKNOWN,
    "refused": REFUSED,
    "plain": PLAIN,
    "crowded": crowded(),
}
