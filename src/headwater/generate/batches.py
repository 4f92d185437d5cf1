"""Parts of what is iterated over."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")


def batched(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Yield items in lists of ``size``, the last one shorter; nothing is taken before it is asked for."""
    waiting = iter(items)
    while part := list(islice(waiting, size)):
        yield part
