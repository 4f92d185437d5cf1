"""``headwater generate``: machine documents by a recipe file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.environment import with_environment_names
from headwater.cli.jobs import AsJson, ProjectFolder, Quiet
from headwater.errors import ConfigError

if TYPE_CHECKING:
    from headwater.generate import Cost, Plan, RecipeFile, Spending
    from headwater.generation import Generated

_SHOWN_CHARACTERS = 1200
_FAILURES = 5


@with_environment_names("generate")
def generate(
    *,
    recipe: Annotated[
        Path | None, typer.Option(help="Recipe file (TOML). One to begin with: --example FAMILY.")
    ] = None,
    parents: Annotated[
        list[str] | None, typer.Option(help="Documents the prompts are made from: files, folders or globs. Repeat it.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write the documents (.jsonl, .jsonl.gz, .jsonl.zst, .parquet)."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Most requests, the first ones.")] = None,
    rejects: Annotated[Path, typer.Option(help="Where to keep rows of the parents that cannot be used.")] = Path(
        "rejects.jsonl"
    ),
    example: Annotated[
        str | None,
        typer.Option(
            help="Print a recipe file: continuation, rephrase, question-answer, instruction-response or fill."
        ),
    ] = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the first prompts and what it would cost; ask nothing.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when answers are missing or more than half are refused.")
    ] = False,
) -> None:
    """Make machine documents by a recipe: ask a model about your documents, keep every answer, write the good ones."""
    from headwater.generate import example_recipe, load_recipe

    if example is not None:
        print(example_recipe(example), end="")
        return
    wanted = {"--recipe": recipe, "--parents": parents, **({} if dry_run else {"--out": out})}
    missing = [name for name, value in wanted.items() if not value]
    if missing or recipe is None or (out is None and not dry_run):
        raise ConfigError([f"{name} is missing" for name in missing], "the command")
    from headwater.project import Project

    place, found = Project(project), load_recipe(recipe)
    if dry_run:
        _print_plan(found, place.plan_generation(found, parents or [], limit=limit), as_json=as_json)
        return
    from headwater.cli.progress import progress_on
    from headwater.sources import RejectLog

    assert out is not None
    with progress_on(sys.stderr.isatty(), quiet=quiet) as progress, RejectLog(rejects) as log:
        try:
            made = place.generate(found, parents or [], out, progress, rejects=log, limit=limit, folder=recipe.parent)
        except KeyboardInterrupt:
            print("Interrupted. What was answered is kept; the same command goes on.", file=sys.stderr)
            raise typer.Exit(130) from None
    if as_json:
        from headwater.cli.output import print_json

        print_json(_made_json(found, made))
    else:
        print(_summary(made, str(rejects)))
    if check and (made.failed or made.not_asked or 2 * sum(made.refused.values()) > made.requests):
        raise typer.Exit(1)


def _summary(made: "Generated", rejects: str) -> str:
    refused = sum(made.refused.values())
    lines = [
        f"{made.requests:,} requests = {made.written:,} documents + {refused:,} refused + {made.failed:,} failed + "
        f"{made.not_asked:,} not asked",
        f"{made.answered:,} answered now in {made.seconds:,.1f} s, {made.known:,} known before",
    ]
    if made.refused:
        from headwater.generate import BAD_SENTENCES, Bad

        lines.append(f"\nRefused ({made.rejected}):")
        lines += [f"  {count:>9,}  {kind:<15} {BAD_SENTENCES[Bad(kind)]}" for kind, count in made.refused.items()]
        lines += [f"             {count:,}: {why}" for why, count in made.verifiers.items()]
    if made.failures:
        lines.append("\nFailed (the same command asks again):")
        lines += [f"  {count:>9,}  {why}" for why, count in list(made.failures.items())[:_FAILURES]]
    lines.append("")
    if made.stopped == "budget":
        lines.append("The budget ends here. Raise it in the recipe and repeat the command to go on.")
    lines.append(_spending(made.spent, made.currency))
    if made.passed_over:
        lines.append(f"{made.passed_over:,} parents were passed over: too short, or of a sealed panel.")
    if made.bad_rows:
        lines.append(f"{made.bad_rows:,} rows of the parents could not be used: {rejects}")
    if made.trimmed:
        lines.append(f"{made.trimmed:,} documents were cut back to their last sentence.")
    lines += [f"Note: {note}" for note in made.notes]
    lines.append(f"Recipe: {', '.join(made.recipes)}")
    lines.append(f"Documents: {made.out}")
    return "\n".join(lines)


def _spending(spent: "Spending", currency: str) -> str:
    words = f"Spent by this recipe so far: {_cost(spent.spent, currency)}."
    unknown = spent.lost + spent.reserved
    if unknown.tokens:
        words += f" Attempts whose outcome is unknown may have cost up to {_cost(unknown, currency)} more."
    if spent.uncounted:
        words += f" {spent.uncounted:,} answers came without token counts; they are counted at the most they can be."
    return words


def _cost(cost: "Cost", currency: str) -> str:
    money = f", {cost.money:,.4f} {currency}" if cost.pico else ""
    return f"{cost.prompt_tokens:,} + {cost.completion_tokens:,} tokens{money}"


def _cost_json(cost: "Cost") -> dict[str, Any]:
    return {"prompt_tokens": cost.prompt_tokens, "completion_tokens": cost.completion_tokens, "money": cost.money}


def _made_json(recipe: "RecipeFile", made: "Generated") -> dict[str, Any]:
    return {
        "recipe": {"name": recipe.name, "id": recipe.id, "labels": list(made.recipes)},
        "requests": made.requests,
        "documents": made.written,
        "refused": dict(made.refused),
        "verifiers": dict(made.verifiers),
        "failed": made.failed,
        "failures": dict(made.failures),
        "not_asked": made.not_asked,
        "answered": made.answered,
        "known": made.known,
        "trimmed": made.trimmed,
        "stopped": made.stopped or None,
        "parents": {"used": made.parents, "passed_over": made.passed_over, "bad": made.bad_rows},
        "spent": {
            **_cost_json(made.spent.spent),
            "unknown": _cost_json(made.spent.lost + made.spent.reserved),
            "uncounted": made.spent.uncounted,
            "currency": made.currency,
        },
        "out": made.out,
        "rejected": made.rejected,
        "seconds": made.seconds,
        "notes": list(made.notes),
    }


def _print_plan(recipe: "RecipeFile", plan: "Plan", *, as_json: bool) -> None:
    currency = recipe.budget.currency
    if as_json:
        from headwater.cli.output import print_json

        print_json(
            {
                "recipe": {"name": recipe.name, "id": recipe.id},
                "requests": plan.requests,
                "known": plan.known,
                "likely": _cost_json(plan.likely),
                "most": _cost_json(plan.most),
                "spent": _cost_json(plan.before.spent),
                "prompts": [{"system": one.system, "prompt": one.prompt, "parents": list(one.parents)}
                            for one in plan.prompts],
            }
        )  # fmt: skip
        return
    for one in plan.prompts:
        print(f"--- {one.style or recipe.name}, parent {', '.join(one.parents) or 'none'}")
        if one.system:
            print(f"[system] {one.system}")
        print(one.prompt[:_SHOWN_CHARACTERS] + ("..." if len(one.prompt) > _SHOWN_CHARACTERS else ""))
    print(f"\n{plan.requests:,} requests, {plan.known:,} of them answered before.")
    print(f"The others probably cost {_cost(plan.likely, currency)}; at most {_cost(plan.most, currency)}.")
    print(_spending(plan.before, currency))
