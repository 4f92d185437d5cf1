"""``headwater detector``: fit it to known texts, score documents, show its card, make mirror texts."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from headwater.cli.jobs import AsJson, ProjectFolder, Quiet, Seed
from headwater.errors import ConfigError, InputError, did_you_mean

if TYPE_CHECKING:
    from headwater.origin import LanguageModels

detector_app = typer.Typer(
    help="Fit the detector to your own texts, score documents, show its card.", no_args_is_help=True
)

HumanTexts = Annotated[list[str], typer.Option("--human", help="Known human text: files, folders or globs. Repeat it.")]
TextColumn = Annotated[str, typer.Option(help="Column with the text.")]
GroupColumn = Annotated[str | None, typer.Option(help="Column naming the unit of independence: article, author, site.")]
Lm = Annotated[
    str | None,
    typer.Option("--lm", help="Language model to read the texts with: a folder, or a name on the Hugging Face hub."),
]
LmReference = Annotated[
    str | None,
    typer.Option(help="Second language model with the same tokenizer, to compare with. None: the first one."),
]
LmDevice = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where language models compute.")]
Thorough = Annotated[
    bool, typer.Option("--thorough", help="The slower form; its quality is in: headwater detector card --thorough")
]
Rejects = Annotated[Path, typer.Option(help="Where to keep rows that could not be used.")]


@detector_app.command(epilog="Example: headwater detector fit --human essays/ --ai chatbot.jsonl --out our-detector")
def fit(
    *,
    human: HumanTexts,
    machine: Annotated[list[str], typer.Option("--ai", help="Known machine text: files, folders or globs. Repeat it.")],
    out: Annotated[Path, typer.Option(help="Folder to write the detector to.")],
    text: TextColumn = "text",
    group: GroupColumn = None,
    start: Annotated[
        str, typer.Option("--from", help="Detector to start from: a folder, shipped, or none (texts of yours alone).")
    ] = "shipped",
    weight: Annotated[
        float, typer.Option(min=0.01, help="How often each text of yours counts against one learnt before.")
    ] = 10.0,
    thorough: Thorough = False,
    lm: Lm = None,
    lm_reference: LmReference = None,
    lm_device: LmDevice = "auto",
    name: Annotated[str | None, typer.Option(help="Its name. Default: that of the folder.")] = None,
    rejects: Rejects = Path("rejects.jsonl"),
    seed: Seed = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Teach the detector your own human and machine texts, and write it down with its card."""
    import numpy as np

    from headwater.cli.output import print_json
    from headwater.cli.progress import progress_on
    from headwater.origin import card_markdown, default_detector, fit_files, load_detector
    from headwater.sources import RejectLog

    if (out / "card.json").exists():
        raise InputError(f"there is a detector in {out}. Choose another folder, or remove it first.")
    if start == "none":
        base = None
    else:
        base = default_detector(thorough=thorough) if start == "shipped" else load_detector(Path(start))
    with progress_on(sys.stderr.isatty(), quiet=quiet) as progress, RejectLog(rejects) as log:
        models = _language_models(lm, lm_reference, lm_device, lambda what: progress(0, 0, what))
        detector, warnings = fit_files(
            tuple(human),
            tuple(machine),
            text=text,
            group=group,
            base=base,
            weight=weight,
            thorough=thorough,
            name=name or out.resolve().name,
            rejects=log,
            rng=np.random.default_rng(seed or 0),
            tell=lambda what: progress(0, 0, what),
            language_models=models,
        )
        detector.save(out)
    if as_json:
        print_json({"detector": str(out), "card": asdict(detector.card), "warnings": list(warnings)})
    else:
        print(card_markdown(detector.card))
        print(f"Detector: {out}")
        for warning in warnings:
            print(f"Warning: {warning}")


@detector_app.command(epilog="Example: headwater detector score crawl.jsonl.zst --out scores.parquet")
def score(
    paths: Annotated[list[str], typer.Argument(help="Documents: files, folders or globs.")],
    *,
    out: Annotated[Path, typer.Option(help="Where to write one row per row of the input (.parquet, .jsonl, .csv).")],
    detector: Annotated[Path | None, typer.Option(help="Folder of a fitted detector. None: the shipped one.")] = None,
    human: Annotated[
        list[str] | None, typer.Option(help="Known human text the p-values are taken against. Repeat it.")
    ] = None,
    machine: Annotated[
        list[str] | None, typer.Option("--ai", help="Known machine text, to fit the detector first. Repeat it.")
    ] = None,
    text: TextColumn = "text",
    id_column: Annotated[
        str | None, typer.Option("--id", help="Column with the id. None: id where there is one, else a hash.")
    ] = None,
    group: GroupColumn = None,
    fdr: Annotated[float, typer.Option(help="Share of the machine-like verdicts that may be wrong.")] = 0.05,
    thorough: Thorough = False,
    lm: Lm = None,
    lm_reference: LmReference = None,
    lm_device: LmDevice = "auto",
    rejects: Rejects = Path("rejects.jsonl"),
    seed: Seed = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write score, p-value and verdict of every document, in the order of the input."""
    import numpy as np

    from headwater.cli.output import print_json
    from headwater.cli.progress import progress_on
    from headwater.origin import judge_of, read_references, score_files
    from headwater.origin.scoring import WRITABLE_SCORES
    from headwater.sources import RejectLog, check_outputs

    if not 0 < fdr < 1:
        raise ConfigError([f"--fdr {fdr}: must lie between 0 and 1"])
    check_outputs((*paths, *(human or ()), *(machine or ())), {out: WRITABLE_SCORES})
    with progress_on(sys.stderr.isatty(), quiet=quiet) as progress, RejectLog(rejects) as log:

        def tell(what: str) -> None:
            progress(0, 0, what)

        known = read_references(human or (), machine or (), text=text, group=group, rejects=log, tell=tell)
        models = _language_models(lm, lm_reference, lm_device, tell)
        judge = judge_of(
            *known,
            detector=detector,
            thorough=thorough,
            rng=np.random.default_rng(seed or 0),
            tell=tell,
            language_models=models,
        )
        found = score_files(
            tuple(paths),
            out,
            judge,
            text=text,
            id_column=id_column,
            fdr=fdr,
            rejects=log,
            tell=tell,
            language_models=models,
        )
    facts = judge.facts
    if as_json:
        print_json(
            {
                "rows": found.rows,
                "verdicts": found.verdicts,
                "not_judged": found.not_judged,
                "bad": found.reading.bad_rows,
                "auroc_reserve": facts.auroc,
                "out": str(out),
            }
        )
        return
    print(f"{found.rows:,} rows: " + ", ".join(f"{count:,} {name}" for name, count in found.verdicts.items()))
    if found.not_judged:
        print("Without a score: " + ", ".join(f"{count:,} {name}" for name, count in found.not_judged.items()))
    for remark in facts.remarks:
        print(f"Note: {remark}")
    if models is not None and judge.detector.lm is None:
        print(
            f"Note: the statistics of {models.pair.names} are columns only. Scores and verdicts use them with a "
            "detector that was fitted with them: headwater detector fit --lm"
        )
    if found.reading.bad_rows:
        print(f"{found.reading.bad_rows:,} rows could not be used: {rejects}")
    print(f"Scores: {out}")


@detector_app.command()
def card(
    detector: Annotated[Path | None, typer.Argument(help="Folder of a detector. None: the shipped one.")] = None,
    *,
    thorough: Thorough = False,
    as_json: AsJson = False,
) -> None:
    """Show what a detector learnt from, how good it is, and what it cannot do."""
    from headwater.cli.output import print_json
    from headwater.origin import card_markdown, default_detector, load_detector

    one = default_detector(thorough=thorough) if detector is None else load_detector(detector)
    if as_json:
        print_json({"card": asdict(one.card)})
    else:
        print(card_markdown(one.card))


@detector_app.command(
    epilog='Example: headwater detector mirror --human essays.jsonl --out ai.jsonl --command "python write.py"'
)
def mirror(
    *,
    human: HumanTexts,
    out: Annotated[
        Path, typer.Option(help="Where to write the machine texts (.jsonl, .jsonl.gz, .jsonl.zst, .parquet).")
    ],
    command: Annotated[
        str | None,
        typer.Option(help='Program that answers prompts: {"id", "prompt"} lines in, {"id", "text"} lines out.'),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="One of Headwater's own rewrites instead of a program.")] = None,
    count: Annotated[int, typer.Option(min=1, help="Texts wanted; 50 to 200 are enough.")] = 100,
    name: Annotated[str | None, typer.Option(help="Name of the generator. Default: the program's.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Prompt with {subject} and {words}.")] = None,
    text: TextColumn = "text",
    title: Annotated[str, typer.Option(help="Column with titles; without one the first sentence is taken.")] = "title",
    group: GroupColumn = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds the program may take.")] = None,
    rejects: Rejects = Path("rejects.jsonl"),
    seed: Seed = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Have a feared generator write texts like your human ones, so that the detector can learn it.

    They are recorded in the project's generation ledger, which recognises them where they turn up again.
    """
    from headwater.cli.output import print_json
    from headwater.cli.progress import progress_on
    from headwater.generate import PROMPT, REWRITES, Command
    from headwater.project import Project
    from headwater.sources import RejectLog

    known = {one.name: one for one in REWRITES}
    if (command is None) == (recipe is None):
        raise ConfigError(["name the generator: either --command PROGRAM or --recipe NAME"])
    if recipe is not None and recipe not in known:
        raise ConfigError([f"--recipe {recipe}: not known. Known: {', '.join(known)}.{did_you_mean(recipe, known)}"])
    if prompt is not None and "{subject}" not in prompt:
        raise ConfigError(["--prompt: {subject} does not occur in it"])
    generator = known[recipe] if recipe is not None else Command(tuple(shlex.split(command or "")), timeout)
    with progress_on(sys.stderr.isatty(), quiet=quiet) as progress, RejectLog(rejects) as log:
        progress(0, 0, f"asking for {count} texts")
        made = Project(project).mirror(
            human,
            out,
            generator,
            count=count,
            name=name,
            prompt=prompt or PROMPT,
            text=text,
            title=title,
            group=group,
            rejects=log,
            seed=seed or 0,
        )
    if made.complaints:
        print(f"The program said: {made.complaints}", file=sys.stderr)
    if as_json:
        print_json(
            {
                "out": str(out),
                "documents": made.documents.num_rows,
                "asked": made.asked,
                "unanswered": made.unanswered,
                "empty": made.empty,
                "strange": made.strange,
            }
        )
        return
    print(f"{made.documents.num_rows:,} of {made.asked:,} prompts were answered: {out}")
    if made.empty:
        print(f"{made.empty:,} answers were empty.")
    if made.strange:
        print(f"{made.strange:,} lines of output answered no prompt.")
    if made.documents.num_rows < _ENOUGH:
        print(f"Fewer than {_ENOUGH} texts teach a detector little; ask for more.")


_ENOUGH = 50


def _language_models(
    lm: str | None, reference: str | None, device: Literal["auto", "cpu", "cuda"], tell: Callable[[str], None]
) -> "LanguageModels | None":
    """Return the language models that were named, loaded; None where none were."""
    if lm is None:
        if reference is not None:
            raise ConfigError(["--lm-reference: needs --lm, the model whose probabilities are compared with it"])
        return None
    from headwater.origin import load_language_models

    tell("loading the language models")
    return load_language_models(lm, reference, device=device)
