"""Which engine a word stands for, and what is said when there is none."""

import json
import signal
import subprocess
import sys

import pytest

from headwater.engine import EmbeddedEngine, open_engine
from headwater.errors import ConfigError, EngineError, MissingExtraError


def test_the_default_is_the_embedded_engine():
    with open_engine(workers=3) as engine:
        assert isinstance(engine, EmbeddedEngine)
        assert (engine.name, engine.workers) == ("embedded", 3)


def test_an_unknown_engine_gets_a_suggestion():
    with pytest.raises(ConfigError, match=r"there is no engine 'rya'\. Known: .* Did you mean 'ray'\?"):
        open_engine("rya")


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"Running on Ray .*headwater\[cluster\]"):
        open_engine("ray")


def test_without_its_client_the_extra_is_named(monkeypatch):
    pytest.importorskip("ray", reason="needs the extra cluster")
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(MissingExtraError, match=r"Joining ray://localhost:1 .*headwater\[cluster\]"):
        open_engine("ray://localhost:1")


def test_where_no_cluster_answers_it_is_said_at_once():
    pytest.importorskip("ray", reason="needs the extra cluster")
    with pytest.raises(EngineError, match=r"can be joined at localhost:1: .*refused\. Start one with `ray start"):
        open_engine("localhost:1")
    with pytest.raises(EngineError, match="0 workers can do nothing"):
        open_engine("ray", workers=0)


def test_reports_home_are_off_before_ray_and_daft_are_imported():
    pytest.importorskip("ray", reason="needs the extra cluster")
    code = """
import json, os, sys
for name in ("RAY_USAGE_STATS_ENABLED", "DO_NOT_TRACK"):
    os.environ.pop(name, None)
import headwater.engine
before = sorted({"ray", "daft"} & set(sys.modules))
seen = {}
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in ("ray", "daft"):
            seen[name] = [os.environ.get("RAY_USAGE_STATS_ENABLED"), os.environ.get("DO_NOT_TRACK")]
sys.meta_path.insert(0, Watch())
from headwater.engine.ray import ray_module
ray_module()
from ray._common.usage.usage_lib import usage_stats_enabled
print(json.dumps([before, seen, usage_stats_enabled()]))
"""
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert json.loads(found.stdout) == [[], {"ray": ["0", "1"]}, False]


def test_ctrl_c_while_a_cluster_starts_takes_effect_after_it():
    from headwater.engine.ray import _uninterrupted

    done = []

    def start() -> None:
        with _uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("started")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert done == ["started"]
    with _uninterrupted():
        pass
    with pytest.raises(KeyboardInterrupt):  # and afterwards at once, as before
        signal.raise_signal(signal.SIGINT)
