"""What a generator is: whatever answers prompts."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from headwater.generate.request import Answer, Request


class Generator(Protocol):
    """A model, an endpoint, a program or files that answer prompts."""

    @property
    def name(self) -> str:
        """Return what documents name as their generator."""
        ...

    @property
    def id(self) -> str:
        """Return the digest of everything that shapes the output: model and decoding, not speed or price."""
        ...

    def answer(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield one answer per request, in any order; requests are taken as there is room for them."""
        ...
