"""What requests cost: exact prices, what was spent, and a cap that is never passed.

Before a request goes out, the most it can cost is reserved: as many prompt tokens as the prompt has bytes (a token of a
byte-level vocabulary has one at least) and what a message is wrapped in, and ``max_tokens`` of the answer. When the
answer comes, what it cost takes the reservation's place. An attempt whose outcome nobody knows (a timeout, a connection
that broke, a process that was killed) may have been billed, so its reservation stays: the cap holds whatever the
endpoint did.
"""

import threading
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from headwater.generate.recipe_file import BudgetSettings
from headwater.generate.request import Answer, Request

_WRAPPING = 32
"""Tokens around the prompt and the system text, each: roles and separators; measured 3 to 12 for common templates."""
_PICO = 10**12
"""Money is counted in whole millionths of a millionth, so that sums are exact."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens and money."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    pico: int = 0
    """Money, in 10^-12 of the currency."""

    @property
    def tokens(self) -> int:
        """Tokens of prompts and answers."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def money(self) -> float:
        """Money in the currency."""
        return self.pico / _PICO

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(*(mine - its for mine, its in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a token, in 10^-12 of the currency, rounded up."""

    prompt: int
    completion: int

    @classmethod
    def of(cls, settings: BudgetSettings) -> "Prices":
        """Return the prices of a recipe; what has no price is free."""
        return cls(_pico(settings.price_in), _pico(settings.price_out))

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Cost:
        """Return what so many tokens cost."""
        money = prompt_tokens * self.prompt + completion_tokens * self.completion
        return Cost(prompt_tokens, completion_tokens, money)

    def most(self, request: Request) -> Cost:
        """Return the most one attempt at a request can cost."""
        size = len(request.prompt.encode("utf-8", "replace")) + _WRAPPING
        if request.system:
            size += len(request.system.encode("utf-8", "replace")) + _WRAPPING
        return self.cost(size, request.max_tokens)

    def actual(self, request: Request, answer: Answer) -> Cost:
        """Return what an answer cost; tokens the generator did not count are taken at the most they can be."""
        most = self.most(request)
        prompt = most.prompt_tokens if answer.prompt_tokens is None else answer.prompt_tokens
        completion = most.completion_tokens if answer.completion_tokens is None else answer.completion_tokens
        return self.cost(prompt, completion)


def _pico(price: Decimal | None) -> int:
    return 0 if price is None else int((price * (_PICO // 10**6)).to_integral_value(ROUND_CEILING))


@dataclass(slots=True)
class Spending:
    """What the requests of a recipe have cost, as the ledger has it."""

    spent: Cost = Cost()
    """Of answered requests."""
    reserved: Cost = Cost()
    """Of requests under way: the most they can cost."""
    lost: Cost = Cost()
    """Of attempts whose outcome is unknown: the most they can have cost."""
    asked: int = 0
    answered: int = 0
    failed: int = 0
    uncounted: int = 0
    """Answers whose tokens the generator did not count."""

    @property
    def committed(self) -> Cost:
        """The most that can have been spent when every request under way is answered."""
        return self.spent + self.reserved + self.lost

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one event of the ledger."""
        most = Cost(row["most_prompt"], row["most_completion"], row["most_pico"])
        event = row["event"]
        if event == "lost":
            self.lost += most
        elif event == "asked":
            self.asked += 1
            self.reserved += most
        else:
            self.reserved -= most
        if event == "answered":
            self.answered += 1
            self.spent += Cost(row["prompt_tokens"], row["completion_tokens"], row["pico"])
            self.uncounted += not row["counted"]
        elif event == "failed":
            self.failed += 1

    def merge(self, other: "Spending") -> None:
        """Add what was counted elsewhere."""
        self.spent += other.spent
        self.reserved += other.reserved
        self.lost += other.lost
        self.asked += other.asked
        self.answered += other.answered
        self.failed += other.failed
        self.uncounted += other.uncounted

    def plain(self) -> list[Any]:
        """Return it as JSON has it; see :meth:`of_plain`."""
        parts = [list(astuple(one)) for one in (self.spent, self.reserved, self.lost)]
        return [*parts, self.asked, self.answered, self.failed, self.uncounted]

    @classmethod
    def of_plain(cls, values: list[Any]) -> "Spending":
        """Return what :meth:`plain` made."""
        spent, reserved, lost, *counts = values
        return cls(Cost(*spent), Cost(*reserved), Cost(*lost), *counts)


class Budget:
    """A cap on what a recipe spends, reserved before and settled after each request. Threads may share it."""

    def __init__(self, settings: BudgetSettings, before: Spending) -> None:
        """Begin with what was spent before; what was under way then is lost.

        Args:
            settings: the caps and the prices.
            before: from the ledger.
        """
        self.prices = Prices.of(settings)
        self._tokens = settings.tokens
        self._pico = None if settings.money is None else int(settings.money * _PICO)
        self.committed = before.committed
        self._guard = threading.Lock()

    def reserve(self, request: Request) -> Cost | None:
        """Return the reservation for a request, or None where the cap leaves no room for it."""
        most = self.prices.most(request)
        with self._guard:
            after = self.committed + most
            if self._tokens is not None and after.tokens > self._tokens:
                return None
            if self._pico is not None and after.pico > self._pico:
                return None
            self.committed = after
        return most

    def settle(self, reserved: Cost, actual: Cost) -> None:
        """Put what a request cost in the place of its reservation; an attempt that is lost costs on top of it."""
        with self._guard:
            self.committed = self.committed - reserved + actual
