"""``headwater lineage``: the family tree of data sets and models, its inbreeding, and what keeps it low."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.jobs import AsJson, ProjectFolder
from headwater.errors import ConfigError, InputError

if TYPE_CHECKING:
    from headwater.lineage import Graph

lineage_app = typer.Typer(help="Who was made from what, and how inbred it is.", no_args_is_help=True)

_FILES = (".json", ".jsonl", ".ndjson")
_MOST_ROWS = 40
_MOST_WHAT_IF = 1_000  # nodes; each question follows the whole tree again
_WHAT_IF = (1, 10, 100, 1_000, 10_000)
_ITEMS = 1_000_000

LIMITS = (
    "F is exact for neutral learners that reproduce what they are given; a model that smooths or favours the usual "
    "differs. Compare it with the observed F in the report."
)


@lineage_app.command(epilog="Example: headwater lineage show 20260101-120000-ab12cd/ungated/6/model --report tree.html")
def show(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[NODE|FILE]",
            help="A data set or model of the run, with its ancestors; or a family tree as .json, or OpenLineage events "
            "as .jsonl. None: everything.",
        ),
    ] = None,
    *,
    run: Annotated[str, typer.Option(help="Run id, the beginning of one, or latest.")] = "latest",
    unit: Annotated[str, typer.Option(help="Count tokens or documents (items).")] = "tokens",
    report: Annotated[Path | None, typer.Option(help="Where to write a page with the picture (.html).")] = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
) -> None:
    """Show a family tree: items, inbreeding coefficient and effective size of every data set and model."""
    from headwater.cli.output import lineage_summary, print_json
    from headwater.lineage import graph_json, inbreeding, read_graph, what_if
    from headwater.project import Project
    from headwater.store import write_text

    if report is not None and report.suffix != ".html":
        raise ConfigError([f"--report {report}: unknown format. Write to a name that ends in .html"], "the command")
    file = what is not None and what.endswith(_FILES)
    if file:
        assert what is not None
        graph, title, unit = read_graph(what), what, "n"
    else:
        graph, title = Project(project).family_tree(run, unit)
        if what is not None:
            title = graph[what].id  # an unknown node is told at once
            graph = graph.restricted([what])
    if not graph.nodes:
        raise InputError(f"{title} has no nodes, so there is nothing to show. List data sets and models as nodes.")
    found = inbreeding(graph)
    last = what if what is not None and not file else (graph.models[-1] if graph.models else "")
    lines: tuple[str, ...] = ()
    if last and _inherits(graph, last):
        tree = graph.restricted([last])
        if len(tree.nodes) <= _MOST_WHAT_IF:
            lines = tuple(one.sentence for one in what_if(tree, last, _WHAT_IF))
    if report is not None:
        from headwater.report import render_lineage_report

        write_text(report, render_lineage_report(graph, found, title=title, what_ifs=lines))
    if as_json:
        print_json(graph_json(graph, found))
        return
    print(lineage_summary(graph, found, _MOST_ROWS, unit))
    for line in lines:
        print(line)
    print(LIMITS)
    if report is not None:
        print(f"Report: {report}")


@lineage_app.command(epilog="Example: headwater lineage plan --target-f 0.1 --tail-frequency 1e-4 --items 1000000")
def plan(
    *,
    target_f: Annotated[float, typer.Option(help="Inbreeding coefficient to stay below, in (0, 1).")] = 0.1,
    tail_frequency: Annotated[
        float | None, typer.Option(help="Natural frequency of a rare type that has to stay present.")
    ] = None,
    survival: Annotated[float, typer.Option(help="Chance that it is present.")] = 0.9,
    items: Annotated[int, typer.Option(help="Items of a training set.")] = _ITEMS,
    reserve: Annotated[
        int | None, typer.Option(help="Human items of a fixed reserve that is used again and again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how many human items each generation needs so that diversity and rare types survive."""
    from headwater.cli.output import plan_json, print_json
    from headwater.lineage import plan as planned

    found = planned(target_f, n=items, tail_frequency=tail_frequency, survival=survival, reserve=reserve)
    if as_json:
        print_json(plan_json(found, target_f, tail_frequency, survival, reserve))
        return
    print("\n".join(found.lines))
    print(LIMITS, file=sys.stderr)


def _inherits(graph: "Graph", node: str) -> bool:
    """Return whether anything machine-made stands behind a node."""
    return any(graph[name].kind == "synthetic" for name in graph.ancestors(node))
