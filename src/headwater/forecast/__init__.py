"""When human data runs out: the published models, and a team's own forecast."""

from headwater.forecast.passage import as_published, date_at, first_passage, full_use
from headwater.forecast.preset import PRESETS, RULES, forecast
from headwater.forecast.quantities import Quantity, Schedule, parse
from headwater.forecast.result import Forecast, PresetForecast, TeamForecast
from headwater.forecast.scaling import (
    MUENNIGHOFF,
    ScalingLaw,
    effective_parameters,
    effective_tokens,
    epoch_multiplier,
    loss,
    optimal_parameters,
    synthetic_worth,
    tokens_for_loss,
)

__all__ = [
    "MUENNIGHOFF",
    "PRESETS",
    "RULES",
    "Forecast",
    "PresetForecast",
    "Quantity",
    "ScalingLaw",
    "Schedule",
    "TeamForecast",
    "as_published",
    "date_at",
    "effective_parameters",
    "effective_tokens",
    "epoch_multiplier",
    "first_passage",
    "forecast",
    "full_use",
    "loss",
    "optimal_parameters",
    "parse",
    "synthetic_worth",
    "tokens_for_loss",
]
