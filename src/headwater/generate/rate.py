"""Token buckets: so many requests, or tokens, in any minute."""

import time
from collections.abc import Callable

_BURST = 0.1
"""Share of a minute's allowance that may be used at once; the rest flows in evenly, so that no minute has more."""


class Bucket:
    """Says how long to wait so that in no 60 seconds more than an allowance is used.

    The bucket holds a tenth of the allowance, or what the largest request so far needed, and fills with the rest per
    minute; in any minute at most what it holds and what flows in can be taken. A request that needs more than the
    whole allowance waits for a minute's worth.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a full bucket.

        Args:
            per_minute: the allowance.
            clock: seconds.
        """
        self._allowance = float(per_minute)
        self._size = max(self._allowance * _BURST, min(1.0, self._allowance))
        self._level = self._size
        self._clock = clock
        self._at = clock()

    @property
    def _rate(self) -> float:
        return max(self._allowance - self._size, self._allowance * _BURST) / 60

    def take(self, amount: float = 1.0) -> float:
        """Take an amount and return the seconds to wait before using it; who comes later waits behind."""
        now = self._clock()
        amount = min(amount, self._allowance)
        if amount > self._size:
            self._size = min(amount, self._allowance * 0.9)
        self._level = min(self._level + (now - self._at) * self._rate, self._size)
        self._at = now
        self._level -= amount
        return max(-self._level / self._rate, 0.0)

    def give_back(self, amount: float) -> None:
        """Return what was taken and not used."""
        self._level = min(self._level + max(amount, 0.0), self._size)
