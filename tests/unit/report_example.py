"""A small result of a run, made by hand, for the tests of the report."""

from dataclasses import replace

from headwater.gate import Card, SliceEvidence
from headwater.loop.comparison import StreamRecord
from headwater.loop.result import CorpusFacts, InbreedingRecord, PowerFacts, ReadFacts, RoundRecord, RunResult
from headwater.loop.stream_gate import GateResult
from headwater.loop.world import GenerationRecord, SampleText
from headwater.schema import Reason, Stage, Verdict
from headwater.store import Part, SplitRow

GENERATIONS = 3
LOSSES = {"human-only": 0.0, "ungated": 0.2, "filtered": 0.3, "gated": 0.0, "gated-stream": -0.05}
"""Loss added to each loop in every generation, nats per word."""


def generations(last: int = GENERATIONS, losses: dict[str, float] = LOSSES) -> tuple[GenerationRecord, ...]:
    return tuple(
        GenerationRecord(
            arm=arm,
            generation=generation,
            loss_nats=5.0 + slope * generation,
            bits_per_byte=1.9 + slope * generation / 3,
            rare_word_recall=max(0.0, 1 - max(slope, 0) * generation),
            support=int(3000 * max(0.1, 1 - max(slope, 0) * generation)),
            distinct_2=0.4 - max(slope, 0) * generation / 10,
            training_tokens=100_000,
            machine_share=1.0 if slope > 0 and generation else 0.0,
        )
        for arm, slope in losses.items()
        for generation in range(last + 1)
    )


def inbreeding() -> tuple[InbreedingRecord, ...]:
    """The filtered loop loses a twentieth of its diversity by choice; the others lose what chance takes."""
    return tuple(
        InbreedingRecord(
            one.arm,
            one.generation,
            1e-5 * (1 + one.generation * (one.machine_share > 0)),
            0.05 * one.generation / GENERATIONS if one.arm == "filtered" else 0.0,
        )
        for one in generations()
    )


def card(recipe: str, verdict: Verdict, reason: Reason, stage: Stage = Stage.UTILITY, **changes: object) -> Card:
    tested = stage is Stage.UTILITY and reason is not Reason.TOO_SMALL
    gain = (0.08 if verdict is Verdict.ADMITTED else -0.06) if tested else None
    admitted = verdict is Verdict.ADMITTED
    made = Card(
        recipe=recipe,
        verdict=verdict,
        stage=stage,
        reason=reason,
        sentence=f"A sentence about {recipe}.",
        would_change=f"A change of {recipe}.",
        measured=gain if tested else 0.98,
        threshold=0.0 if tested else 0.1,
        log_e=40.165 if admitted else None,
        needed=5.768 if admitted else None,
        decision=1 if admitted else None,
        gain=gain,
        gain_error=0.01 if tested else None,
        effect_sd=0.7 if tested else None,
        steering_log_e=7.4 if tested else None,
        steering_log_e_harm=-0.8 if tested else None,
        steering_units=82 if tested else None,
        certification_units=303 if admitted else None,
        worst_slice=SliceEvidence("many rare words", 43, -0.07, 3.4, 5.9) if tested else None,
        documents=300,
        passed=250,
        tokens=40_000,
        failed={} if admitted else {"too_short": 14, "truncated": 36},
        overlap_panels=0.004,
        overlap_training=0.0,
        parents=1.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


CARDS = (
    card("own-output", Verdict.REJECTED, Reason.PROVEN_HARMFUL),
    card("panel-paraphrase", Verdict.REJECTED, Reason.DESCENDS_FROM_PANEL, Stage.PROVENANCE),
    card("question-answer", Verdict.ADMITTED, Reason.USEFUL),
    card("restructure", Verdict.ADMITTED, Reason.USEFUL),
    card("reword", Verdict.ADMITTED, Reason.USEFUL),
    card("shuffled", Verdict.QUARANTINED, Reason.UNDECIDED),
)


def rounds(cards: tuple[Card, ...] = CARDS, last: int = GENERATIONS) -> tuple[RoundRecord, ...]:
    return tuple(
        RoundRecord(
            arm="gated-stream",
            generation=generation,
            recipe=one.recipe,
            tokens=(1000 * generation + 500) if one.verdict is not Verdict.REJECTED else 0,
            verdict=one.verdict.value,
            reason=one.reason.value,
            gain=one.gain,
        )
        for generation in range(1, last + 1)
        for one in cards
    ) + tuple(
        RoundRecord("gated-stream", g, f"own-output-{g}", 0, "rejected", "proven_harmful", -0.1)
        for g in range(1, last + 1)
    )


STREAM = (
    StreamRecord("admit-all", 0.172, 0.024, 199_997, 0.369),
    StreamRecord("random", 0.143, 0.022, 126_167, 0.353),
    StreamRecord("lowest-perplexity", -0.13, 0.023, 126_161, 0.368),
    StreamRecord("dsir", 0.076, 0.018, 126_263, 0.563),
    StreamRecord("discriminator", 0.143, 0.022, 126_205, 0.372),
    StreamRecord("headwater", 0.226, 0.025, 126_155, 0.0),
    StreamRecord("ceiling", 0.265, 0.027, 123_367, 0.0),
)

SAMPLES = tuple(
    SampleText(
        arm, generation, prompt, f"{prompt} {'as before' if slope == 0 else f'{arm} wrote this in {generation}'}"
    )
    for arm, slope in LOSSES.items()
    for generation in range(GENERATIONS + 1)
    for prompt in ("Return the sum of", "Convert to a string")
)

RESULT = RunResult(
    run="20261122-181000-3f9a1c",
    created="2026-11-22T18:10:00.000Z",
    seconds=41.3,
    seed=7,
    corpus=CorpusFacts("the documentation installed with Python", 3888, 120, 484_144, 907, {"scipy": "1.17.1"}, True),
    stream_description="recipes made from the human documents",
    reading=ReadFacts(5163, 2, {"no_text": 2}),
    warnings=("The panel is small.",),
    split=(
        SplitRow(Part.TRAIN, 693, 164, 105_040),
        SplitRow(Part.SOURCES, 796, 196, 123_367),
        SplitRow(Part.STEERING, 323, 82, 47_415),
        SplitRow(Part.CERTIFICATION, 1745, 303, 243_692),
        SplitRow(Part.FINAL, 331, 74, 45_273),
    ),
    merged_groups=88,
    power=PowerFacts(303, 1745, 0.514, 1.233, 0.0476, 0.071, 0.05, 4, "strict"),
    generations=generations(),
    samples=SAMPLES,
    stream=STREAM,
    cards=CARDS,
    cards_without_parents=tuple(
        card("panel-paraphrase", Verdict.REJECTED, Reason.PANEL_CONTAMINATION, Stage.CHECKS)
        if one.recipe == "panel-paraphrase"
        else one
        for one in CARDS
    ),
    rounds=rounds(),
    trainings_per_test=1.3,
    settings="seed = 7\n",
    versions={"headwater": "0.1.0", "numpy": "2.4.6"},
    inbreeding=inbreeding(),
)

GATE = GateResult(
    run="3f9a1c",
    created=RESULT.created,
    seconds=3.2,
    seed=7,
    corpus=RESULT.corpus,
    stream_description="stream.jsonl",
    reading=RESULT.reading,
    warnings=(),
    split=RESULT.split,
    merged_groups=0,
    power=replace(RESULT.power, gates=1, rule="plain"),
    cards=CARDS,
    gain=StreamRecord("headwater", 0.2, 0.02, 126_155, 0.0),
    admitted_documents=793,
    revealed=True,
    settings="seed = 7\n",
    versions=RESULT.versions,
)
