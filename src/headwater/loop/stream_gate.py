"""The gate alone, on the user's stream and the user's human reserve."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from headwater import __version__
from headwater.config import Settings
from headwater.gate import Card, SplitRow, cards, verdict_rows
from headwater.loop.comparison import StreamRecord, gain_of, judge_stream
from headwater.loop.inputs import Progress, read_human, read_stream, split_human
from headwater.loop.power import panel_warnings, power_facts
from headwater.loop.result import CorpusFacts, PowerFacts, ReadFacts
from headwater.loop.versions import used_versions
from headwater.loop.world import World
from headwater.schema import DOCUMENT, digest
from headwater.store import toml_text


@dataclass(frozen=True, slots=True)
class GateResult:
    """What judging a stream found out."""

    run: str
    """Name of the judgement: a digest of settings and inputs."""
    created: str
    seconds: float
    seed: int
    corpus: CorpusFacts
    stream_description: str
    reading: ReadFacts
    warnings: tuple[str, ...]
    split: tuple[SplitRow, ...]
    merged_groups: int
    power: PowerFacts
    cards: tuple[Card, ...]
    gain: StreamRecord | None
    """What training on the admitted documents does on the final panel; None where nothing was admitted."""
    admitted_documents: int
    revealed: bool
    """Whether the numbers of the certification panel are shown."""
    settings: str
    versions: Mapping[str, str]


def judge_files(
    settings: Settings, progress: Progress, rejects: Path, *, reveal: bool = True
) -> tuple[GateResult, pa.Table, pa.Table]:
    """Return the result, the admitted documents sorted by id, and the verdicts on all of them.

    Args:
        settings: resolved settings; ``human.paths`` and ``stream.paths`` name the files.
        progress: told what is being done.
        rejects: where rows that could not be used are kept.
        reveal: show the numbers of the certification panel.

    Raises:
        InputError: documents cannot be used, or there are too few.
    """
    start = time.monotonic()
    progress(0, 4, "reading human documents")
    human = read_human(settings, rejects, lambda detail: progress(0, 4, f"reading human documents: {detail}"))
    split, split_warnings = split_human(human.table, settings)
    world = World.on(split, settings)
    progress(1, 4, "reading the stream")
    stream = read_stream(settings, rejects, lambda detail: progress(1, 4, f"reading the stream: {detail}"))
    progress(2, 4, "checking the stream")
    checked = world.hard_checks().apply(world.encode(stream.table))
    progress(3, 4, "measuring utility")
    gate = world.gate(gates=1, machine_share=1.0)
    state = judge_stream(gate, checked)
    name = digest([__version__, settings.model_dump(), human.table["id"].to_pylist()[:1000]])
    verdicts = verdict_rows(checked, gate.start(), state, run=name, arm="gate", generation=1)
    admitted = state.admitted.select(DOCUMENT.names).cast(DOCUMENT).sort_by("id")
    kinds = dict(human.reading.by_kind)
    for kind, count in stream.reading.by_kind.items():
        kinds[kind] = kinds.get(kind, 0) + count
    result = GateResult(
        run=name,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seconds=round(time.monotonic() - start, 1),
        seed=settings.seed,
        corpus=human.facts,
        stream_description=stream.description,
        reading=ReadFacts(human.reading.read + stream.reading.read, human.reading.bad + stream.reading.bad, kinds),
        warnings=(*human.warnings, *split_warnings, *stream.warnings, *panel_warnings(world)),
        split=split.rows,
        merged_groups=split.merged,
        power=power_facts(world, gates=1),
        cards=tuple(cards(checked, state, reveal=reveal)),
        gain=gain_of(world, "headwater", state.admitted) if state.admitted.num_rows else None,
        admitted_documents=admitted.num_rows,
        revealed=reveal,
        settings=toml_text(settings.model_dump(exclude_none=True)),
        versions=used_versions(),
    )
    return result, admitted, verdicts
