"""Progress where there is no terminal: a line when something is new, and now and then when nothing is."""

import pytest

from headwater.cli import progress


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_what_was_said_is_not_said_again_at_once(clock, capsys):
    with progress.progress_on(False, quiet=False) as tell:
        for _ in range(40):
            tell(0, 4, "measuring")
            clock[0] += 3
        tell(1, 4, "measuring")
    said = capsys.readouterr().err.splitlines()
    assert said == ["[0/4] measuring"] * 4 + ["[1/4] measuring"]


def test_quiet_says_nothing(capsys):
    with progress.progress_on(False, quiet=True) as tell:
        tell(0, 4, "measuring")
    assert capsys.readouterr().err == ""
