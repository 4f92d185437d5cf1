"""``headwater explain`` and ``headwater revoke``: why a verdict was given, and how an admission is withdrawn."""

import getpass
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headwater.cli.jobs import AsJson, ProjectFolder

if TYPE_CHECKING:
    from headwater.gate import Card
    from headwater.gate.diagnosis import Diagnosis
    from headwater.loop.explaining import Standing, Why
    from headwater.loop.revoking import Revocation

Name = Annotated[
    str, typer.Argument(metavar="ID|RECIPE", help="Id of a document, the beginning of one, or name of a recipe.")
]
Run = Annotated[
    str | None, typer.Option(help="Run id, the beginning of one, or latest. None: the latest that knows the name.")
]
_SHOWN = 10


def explain(name: Name, run: Run = None, project: ProjectFolder = Path(), as_json: AsJson = False) -> None:
    """Say why a document or recipe was admitted or not: evidence, slices, parents, signals, what would change it."""
    from headwater.cli.output import print_json
    from headwater.project import Project

    found = Project(project).explain(name, run)
    if as_json:
        print_json({"explanation": _why_json(found)})
    else:
        print("\n".join(_why_lines(found)))


def revoke(
    name: Name,
    *,
    why: Annotated[str, typer.Option(help="Why it is withdrawn; written into the ledger.")],
    by: Annotated[str | None, typer.Option(help="Who withdraws it. None: the name you are logged in with.")] = None,
    run: Run = None,
    project: ProjectFolder = Path(),
    as_json: AsJson = False,
) -> None:
    """Withdraw an admission: a new row in the ledger, the export written without it, and what was made from it."""
    from headwater.cli.output import print_json
    from headwater.errors import ConfigError
    from headwater.project import Project

    if not why.strip():
        raise ConfigError(["--why is empty: say in words why it is withdrawn"], "the command")
    found = Project(project).revoke(name, why.strip(), run, by=by or getpass.getuser())
    if as_json:
        print_json({"revocation": asdict(found)})
        return
    print("\n".join(_revocation_lines(found)))
    if found.documents or found.models:
        print(
            "What was made from it is not withdrawn with it: revoke those recipes too, or train the models again.",
            file=sys.stderr,
        )


def _why_json(found: "Why") -> dict[str, Any]:
    from headwater.cli.output import finite_json, recipes_json

    plain = asdict(found)
    plain["card"] = None
    if found.card is not None:
        plain["card"] = recipes_json([found.card])[0] | {
            "sentence": found.card.sentence,
            "slices": [asdict(one) for one in found.card.slices],
        }
        if found.sealed:
            plain["card"] |= {"log_e": None, "needed": None}
    return dict(finite_json(plain))


def _why_lines(found: "Why") -> list[str]:
    from headwater.schema import REASON_SENTENCES

    lines = [f"{found.id} in run {found.run}" + (f", recipe {found.recipe}" if found.recipe else "")]
    if found.beginning:
        lines.append(f"  “{found.beginning}”")
    lines += ["", "Verdict, by part of the run:"]
    for one in found.standing:
        lines.append(f"  {one.arm}: {one.verdict.value} ({one.stage.value}): {REASON_SENTENCES[one.reason]}.")
        lines += [f"    {part}" for part in _numbers(one, sealed=found.sealed)]
    if found.card is not None:
        lines += ["", *_card_lines(found.card)]
    lines += ["", f"What would change it: {found.would_change}"]
    if found.parents:
        lines += ["", "Made from:"]
        for parent in found.parents[:_SHOWN]:
            made = f", recipe {parent.recipe}" if parent.recipe else ""
            shown = f": “{parent.beginning}”" if parent.beginning else ""
            lines.append(f"{'  ' * parent.level}{parent.id} ({parent.origin}{made}){shown}")
        if len(found.parents) > _SHOWN:
            lines.append(f"  ... and {len(found.parents) - _SHOWN} more; --json has all of them.")
    if found.ancestors:
        lines += ["", f"Family tree: {', '.join(found.ancestors[:_SHOWN])}"]
    if found.signals:
        shown = ", ".join(f"{key} {_number(value)}" for key, value in found.signals.items())
        lines += ["", f"Signals, which decide nothing: {shown}"]
    if found.nearest:
        lines += ["", "Nearest human training documents (cosine):"]
        lines += [f"  {near.cosine:.2f}  {near.id}  “{near.beginning}”" for near in found.nearest]
    if len(found.history) > len(found.standing):
        lines += ["", "All verdicts, as they were given:"]
        lines += [f"  {one.arm}, generation {one.generation}: {one.verdict.value} ({one.reason.value})"
                  for one in found.history[:_SHOWN]]  # fmt: skip
    return lines


def _numbers(one: "Standing", *, sealed: bool) -> list[str]:
    lines = []
    if one.decision is not None:
        number = f"decision {one.decision} of the certification panel"
        if sealed:
            lines.append(f"{number}; its numbers are sealed while the panel is in use")
        else:
            lines.append(f"{number}: ln e = {_number(one.log_e)}, needed {_number(one.threshold)}")
    elif one.measured is not None:
        lines.append(f"measured {_number(one.measured)}, threshold {_number(one.threshold)}")
    if one.note:
        lines.append(f"{one.note} ({one.by or 'unknown'})")
    return lines


def _card_lines(card: "Card") -> list[str]:
    lines = [f"Recipe {card.recipe}: {card.sentence}"]
    lines.append(f"  {card.passed:,} of {card.documents:,} documents passed the hard checks ({card.tokens:,} tokens)")
    if card.failed:
        lines.append("  failed: " + ", ".join(f"{many:,} {code}" for code, many in card.failed.items()))
    lines += [
        f"  slice {one.name}: {one.gain:+.3f} nats per word over {one.units} groups, ln e of harm {one.log_e_harm:.2f} "
        f"(hurt from {one.threshold:.2f})"
        for one in card.slices
    ]
    return [*lines, *(_signal_lines(card.diagnosis) if card.diagnosis is not None else [])]


def _signal_lines(seen: "Diagnosis") -> list[str]:
    parts = [f"loss {_number(seen.loss.median)} nats per word"]
    if seen.loss_human is not None:
        parts[0] += f" (unseen human text {_number(seen.loss_human.median)})"
    parts.append(f"DSIR weight {_number(seen.dsir.median)}")
    if seen.discriminator is not None:
        parts.append(f"told from human with AUC {seen.discriminator.auc:.2f} ± {seen.discriminator.error:.2f}")
    parts.append(f"{seen.words.support:,} distinct words, {seen.words.rare_recall:.0%} of the rare human ones")
    if seen.cloud is not None:
        parts.append(f"clipped density {seen.cloud.density:.2f}, coverage {seen.cloud.coverage:.2f}")
    parts.append(f"copied {_number(seen.copied.median)}")
    lines = [f"  signals, which decide nothing: {'; '.join(parts)}"]
    return lines + [
        f"  nearest human text: {one.human.cosine:.2f}  {one.human.id}  “{one.human.beginning}”"
        for one in seen.nearest_pairs
    ]


def _revocation_lines(found: "Revocation") -> list[str]:
    if found.before is not None:
        why, by = found.before
        told = f": {why} ({by})" if why else " by the gate"
        lines = [f"{found.id} was withdrawn in run {found.run} before{told}. Nothing is written to the ledger."]
    else:
        many = f"{found.withdrawn:,} verdict{'s' * (found.withdrawn != 1)}"
        lines = [f"{found.id} is withdrawn in run {found.run}: {many}. {found.why} ({found.by})"]
    if found.removed:
        lines.append(f"{found.export}: {found.removed:,} documents taken out, {found.left:,} left.")
        lines.append("Copies made of it before are stale: copy it again, and train again what was trained on them.")
    for what, names in (("Documents", found.documents), ("Recipes", found.recipes), ("Models", found.models)):
        if names:
            more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
            lines.append(f"{what} made from it: {', '.join(names[:_SHOWN])}{more}")
    if not (found.documents or found.models):
        lines.append("Nothing in the project was made from it.")
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"
