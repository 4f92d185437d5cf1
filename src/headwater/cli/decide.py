"""``headwater decide``: two logs of a benchmark, and whether the second model is shown to be better."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from headwater.cli.jobs import AsJson, ProjectFolder
from headwater.errors import ConfigError

_RULES = ("strict", "plain", "e-lond")


def decide(
    without: Annotated[
        Path, typer.Argument(help="Log of the model trained without the batch: samples_*.jsonl, .eval or .json.")
    ],
    with_: Annotated[Path, typer.Argument(metavar="WITH", help="Log of the model trained with it, same benchmark.")],
    *,
    metric: Annotated[
        str | None, typer.Option(help="Metric, or scorer, to compare by. None: the only one of the logs.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Key of the documents or of the metadata that names the unit of independence."),
    ] = None,
    variant: Annotated[
        str | None, typer.Option("--filter", help="Filter of lm-evaluation-harness. None: the only one of the logs.")
    ] = None,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="The metric is a loss. Perplexities are known to be.")
    ] = False,
    null: Annotated[
        list[Path] | None,
        typer.Option(help="Log of a model trained on human data alone, for the clip bound. Give two."),
    ] = None,
    clip: Annotated[float | None, typer.Option(help="Clip bound of the differences, fixed beforehand.")] = None,
    rule: Annotated[
        str, typer.Option(help="strict: valid when batches depend on earlier decisions; plain: they do not; e-lond.")
    ] = "strict",
    delta: Annotated[
        float, typer.Option(help="Chance of ever calling something useless better on this benchmark.")
    ] = 0.05,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where it is not shown to be better.")] = False,
) -> None:
    """Decide from two evaluation logs whether a model is better, with the error guarantee of the gate.

    Logs of lm-evaluation-harness (lm_eval --log_samples) and of Inspect. Each decision on a benchmark is written down
    in the project, and the next one on the same samples needs more evidence.
    """
    from headwater.cli.output import print_json
    from headwater.decide import Rule
    from headwater.loop.benchmark_logs import LogSettings, decide_logs, decision_lines, log_decision_json
    from headwater.store import store_folder

    faults = []
    if rule not in _RULES:
        faults.append(f"--rule {rule}: allowed are {', '.join(_RULES)}")
    if null is not None and len(null) != 2:
        faults.append(f"--null was given {len(null)} times; give it twice, once for each model of the pair")
    if null and clip is not None:
        faults.append("--null and --clip both set the clip bound; give one of them")
    if not 0 < delta < 1:
        faults.append(f"--delta {delta:g}: allowed are numbers between 0 and 1")
    if faults:
        raise ConfigError(faults, "the command")
    settings = LogSettings(
        metric=metric,
        group=group,
        variant=variant,
        lower_is_better=lower_is_better,
        clip=clip,
        rule=Rule(rule),
        delta=delta,
    )
    found = decide_logs(without, with_, store_folder(project), settings, null=(null[0], null[1]) if null else None)
    if as_json:
        print_json({"decision": dict(log_decision_json(found))})
    else:
        print("\n".join(decision_lines(found, str(without), str(with_))))
        if group is None:
            print(
                "Every sample was taken as independent of all others. If several share a source, name it with --group.",
                file=sys.stderr,
            )
    if check and not found.admitted:
        raise typer.Exit(1)
