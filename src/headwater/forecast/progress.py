"""How a forecast tells how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Told how many of how many steps are done, and what is being done."""


def silent(done: int, total: int, what: str) -> None:
    """Tell nobody."""
