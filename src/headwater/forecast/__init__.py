"""When human data runs out: the published models, and a team's own forecast."""

from headwater.forecast.contamination import contamination, kept_human_share
from headwater.forecast.machine_share import MachineShareFit, fit_machine_share, machine_share
from headwater.forecast.measured import (
    WorthEstimate,
    rate_quantity,
    share_quantity,
    shares_by_month,
    tokens_of_words,
    worth_from_runs,
)
from headwater.forecast.mine import forecast_team
from headwater.forecast.passage import as_published, date_at, first_passage, full_use
from headwater.forecast.preset import PRESETS, RULES, forecast
from headwater.forecast.quantities import Quantity, Schedule, constant, parse
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
from headwater.forecast.supply import admitted, capacity, dates_of_use, stock_over_time, synthetic_limit
from headwater.forecast.team import (
    Measured,
    Measurement,
    TeamSettings,
    commented_team_toml,
    plain_values,
    read_team,
    team_settings,
)

__all__ = [
    "MUENNIGHOFF",
    "PRESETS",
    "RULES",
    "Forecast",
    "MachineShareFit",
    "Measured",
    "Measurement",
    "PresetForecast",
    "Quantity",
    "ScalingLaw",
    "Schedule",
    "TeamForecast",
    "TeamSettings",
    "WorthEstimate",
    "admitted",
    "as_published",
    "capacity",
    "commented_team_toml",
    "constant",
    "contamination",
    "date_at",
    "dates_of_use",
    "effective_parameters",
    "effective_tokens",
    "epoch_multiplier",
    "first_passage",
    "fit_machine_share",
    "forecast",
    "forecast_team",
    "full_use",
    "kept_human_share",
    "loss",
    "machine_share",
    "optimal_parameters",
    "parse",
    "plain_values",
    "rate_quantity",
    "read_team",
    "share_quantity",
    "shares_by_month",
    "stock_over_time",
    "synthetic_limit",
    "synthetic_worth",
    "team_settings",
    "tokens_for_loss",
    "tokens_of_words",
    "worth_from_runs",
]
