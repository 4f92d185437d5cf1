"""The stream of machine windows that a run on series makes for itself: useful, useless and harmful recipes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate import token_counts
from headwater.loop.documents import draw
from headwater.loop.series_world import SeriesWorld
from headwater.models.windows import LABEL, WINDOW, window_values
from headwater.store import Part

Floats = NDArray[np.float64]
_TO_COLLAPSE = 6
_MEMORY = 2  # steps before that a simulated step depends on
_PENALTY = 1e-3
_NOISE = 0.1  # of the standard deviation of a channel's steps: the perturbation of unseen windows
_JUMP = 3.0  # standard deviations


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Linear dynamics with noise, learnt from human windows: each step from the two before it."""

    weights: Floats
    """Shape (2 * channels + 1, channels)."""
    noise: Floats
    """What the dynamics left unexplained in human steps, shape (steps, channels)."""

    @classmethod
    def of(cls, steps: Floats) -> "Dynamics":
        """Return the dynamics of windows in standard deviations, shape (windows, length, channels)."""
        before = _before(steps).reshape(-1, _MEMORY * steps.shape[2] + 1)
        after = steps[:, _MEMORY:].reshape(-1, steps.shape[2])
        square = before.T @ before / len(before) + _PENALTY * 1e-3 * np.eye(before.shape[1])
        weights = np.linalg.solve(square, before.T @ after / len(before))
        return cls(np.asarray(weights, np.float64), np.asarray(after - before @ weights, np.float64))

    def rolled_out(self, starts: Floats, length: int, rng: np.random.Generator) -> Floats:
        """Return windows that begin like others and go on by the dynamics.

        Args:
            starts: windows of which the first two steps are taken.
            length: steps of a window.
            rng: chooses the noise of each step from that of human steps.
        """
        steps = np.empty((len(starts), length, starts.shape[2]))
        steps[:, :_MEMORY] = starts[:, :_MEMORY]
        for t in range(_MEMORY, length):
            last = steps[:, t - _MEMORY : t]
            mean = np.c_[last.reshape(len(last), -1), np.ones(len(last))] @ self.weights
            steps[:, t] = mean + self.noise[rng.integers(len(self.noise), size=len(steps))]
        return steps


def make_series_stream(world: SeriesWorld) -> pa.Table:
    """Return the windows, shuffled, each with its recipe and parents.

    ``unseen-perturbed`` is human windows the model has not seen with a little noise: new human information through a
    machine. ``simulator`` goes on from the first two steps of such windows by dynamics learnt from training windows,
    ``simulator-sign`` by the same with the sign of one channel wrong, the one that moves most with others;
    ``simulator-jumps`` is unseen windows with a jump in one channel. The others are what dirty streams carry: the
    generator's own output, that of a collapsed one, copies of training windows, and a leak of the sealed panel.
    """
    rng = np.random.default_rng([world.settings.seed, 3])
    form, sources, train = world.form, world.split[Part.SOURCES], world.train
    size = sources.num_rows
    model = world.learner.fit(train, rng)
    own = world.own_output(model, size, rng, name="own-output", generation=1)
    for _ in range(_TO_COLLAPSE):
        model = world.learner.fit(model.sample(train.num_rows, rng), rng)
    panel = draw(world.split[Part.CERTIFICATION], size, token_counts, rng)
    copied = draw(train, size, token_counts, rng)
    shape = (-1, form.length, len(form.channels))
    unseen = form.standard(sources).reshape(shape)
    human = form.standard(train).reshape(shape)
    noise = _NOISE * np.diff(human, axis=1).std(axis=(0, 1))
    low, high = human.min(axis=(0, 1)), human.max(axis=(0, 1))  # sensors saturate, and so does what simulates them
    simulated = np.clip(Dynamics.of(human).rolled_out(unseen, form.length, rng), low, high)
    jumps = unseen.copy()
    rows = np.arange(size)
    channel, begin = rng.integers(len(form.channels), size=size), rng.integers(1, form.length, size=size)
    for i, k, t in zip(rows, channel, begin, strict=True):
        jumps[i, t:, k] += _JUMP * rng.choice([-1.0, 1.0])
    batches = [
        _from(world, sources, unseen + noise * rng.standard_normal(unseen.shape), "unseen-perturbed"),
        _from(world, sources, simulated, "simulator"),
        _from(world, sources, _mirrored(simulated, np.diff(human, axis=1)), "simulator-sign"),
        _from(world, sources, jumps, "simulator-jumps"),
        own,
        world.own_output(model, size, rng, name="collapsed-output", generation=_TO_COLLAPSE + 1),
        *(
            world.made(one.select([WINDOW, LABEL]), name=name, parents=[[key] for key in one["id"].to_pylist()])
            for one, name in ((copied, "copies"), (panel, "leak"))
        ),
    ]
    stream = pa.concat_tables(batches)
    return stream.take(pa.array(rng.permutation(stream.num_rows)))


def _mirrored(steps: Floats, changes: Floats) -> Floats:
    """Return windows with the channel mirrored about its mean whose human changes go most with those of others."""
    if steps.shape[2] == 1:
        return -steps
    together = np.abs(np.corrcoef(changes.reshape(-1, steps.shape[2]).T))
    signs = np.ones(steps.shape[2])
    signs[int(np.nan_to_num(together).sum(axis=0).argmax())] = -1.0
    return steps * signs


def _before(steps: Floats) -> Floats:
    """Return the two steps before each step and a one, shape (windows, length - 2, 2 * channels + 1)."""
    length = steps.shape[1]
    parts = [steps[:, k : length - _MEMORY + k] for k in range(_MEMORY)]
    return np.concatenate([*parts, np.ones((len(steps), length - _MEMORY, 1))], axis=2)


def _from(world: SeriesWorld, parents: pa.Table, standard: Floats, name: str) -> pa.Table:
    form = world.form
    steps = standard * form.scale + form.centre
    values = window_values(steps, parents[LABEL].to_pylist())
    return world.made(values, name=name, parents=[[key] for key in parents["id"].to_pylist()])
