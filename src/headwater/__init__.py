"""Headwater decides which machine-made data a model may be trained on, and measures the effect.

The folders are the public namespaces: ``headwater.gate.decide(...)``, ``headwater.sources.read_documents(...)``.
They are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_NAMESPACES = frozenset(
    {
        "curate", "decide", "engine", "forecast", "gate", "generate", "lab", "lineage", "loop", "measure", "models",
        "origin", "report", "sources", "store", "text",
    }
)  # fmt: skip
_PROJECT_NAMES = frozenset({"Project", "open_project"})

__all__ = ["Project", "__version__", "open_project", *sorted(_NAMESPACES)]  # noqa: PLE0604  (loaded on first use)


def __getattr__(name: str) -> ModuleType | Any:
    if name in _NAMESPACES:
        return import_module(f"headwater.{name}")
    if name in _PROJECT_NAMES:
        return getattr(import_module("headwater.project"), name)
    raise AttributeError(f"module 'headwater' has no attribute {name!r}. Known: {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted(__all__)
