"""Figures from the results of arms."""

from collections.abc import Sequence

from headwater.lab.result import ArmResult, Line, LineFigure

_MOST_POINTS = 200


def curves(
    arms: Sequence[ArmResult],
    measure: str,
    title: str,
    y_title: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    published: Sequence[Line] = (),
    median: bool = False,
    note: str = "",
) -> LineFigure:
    """Return the figure of a measure by generation: every arm with its band over seeds, its closed form on top.

    Args:
        arms: arms to draw; those without the measure are left out.
        measure: name of the measure.
        title: heading.
        y_title: axis title with the unit.
        log_x: logarithmic generation axis (generation 0 is then drawn at 1 fit).
        log_y: logarithmic measure axis.
        published: lines drawn beside.
        median: draw the median over seeds instead of the mean.
        note: what the reader has to know.
    """
    lines: list[Line] = []
    for arm in arms:
        series = arm.series.get(measure)
        if series is None:
            continue
        shown = spaced(len(series.mean), log=log_x)
        x = tuple(float(g + 1 if log_x else g) for g in shown)
        y = series.median if median else series.mean
        band = arm.replicates > 1
        lines.append(
            Line(
                arm.name,
                "human" if arm.name == "human-only" else "simulated",
                x,
                tuple(y[g] for g in shown),
                tuple(series.low[g] for g in shown) if band else (),
                tuple(series.high[g] for g in shown) if band else (),
            )
        )
        law = arm.expected.get(measure)
        if law is not None and not median:
            lines.append(Line(arm.name, "expected", x, tuple(law[g] for g in shown)))
    return LineFigure(
        title, "Fits" if log_x else "Generation", y_title, (*lines, *published), log_x=log_x, log_y=log_y, note=note
    )


def inbreeding(arms: Sequence[ArmResult]) -> LineFigure:
    """Return the figure of the inbreeding coefficient: observed as a line, computed from the family tree on top."""
    lines: list[Line] = []
    for arm in arms:
        if not arm.computed_f:
            continue
        shown = spaced(len(arm.computed_f))
        x = tuple(float(g) for g in shown)
        if observed := arm.observed_f:
            lines.append(Line(arm.name, "simulated", x, tuple(observed[g] for g in shown)))
        lines.append(Line(arm.name, "expected", x, tuple(arm.computed_f[g] for g in shown)))
    return LineFigure(
        "Inbreeding coefficient",
        "Generation",
        "F, share of diversity lost",
        tuple(lines),
        note="Lines are observed, dots are computed from the family tree alone.",
    )


def spaced(count: int, *, log: bool = False) -> tuple[int, ...]:
    """Return the indices to draw of ``count`` generations: all, or evenly (or logarithmically) spaced ones."""
    if count <= _MOST_POINTS:
        return tuple(range(count))
    if log:
        ratio = count ** (1 / (_MOST_POINTS - 1))
        return tuple(sorted({min(round(ratio**i) - 1, count - 1) for i in range(_MOST_POINTS)} | {0, count - 1}))
    step = (count - 1) / (_MOST_POINTS - 1)
    return tuple(round(i * step) for i in range(_MOST_POINTS))
