"""Which engine a word stands for."""

from headwater.engine.embedded import EmbeddedEngine
from headwater.engine.engine import Engine
from headwater.errors import ConfigError, did_you_mean


def open_engine(which: str = "embedded", workers: int | None = None) -> Engine:
    """Return the engine of a name, started.

    Args:
        which: ``embedded`` (this machine, without a server), ``ray`` (a Ray cluster started on this machine), or the
            address of a cluster to join: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.
        workers: how many tasks run at once; by default as many as there are processors.

    Raises:
        ConfigError: there is no such engine.
        EngineError: it cannot be started or joined.
        MissingExtraError: Ray is not installed.
    """
    if which == "embedded":
        return EmbeddedEngine(workers)
    if which not in {"ray", "auto"} and ":" not in which:
        hint = did_you_mean(which, ["embedded", "ray", "auto"])
        raise ConfigError(
            [f"there is no engine {which!r}. Known: embedded, ray, auto, HOST:PORT, ray://HOST:PORT.{hint}"]
        )
    from headwater.engine.ray import RayEngine

    return RayEngine(None if which == "ray" else which, workers)
