"""The stock of Villalobos et al. 2024 (arXiv 2211.04325v2): tokens of the indexed web, cleaned and repeated.

Ranges are 95% ranges here, unlike everywhere else, because the model states them so.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.forecast.population import logistic
from headwater.forecast.quantities import Z95, Quantity, log10_lognormal, normals, uniforms

START = 2024.0
"""Date of the stock."""
MACHINE_SHARE_LIMIT = Quantity("uniform", (0.10, 0.52))
"""Share of new text that machines make in the long run: from a tenth to the half that English articles reached
(Graphite 2025)."""
MACHINE_SHARE_RATE = 3.35
MACHINE_SHARE_MIDPOINT = 2023.56
"""Speed and midpoint of its rise, fitted to the same series."""
PERMISSION_LOSS = Quantity("range", (0.05, 0.45))
"""Share of the stock that may not be used: from what robots rules close to what terms of service restrict (Longpre et
al. 2024)."""


@dataclass(frozen=True, slots=True, eq=False)
class WebStock:
    """Log10 of the stock and of what it is made of, by draws."""

    web: NDArray[np.float64]
    """Tokens of the indexed web at the start."""
    growth: NDArray[np.float64]
    """Log10 per year."""
    quality: NDArray[np.float64]
    """Log10 of the share that survives cleaning."""
    repetition: NDArray[np.float64]
    """Log10 of what repeating it makes of it."""
    effective: NDArray[np.float64]
    """Their sum without the growth: log10 of the effective tokens at the start."""

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the effective stock, shape (draws,)."""
        return self.effective + (year - START) * self.growth


def web_stock(seed: int, draws: int) -> WebStock:
    """Return the stock: pages times bytes a page over bytes a token, its growth, quality and repetition."""

    def log10(name: str, low: float, high: float) -> NDArray[np.float64]:
        return log10_lognormal(low, high, normals(seed, f"2024 {name}", draws), half_width=Z95)

    bytes_per_token = np.maximum(6 - 10 ** log10("6 less bytes of a token", 1, 4), 0.05)
    web = log10("pages", 75e9, 1e12) + log10("bytes of a page", 6100, 8200) - np.log10(bytes_per_token)
    growth = log10("growth of pages", 1.02, 1.04) + log10("growth of their number", 1.00, 1.10)
    quality, repetition = log10("quality", 0.1, 0.4), log10("repetition", 2, 5)
    return WebStock(web, growth, quality, repetition, web + quality + repetition)


_PER_NAT = 1 / np.log(10)
_DILUTED_FROM = 2023.0
"""When machines began to write a part of new pages."""


@dataclass(frozen=True, slots=True, eq=False)
class AdmissibleStock:
    """The stock of 2024 less what may not be used and less what machines wrote.

    Pages that were added since 2023 count with the share that people wrote, at the machine-made share of their date
    (trapezoid over quarters). The pages of before count whole: the stock is mostly old, so this takes little.
    """

    stock: WebStock
    permission: NDArray[np.float64]
    """Log10 of the share that may be used, shape (draws,)."""
    limit: NDArray[np.float64]
    """Machine-made share of new text in the long run, shape (draws,)."""

    def __call__(self, year: float) -> NDArray[np.float64]:
        """Return log10 of the stock, shape (draws,)."""
        # np.log is vectorised, np.log10 is not
        return self.stock(year) + (self.permission + np.log(self.human_share(year)) * _PER_NAT)

    def human_share(self, year: float) -> NDArray[np.float64]:
        """Return the share of all pages that people wrote, shape (draws,)."""
        rate = self.stock.growth
        # a smooth function of the growth alone: a polynomial gives it to five digits, at a hundredth of the work
        nodes = np.linspace(rate.min(), rate.max(), 25)
        share = np.polynomial.Polynomial.fit(nodes, _machine_share(nodes / _PER_NAT, year), 8)
        return 1 - self.limit * share(rate)


def _machine_share(rate: NDArray[np.float64], year: float) -> NDArray[np.float64]:
    """Return the machine-made share of all pages at a limit of 1, for pages that grow by ``rate`` nats per year."""
    quarters = np.linspace(
        _DILUTED_FROM, max(year, _DILUTED_FROM), max(int(np.ceil((year - _DILUTED_FROM) * 4)), 1) + 1
    )
    rise = logistic(quarters, 1.0, MACHINE_SHARE_MIDPOINT, MACHINE_SHARE_RATE)
    pages = np.exp(np.outer(quarters - _DILUTED_FROM, rate))  # quarters, rates; those of 2023 are 1
    return np.asarray(((rise[1:] + rise[:-1]) / 2) @ np.diff(pages, axis=0) / pages[-1])


def admissible_stock(seed: int, draws: int, *, permission: bool = True, dilution: bool = True) -> AdmissibleStock:
    """Return the stock of 2024 with what has changed since.

    Args:
        seed: of the draws.
        draws: number of paths.
        permission: take off what may not be used.
        dilution: take off what machines wrote since 2023.
    """
    none = np.zeros(draws)
    loss = np.minimum(PERMISSION_LOSS.ppf(uniforms(seed, "2026 permission", draws)), 0.99)
    limit = MACHINE_SHARE_LIMIT.ppf(uniforms(seed, "2026 machine share", draws))
    return AdmissibleStock(
        web_stock(seed, draws), np.log10(1 - loss) if permission else none, limit if dilution else none
    )
