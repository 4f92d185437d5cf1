"""From what audits and runs measured to inputs of a forecast: shares, rates, and what a synthetic token was worth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.forecast.quantities import Z90, Quantity, Schedule, constant, written

_SMALLEST = 1e-6


def _with_text(kind: str, *parameters: float) -> Quantity:
    # Rounded so that the text is the value: what a report shows can be written into team.toml.
    rounded = tuple(float(f"{value:.4g}") for value in parameters)
    found = Quantity(kind, rounded)  # type: ignore[arg-type]
    return Quantity(found.kind, rounded, written(found))


def share_quantity(share: float | None, low: float, high: float, level: float = 0.95) -> Quantity:
    """Return a share that an audit estimated, as an input.

    With a point estimate it is normal about the middle of the interval with the interval's own width; without one
    (known human text only) any share of the range is as good as any other. Draws are cut at 0 and 1.

    Args:
        share: point estimate, 0 to 1, or None.
        low: lower end of the interval or range.
        high: its upper end.
        level: confidence of the interval.

    Raises:
        ValueError: the ends are no shares, or reversed.
    """
    from scipy.special import ndtri

    if not 0 <= low <= high <= 1:
        raise ValueError(f"an interval of a share has 0 <= low <= high <= 1, got {low:g}..{high:g}")
    if high - low < _SMALLEST:
        return constant((low + high) / 2)
    if share is None:
        return _with_text("uniform", low, high)
    half = (high - low) / 2
    # a normal's plausible points must be shares; where the interval ends at 0 or 1 the normal is narrowed to it
    middle, deviation = (low + high) / 2, half / float(ndtri((1 + level) / 2))
    return _with_text("normal", middle, min(deviation, 0.999 * min(middle, 1 - middle) / Z90))


def rate_quantity(rate: float, trials: int) -> Quantity:
    """Return a rate measured on ``trials`` documents, such as recall or false-positive rate, as an input.

    A 90% interval by Jeffreys' prior: Beta(k + 1/2, n - k + 1/2). The rate is one of documents; that it holds by
    tokens, and on text other than the references, is an assumption.

    Raises:
        ValueError: the rate lies outside 0..1, or there are no trials.
    """
    from scipy.stats import beta

    if not 0 <= rate <= 1 or trials < 1:
        raise ValueError(f"a rate lies within 0..1 and needs trials, got {rate:g} of {trials}")
    hits = rate * trials
    low, high = (float(value) for value in beta.ppf([0.05, 0.95], hits + 0.5, trials - hits + 0.5))
    return _with_text("range", low, high)


def shares_by_month(
    months: Sequence[tuple[float, float | None, float, float]], level: float = 0.95
) -> Quantity | Schedule:
    """Return the machine share of new text by month, as audited; it stays at the last month's beyond it.

    That new text keeps the share of the last month is an assumption; where months show the share levelling out,
    :func:`headwater.forecast.machine_share.fit_machine_share` gives the constants of a curve instead.

    Args:
        months: calendar year of the month's middle, point estimate or None, low, high of each, in any order.
        level: confidence of the intervals.

    Raises:
        ValueError: there are none, or two of the same date.
    """
    if not months:
        raise ValueError("no month has a share")
    ordered = sorted(months, key=lambda month: month[0])
    values = tuple(share_quantity(share, low, high, level) for _, share, low, high in ordered)
    years = tuple(year for year, *_ in ordered)
    if len(set(years)) < len(years):
        raise ValueError("two shares have the same month")
    return values[0] if len(values) == 1 else Schedule(years, values)


def tokens_of_words(words: int, per_word: Quantity) -> Quantity:
    """Return tokens of a number of words, given tokens per word as the team's tokenizer has them.

    Args:
        words: words counted, as an audit does (separated by spaces).
        per_word: tokens per word: a constant, or a range of positive numbers.

    Raises:
        ValueError: ``per_word`` is neither, or there are no words.
    """
    low, high = per_word.parameters[0], per_word.parameters[-1]
    if words < 1 or per_word.kind not in {"constant", "range"} or low <= 0:
        raise ValueError(f"{words} words at {per_word} tokens: words and a positive number or range are needed")
    return _with_text("constant", words * low) if per_word.certain else _with_text("range", words * low, words * high)


@dataclass(frozen=True, slots=True)
class WorthEstimate:
    """What a synthetic token was worth in a run, or why that cannot be said."""

    worth: Quantity | None
    """Human tokens per synthetic token: normal, with the error of the losses and that of the curve's form."""
    refused: str | None
    """Why there is no number, or None."""
    assumptions: tuple[str, ...] = ()


WORTH_ASSUMPTIONS = (
    "The loss is that of the run's own small models, and the human tokens are those of the run: the worth at another "
    "scale or for another architecture may differ.",
    "Between the two trainings on human text alone the loss falls with tokens as a power law without a floor, with an "
    "exponent between 0 (linear in the logarithm) and 0.5; the distance between the two ends is part of the error.",
    "The documents added in the second human training are of the same kind as the first.",
    "The errors of the two gains are taken as independent; they share a panel, which makes the interval too wide.",
)
_STEEPEST = 0.5
"""Steepest exponent of loss by tokens: published fits for language models lie between 0.08 and 0.37."""


def worth_from_runs(
    human_tokens: float,
    synthetic_tokens: float,
    gain: float,
    gain_error: float,
    added_human_tokens: float,
    human_gain: float,
    human_gain_error: float,
) -> WorthEstimate:
    """Return what one synthetic token was worth in human tokens, from three trainings of the same small learner.

    The learner is trained on D human tokens, on these and S synthetic ones, and on these and N further human ones; the
    gains are the falls of the loss on the same held-out human text against the first. The curve of the loss over human
    tokens is taken through its two points, D with gain 0 and D + N with gain G, and read backwards at the synthetic
    gain g: v = (D' - D) / S. For an exponent b the curve gives D' = D (1 - g/G (1 - (1 + N/D)^-b))^(-1/b), for b -> 0
    D' = D (1 + N/D)^(g/G). The law fitted to transformers (Muennighoff et al. 2023) is of no use here: its constants E
    and B say what *their* losses are, and the loss of an n-gram model in nats per word is not on that curve at all.

    Args:
        human_tokens: D, tokens of the human training text.
        synthetic_tokens: S, tokens of the admitted synthetic text.
        gain: fall of the loss with them, any unit; negative where they did harm.
        gain_error: its standard error.
        added_human_tokens: N, tokens of the further human text.
        human_gain: G, fall of the loss with that, same unit.
        human_gain_error: its standard error.

    Returns:
        The worth, or the reason why there is none: no synthetic tokens, no second human point, a curve too flat to be
        told from noise, or a gain above that of the human text, where the curve would have to be extrapolated.
    """
    numbers = (human_tokens, synthetic_tokens, gain, gain_error, added_human_tokens, human_gain, human_gain_error)
    if not all(math.isfinite(number) for number in numbers) or human_tokens <= 0:
        return WorthEstimate(None, "losses or token counts are no numbers")
    if synthetic_tokens <= 0:
        return WorthEstimate(None, "the gate admitted no synthetic tokens, so nothing was trained on any")
    if added_human_tokens <= 0:
        return WorthEstimate(
            None, "there is no second training on human text alone; the curve of loss by human tokens needs one"
        )
    if human_gain <= 2 * human_gain_error:
        return WorthEstimate(
            None,
            f"{added_human_tokens:,.0f} more human tokens lowered the loss by {human_gain:.3g} "
            f"(error {human_gain_error:.2g}): too little to say what a token is worth",
        )
    if gain > human_gain:
        return WorthEstimate(
            None,
            f"the synthetic tokens lowered the loss by {gain:.3g}, more than {added_human_tokens:,.0f} human tokens "
            f"did ({human_gain:.3g}); train on more human text to know how many would have done that",
        )
    ratio = 1 + added_human_tokens / human_tokens

    def worth(g: float, top: float, exponent: float) -> float:
        reached = math.exp(g / top * math.log(ratio))
        if exponent:
            reached = (1 - g / top * (1 - ratio**-exponent)) ** (-1 / exponent)
        return human_tokens * (reached - 1) / synthetic_tokens

    flat, steep = worth(gain, human_gain, 0.0), worth(gain, human_gain, _STEEPEST)
    slope = (
        human_tokens * math.log(ratio) / human_gain * math.exp(gain / human_gain * math.log(ratio)) / synthetic_tokens
    )
    noise = math.hypot(slope * gain_error, slope * gain / human_gain * human_gain_error)
    deviation = math.hypot(noise, (flat - steep) / 2)
    middle = (flat + steep) / 2
    if abs(middle) + Z90 * deviation > 10:
        return WorthEstimate(None, f"the worth comes out at {middle:.3g} +- {deviation:.2g}, which says nothing")
    value = _with_text("normal", middle, deviation) if deviation > _SMALLEST else constant(middle)
    return WorthEstimate(value, None, WORTH_ASSUMPTIONS)
