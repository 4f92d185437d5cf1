"""A small recurrent language model over words: the proxy between the n-gram and a transformer.

Word embeddings, one GRU layer (Cho et al. 2014) and an output layer that shares the embeddings' weights (Press & Wolf
2017). The defaults have 0.25 million parameters. Unlike an n-gram model it can be trained too little or too long, so
what a batch is worth to it depends on the number of updates and on the machine-made share of each: both are settings,
and both models of a pair get the same.

Training needs no padding: documents are cut into pieces of at most ``piece`` tokens, and the pieces of an update are
packed time step by time step. Every piece begins with the word before it and an empty state; a document that is scored
is read as a whole.

It computes on one CPU thread. Matrices of this size gain little from more (one thread reads 35,000 tokens a second
where two that have to share a busy processor read a tenth of it), and the same inputs give the same bytes whatever the
number of cores. ``torch`` comes with the extra ``train`` and is loaded by the first fit.
"""

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import ConfigError, Diverged, MissingExtraError, NotEnoughData
from headwater.models.learner import Losses, Tell
from headwater.models.updates import hold_out, machine_made, mixed_updates, share_of_updates, weights_of
from headwater.schema import Origin, documents
from headwater.text import END, UNKNOWN, Vocabulary, token_arrays, token_columns

if TYPE_CHECKING:
    import torch

_SCORED_TOKENS = 8192  # documents scored at once: 64 MiB of logits at 2000 words
_LARGEST_GRADIENT = 1.0
_FLOOR_RATE = 0.1  # share of the learning rate that the schedule ends with
_WARM_UP = 50


@dataclass(frozen=True, slots=True)
class NeuralSettings:
    """Every choice of a fit."""

    vocabulary: int = 2000
    """Most frequent words that have a token of their own, the two special ones included; all others are one unknown
    word. Losses of different sizes cannot be compared."""
    width: int = 96
    """Numbers per word and per state."""
    updates: int = 1300
    """Steps of the optimiser, the same for both models of a pair. On 50,000 to 350,000 words the default reaches the
    plateau; far fewer reverse verdicts (``benchmarks/neural_student.py``)."""
    batch: int = 32
    """Pieces per update."""
    piece: int = 64
    """Longest piece of a document, in tokens."""
    machine_share: float = 1 / 3
    """Largest machine-made share of an update, by weight; less where the training set has less."""
    learning_rate: float = 3e-3
    """Rate of AdamW after 50 updates of warming up; it falls to a tenth along a cosine."""
    weight_decay: float = 0.01
    dropout: float = 0.0
    """Share of the embeddings and of the outputs that is left out at random in an update. Without it the human text
    alone is learnt by heart within the updates, which is when more text is worth most."""
    validation_share: float = 0.1
    """Share of the human groups that is held out to choose the best update; not used where a learner has its own
    validation documents."""
    check_every: int = 100
    """Updates between two looks at the validation documents."""
    keep: Literal["best", "last"] = "best"
    """Which weights to keep."""

    def __post_init__(self) -> None:
        faults = [
            f"{name} = {value!r}: allowed are {allowed}"
            for name, value, good, allowed in (
                ("vocabulary", self.vocabulary, self.vocabulary >= 3, "3 and more"),
                ("width", self.width, self.width >= 1, "1 and more"),
                ("updates", self.updates, self.updates >= 1, "1 and more"),
                ("batch", self.batch, self.batch >= 1, "1 and more"),
                ("piece", self.piece, self.piece >= 2, "2 and more"),
                ("machine_share", self.machine_share, 0 <= self.machine_share <= 1, "numbers from 0 to 1"),
                ("learning_rate", self.learning_rate, self.learning_rate > 0, "numbers above 0"),
                ("weight_decay", self.weight_decay, self.weight_decay >= 0, "0 and more"),
                ("dropout", self.dropout, 0 <= self.dropout < 1, "numbers from 0 to below 1"),
                ("validation_share", self.validation_share, 0 < self.validation_share <= 0.5, "above 0, up to 0.5"),
                ("check_every", self.check_every, self.check_every >= 1, "1 and more"),
                ("keep", self.keep, self.keep in {"best", "last"}, "best, last"),
            )
            if not good
        ]
        if faults:
            raise ConfigError(faults, "the neural learner")


@dataclass(frozen=True, slots=True)
class Check:
    """A look at the validation documents."""

    update: int
    """Updates done before it."""
    loss: float
    """Nats per token on the validation documents."""


@dataclass(frozen=True, slots=True, eq=False)
class NeuralModel:
    """A fitted network."""

    vocabulary: Vocabulary
    """The whole vocabulary; the network knows its most frequent words."""
    settings: NeuralSettings
    network: Any
    """Embeddings, GRU and output bias, in evaluation mode."""
    history: tuple[Check, ...] = ()
    """Looks at the validation documents during training."""
    max_tokens: int = 512
    """A sampled document is cut after this many tokens."""

    @property
    def size(self) -> int:
        """Number of words the network knows."""
        return int(self.network.embedding.num_embeddings)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.network.parameters())

    def loss(self, samples: pa.Table) -> Losses:
        """Return nats and tokens of each document, its end token included; rare words count as the unknown word."""
        return _losses(self.network, *_known_tokens(samples, self.vocabulary, self.size))

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n`` documents drawn from the model, in its own words; an unknown word is written ``<unk>``."""
        return self._table(self._draw([END], n, rng))

    def sample_tokens(self, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return as many documents as it takes to reach ``n_tokens`` tokens, counting one end per document."""
        rows: list[NDArray[np.int32]] = []
        counted = 0
        while counted < n_tokens:
            for row in self._draw([END], 64, rng):
                if counted >= n_tokens:
                    break
                rows.append(row)
                counted += len(row) + 1
        return self._table(rows)

    def continue_text(self, prompt: str, n_words: int, rng: np.random.Generator) -> str:
        """Return the prompt and up to ``n_words`` words drawn after it, as readable text in lower-cased words."""
        ids = self.vocabulary.encode([prompt]).tokens
        known = np.where(ids < self.size, ids, UNKNOWN)
        drawn = self._draw([END, *known.tolist()], 1, rng, n_words)[0]
        return self.vocabulary.decode(np.concatenate([ids, drawn]))

    def _draw(
        self, beginning: list[int], n: int, rng: np.random.Generator, longest: int | None = None
    ) -> list[NDArray[np.int32]]:
        """Return what follows a beginning, drawn ``n`` times, without end tokens."""
        import torch

        longest = self.max_tokens if longest is None else longest
        written = np.full((n, longest), END, np.int32)
        open_ = np.arange(n)
        with _one_thread(), torch.inference_mode():
            state = None
            token = torch.tensor([beginning] * n)
            for step in range(longest):
                if not len(open_):
                    break
                hidden, state = self.network.gru(self.network.embedding(token), state)
                mass = torch.softmax(self.network.logits(hidden[:, -1]).double(), dim=-1).cumsum(-1)
                uniform = torch.from_numpy(rng.random((len(open_), 1))) * mass[:, -1:]
                drawn = torch.searchsorted(mass, uniform, right=True).clamp(max=self.size - 1)
                written[open_, step] = drawn[:, 0].numpy()
                on = drawn[:, 0] != END
                open_, token, state = open_[on.numpy()], drawn[on], state[:, on]
        ends = [np.flatnonzero(row == END) for row in written]
        return [row[: end[0]] if len(end) else row for row, end in zip(written, ends, strict=True)]

    def _table(self, rows: list[NDArray[np.int32]]) -> pa.Table:
        offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
        tokens = np.concatenate([np.zeros(0, np.int32), *rows])
        encoded = self.vocabulary.encoded(tokens, offsets)
        texts = self.vocabulary.decode_all(tokens, offsets)
        table = documents(texts.to_pylist(), origin=Origin.MACHINE.value, generator="neural")
        for column, values in token_columns(encoded, self.vocabulary):
            table = table.append_column(column, values)
        return table


@dataclass(frozen=True, slots=True)
class NeuralLearner:
    """Trains small recurrent networks over one closed vocabulary."""

    vocabulary: Vocabulary
    settings: NeuralSettings = NeuralSettings()
    seeds: int = 2
    """How many models are to be trained and averaged wherever two training sets are compared: the noise of one seed
    would be taken for a difference."""
    validation: pa.Table | None = field(default=None, compare=False, repr=False)
    """Human documents that choose the best update; None holds out a share of the human groups of the training set."""
    progress: Tell | None = field(default=None, compare=False, repr=False)
    """Told how many updates are done, of how many."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError([f"seeds = {self.seeds}: allowed are 1 and more"], "the neural learner")

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> NeuralModel:
        """Return the network trained on the documents of ``samples``.

        Rows with a recipe or of machine origin get their share of every update, up to the setting. Which human groups
        are held out depends on the generator and the human rows alone, so it is the same for both of a pair; where
        everything is machine-made, some of it is held out.

        Args:
            samples: a table with a ``tokens`` column of this vocabulary, or a ``text`` column.
            rng: decides first weights, order, dropout and what is held out.

        Raises:
            NotEnoughData: there are too few documents to train on and to hold out.
            Diverged: the loss is no longer a number.
            MissingExtraError: the extra ``train`` is not installed.
        """
        try:
            import torch
        except ModuleNotFoundError as error:
            raise MissingExtraError("The neural proxy", "train") from error
        settings = self.settings
        size = min(settings.vocabulary, len(self.vocabulary))
        seeds = rng.integers(2**63, size=2)
        training, validation = self._parts(samples, np.random.default_rng(int(seeds[0])))
        pieces = _Pieces.of(training, self.vocabulary, size, settings)
        held = None if validation is None else _known_tokens(validation, self.vocabulary, size)
        with _one_thread(), torch.random.fork_rng([]):
            torch.manual_seed(int(seeds[1]))
            network = _network(size, settings.width, settings.dropout)
            history = _train(network, pieces, held, settings, rng, self.progress)
        network.eval()
        return NeuralModel(self.vocabulary, settings, network, history)

    def _parts(self, samples: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, pa.Table | None]:
        """Return what is trained on and what chooses the best update."""
        if not samples.num_rows:
            raise NotEnoughData("A neural model cannot be fitted to 0 documents. Give at least one.")
        if self.validation is not None or self.settings.keep == "last":
            return samples, self.validation
        return hold_out(samples, self.settings.validation_share, rng)


@dataclass(frozen=True)
class _Pieces:
    """The pieces of a training set, human ones first."""

    stream: NDArray[np.int32]
    """All documents, each between two end tokens."""
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    machine: NDArray[np.bool_]
    share: float
    """Machine-made share of an update, by weight."""

    @classmethod
    def of(cls, table: pa.Table, vocabulary: Vocabulary, size: int, settings: NeuralSettings) -> "_Pieces":
        """Return the pieces of a table."""
        tokens, offsets = _known_tokens(table, vocabulary, size)
        stream, begins = _stream(tokens, offsets)
        lengths = np.diff(begins)
        counts = -(-lengths // settings.piece)
        document = np.repeat(np.arange(len(lengths)), counts)
        within = np.arange(len(document)) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = begins[document] + within * settings.piece
        piece_lengths = np.minimum(settings.piece, begins[document + 1] - starts)
        machine = machine_made(table)
        share = share_of_updates(int(lengths[machine].sum()), int(lengths.sum()), settings.machine_share)
        return cls(stream, starts, piece_lengths, machine[document], share)

    def updates(self, batch: int, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Yield the pieces of one update after another, and the weight of each token of a piece; without end."""
        for rows in mixed_updates(self.machine, self.share, batch, rng):
            yield rows, weights_of(self.machine[rows], self.lengths[rows], self.share)


def _known_tokens(table: pa.Table, vocabulary: Vocabulary, size: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return tokens and offsets; a word beyond the ``size`` most frequent is the unknown word."""
    tokens, offsets = token_arrays(table, vocabulary)
    return np.where(tokens < size, tokens, np.int32(UNKNOWN)), offsets


def _stream(tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return all documents in a row with an end token before, between and after them, and where each begins.

    ``END w1 w2 END w1 ...``: the token between two documents ends the one and begins the other. A document predicts as
    many tokens as there are from its beginning to the next.
    """
    lengths = np.diff(offsets) + 1
    stream = np.full(len(tokens) + len(lengths) + 1, END, np.int32)
    stream[np.arange(len(tokens)) + np.repeat(np.arange(1, len(lengths) + 1), lengths - 1)] = tokens
    return stream, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def _network(size: int, width: int, dropout: float) -> Any:
    import torch

    class Network(torch.nn.Module):
        """Embeddings, a GRU layer, and the embeddings once more to predict the next word."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(size, width)
            torch.nn.init.normal_(self.embedding.weight, std=0.1)
            self.gru = torch.nn.GRU(width, width, batch_first=True)
            self.bias = torch.nn.Parameter(torch.zeros(size))
            self.drop = torch.nn.Dropout(dropout)

        def forward(self, packed: Any) -> "torch.Tensor":
            """Return the state after each token, shape (tokens, width), in the order of the packed sequence."""
            inputs = packed._replace(data=self.drop(self.embedding(packed.data)))
            states: torch.Tensor = self.drop(self.gru(inputs)[0].data)
            return states

        def logits(self, states: "torch.Tensor") -> "torch.Tensor":
            """Return a score for each word."""
            scores: torch.Tensor = torch.nn.functional.linear(states, self.embedding.weight, self.bias)
            return scores

    return Network()


def _packed(
    stream: NDArray[np.int32], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[Any, "torch.Tensor", NDArray[np.int64]]:
    """Return sequences as one packed sequence, the token after each, and which sequence each token belongs to.

    Time step by time step, the longest sequence first, as PyTorch wants it: nothing is padded.
    """
    import torch

    order = np.argsort(-lengths, kind="stable")
    steps = np.arange(lengths.max())
    # sequences that are still going on at each step
    sizes = np.searchsorted(-lengths[order], -steps, side="left")
    step = np.repeat(steps, sizes)
    rank = np.arange(len(step)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    row = order[rank]
    at = starts[row] + step
    inputs, targets = (torch.from_numpy(stream[at + shift].astype(np.int64)) for shift in (0, 1))
    return torch.nn.utils.rnn.PackedSequence(inputs, torch.from_numpy(sizes)), targets, row


def _train(
    network: Any,
    pieces: _Pieces,
    held: tuple[NDArray[np.int32], NDArray[np.int64]] | None,
    settings: NeuralSettings,
    rng: np.random.Generator,
    progress: Tell | None,
) -> tuple[Check, ...]:
    """Train the network in place, and leave the weights of the chosen update in it."""
    import torch

    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    history: list[Check] = []
    best: dict[str, torch.Tensor] | None = None
    network.train()
    for update, (rows, weights) in enumerate(pieces.updates(settings.batch, rng)):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _rate(update, settings.updates)
        packed, targets, row = _packed(pieces.stream, pieces.starts[rows], pieces.lengths[rows])
        nats = torch.nn.functional.cross_entropy(network.logits(network(packed)), targets, reduction="none")
        loss = (nats * torch.from_numpy(weights[row])).sum()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Diverged(
                f"The loss is {value} in update {update + 1} of {settings.updates}, at learning rate "
                f"{settings.learning_rate:.3g}. Lower learning_rate."
            )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        optimizer.step()
        done = update + 1
        if progress is not None:
            progress(done, settings.updates, "training the neural proxy")
        if held is not None and (done % settings.check_every == 0 or done == settings.updates):
            network.eval()
            found = _losses(network, *held).mean
            network.train()
            if settings.keep == "best" and all(found < past.loss for past in history):
                best = copy.deepcopy(network.state_dict())
            history.append(Check(done, found))
        if done == settings.updates:
            break
    if best is not None:
        network.load_state_dict(best)
    return tuple(history)


def _rate(update: int, updates: int) -> float:
    """Return the share of the learning rate at an update, counted from 0."""
    warm = min(1.0, (update + 1) / min(_WARM_UP, updates))
    return warm * (_FLOOR_RATE + (1 - _FLOOR_RATE) * (1 + math.cos(math.pi * update / updates)) / 2)


def _losses(network: Any, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Losses:
    """Return the losses of documents, each read as a whole."""
    import torch

    stream, begins = _stream(tokens, offsets)
    starts, lengths = begins[:-1], np.diff(begins)
    nats = np.zeros(len(lengths))
    # documents of like length together, so that as many as possible are read at each step
    order = np.argsort(lengths, kind="stable")
    groups = np.cumsum(lengths[order]) // _SCORED_TOKENS
    with _one_thread(), torch.inference_mode():
        for group in np.unique(groups):
            rows = order[groups == group]
            packed, targets, row = _packed(stream, starts[rows], lengths[rows])
            states = network(packed)
            found = torch.cat(
                [
                    torch.nn.functional.cross_entropy(network.logits(part), wanted, reduction="none")
                    for part, wanted in zip(states.split(_SCORED_TOKENS), targets.split(_SCORED_TOKENS), strict=True)
                ]
            )
            nats[rows] = np.bincount(row, weights=found.double().numpy(), minlength=len(rows))
    return Losses(nats, lengths)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one thread, and as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
