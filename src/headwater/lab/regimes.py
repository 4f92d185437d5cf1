"""The regimes of the laboratory by name."""

from headwater.errors import ConfigError, did_you_mean
from headwater.lab.gated import gated
from headwater.lab.recursion import Selecting
from headwater.lab.selection import lowest_loss
from headwater.loop.regimes import Accumulate, Fresh, Golden, HumanOnly, Regime, Replace, Reserve, Subsample

AnyRegime = Regime | Selecting

NAMES = ("human-only", "replace", "accumulate", "subsample", "fresh", "reserve", "golden", "filtered", "gated")
"""Every regime; which of them an experiment takes is its own."""


def regime_named(name: str, *, share: float = 0.1, panel: int = 0) -> AnyRegime:
    """Return a regime.

    Args:
        name: one of ``NAMES``.
        share: human share of ``fresh`` and ``reserve``.
        panel: human items of the panel a gate decides on; 0: as many as a training set.

    Raises:
        ConfigError: there is no such regime.
    """
    known: dict[str, AnyRegime] = {
        "human-only": HumanOnly(),
        "replace": Replace(),
        "accumulate": Accumulate(),
        "subsample": Subsample(),
        "fresh": Fresh(share),
        "reserve": Reserve(share),
        "golden": Golden(),
        "filtered": Selecting(lowest_loss, Replace()),
        "gated": gated(panel),
    }
    if name not in known:
        raise ConfigError([f"no regime is called {name!r}.{did_you_mean(name, NAMES)} Known: {', '.join(NAMES)}"])
    return known[name]
