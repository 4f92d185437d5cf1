"""A transformer as a proxy: trained from scratch, or a published model fine-tuned, wholly or through adapters.

Documents are tokenised, put in a row with the end-of-text token between them, and cut into blocks; human and
machine-made documents are cut apart, and every update has its machine-made share by weight. A document is scored in
windows of one block, each of which begins with the last token of the one before.

With ``lora_rank`` the weights of the model stay as they are and low-rank adapters are trained beside its attention
(Hu et al. 2021, arXiv:2106.09685), through ``peft`` of the extra ``lora``: a fraction of the memory, and less is
forgotten. Losses of different tokenizers cannot be compared; both models of a pair have the same one.
"""

import copy
import dataclasses
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import ConfigError, Diverged, MissingExtraError, NotEnoughData
from headwater.models.learner import Losses, Tell
from headwater.models.tokenizer import END_OF_TEXT, Tokenizer, load_tokenizer, train_tokenizer
from headwater.models.transformer import TransformerModel, TransformerSettings, load_transformer, new_transformer
from headwater.models.transformer_compute import (
    Blocks,
    Computing,
    Decoding,
    Device,
    computing,
    cross_entropy,
    device_named,
    draw_tokens,
    gradients,
    in_batches,
    precision_named,
    seeded_torch,
    to_tensor,
)
from headwater.models.updates import machine_made, mixed_updates, share_of_updates
from headwater.schema import Origin, documents

_FLOOR_RATE = 0.1  # share of the learning rate that the schedule ends with
_SCORED = 64  # windows scored at once
_PADDING = 0


@dataclass(frozen=True, slots=True)
class TextTransformerSettings:
    """Every choice of a fit."""

    base: str | None = None
    """Folder or hub name of a causal language model to fine-tune; None: random weights."""
    size: str = "tiny"
    """Dimensions of a network with random weights; see :data:`headwater.models.transformer.SIZES`."""
    vocabulary: int | None = None
    """Token ids of a network with random weights, instead of the size's own."""
    updates: int = 300
    """Steps of AdamW, the same for both models of a pair."""
    batch: int = 32
    """Blocks per update."""
    block: int = 64
    """Tokens per block."""
    machine_share: float = 1 / 3
    """Largest machine-made share of an update, by weight; less where the training set has less."""
    learning_rate: float = 2e-3
    """Falls to a tenth along a cosine. 2e-5 to 2e-4 suit published models, 1e-4 to 1e-3 adapters."""
    weight_decay: float = 0.01
    lora_rank: int = 0
    """Rank of the adapters; 0 trains all weights."""
    lora_alpha: float = 2.0
    """Scale of the adapters, as a multiple of the rank."""
    device: Device = "auto"

    def __post_init__(self) -> None:
        faults = [
            f"{name} = {value!r}: allowed are {allowed}"
            for name, value, good, allowed in (
                ("updates", self.updates, self.updates >= 1, "1 and more"),
                ("batch", self.batch, self.batch >= 1, "1 and more"),
                ("block", self.block, self.block >= 2, "2 and more"),
                ("machine_share", self.machine_share, 0 <= self.machine_share <= 1, "numbers from 0 to 1"),
                ("learning_rate", self.learning_rate, self.learning_rate > 0, "numbers above 0"),
                ("weight_decay", self.weight_decay, self.weight_decay >= 0, "0 and more"),
                ("lora_rank", self.lora_rank, self.lora_rank >= 0, "0 and more"),
                ("lora_alpha", self.lora_alpha, self.lora_alpha > 0, "numbers above 0"),
            )
            if not good
        ]
        if self.lora_rank and self.base is None:
            faults.append(
                f"lora_rank = {self.lora_rank}: adapters are trained beside a model that has learnt something already; "
                "name one as base, or set lora_rank = 0"
            )
        if faults:
            raise ConfigError(faults, "the transformer proxy")


@dataclass(frozen=True, slots=True, eq=False)
class TextTransformerModel:
    """A fitted transformer with its tokenizer."""

    module: Any
    tokenizer: Tokenizer
    start: int
    """Token before the first of a document."""
    block: int
    precision: Computing
    training: tuple[float, ...] = ()
    """Loss of each update, nats per token."""
    max_tokens: int = 256
    """A sampled document is cut after this many tokens."""

    def loss(self, samples: pa.Table) -> Losses:
        """Return nats and tokens of each document, its end included."""
        import torch

        rows = _document_tokens(samples, self.tokenizer, self.start)
        lengths = np.array([len(row) for row in rows], np.int64)
        counts = -(-lengths // self.block)
        document = np.repeat(np.arange(len(rows)), counts)
        windows = np.full((len(document), self.block + 1), _PADDING, np.int64)
        sizes = np.zeros(len(document), np.int64)
        at = 0
        for row in rows:
            stream = np.concatenate([[self.start], row])
            for first in range(0, len(row), self.block):
                piece = stream[first : first + self.block + 1]
                windows[at, : len(piece)] = piece
                sizes[at] = len(piece) - 1
                at += 1
        order = np.argsort(sizes, kind="stable")  # windows of like length together: little padding is computed

        def score(part: slice) -> NDArray[np.float64]:
            chosen = order[part]
            longest = int(sizes[chosen].max())
            with torch.inference_mode(), computing(self.module, self.precision):
                # what stands behind a document's end changes nothing before it, and is not counted
                nats = cross_entropy(self.module, to_tensor(self.module, windows[chosen, : longest + 1]))
            found: NDArray[np.float64] = nats.double().cpu().numpy()
            return np.where(np.arange(longest) < sizes[chosen, None], found, 0.0).sum(axis=1)

        per_window = np.zeros(len(document))
        per_window[order] = np.concatenate([np.zeros(0), *in_batches(score, len(order), _SCORED)])
        nats = np.bincount(document, weights=per_window, minlength=len(rows))
        return Losses(nats.astype(np.float64), lengths)

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n`` documents drawn from the model; a published model that marks no end writes to the length."""
        reach = min(self.max_tokens, int(self.module.config.max_position_embeddings) - 1)
        prompts = np.full((n, 1), self.start, np.int64)
        uniform = rng.random((n, reach))

        def write(part: slice) -> Blocks:
            return draw_tokens(self.module, self.precision, prompts[part], uniform[part], Decoding(new_tokens=reach))

        drawn = np.concatenate([np.empty((0, reach), np.int64), *in_batches(write, n, _SCORED)])
        ends = [np.flatnonzero(row == self.start) for row in drawn]
        texts = [
            self.tokenizer.decode(row[: end[0]] if len(end) else row) for row, end in zip(drawn, ends, strict=True)
        ]
        return documents(texts, origin=Origin.MACHINE.value, generator="transformer")


@dataclass(frozen=True, slots=True)
class TextTransformer:
    """Trains or fine-tunes causal transformers on documents."""

    settings: TextTransformerSettings
    tokenizer: Tokenizer
    base: TransformerModel | None = None
    """The model each fit begins with; None: random weights."""
    seeds: int = 2
    """How many models are to be trained and averaged wherever two training sets are compared."""
    progress: Tell | None = field(default=None, compare=False, repr=False)
    """Told how many updates are done, of how many."""

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> TextTransformerModel:
        """Return the model trained on the documents, rows with a recipe or of machine origin in their share.

        Args:
            samples: a table with the column ``text``.
            rng: decides first weights, adapters, order and dropout.

        Raises:
            NotEnoughData: the human or the machine-made documents do not fill a block.
            ConfigError: blocks are longer than the network takes, or a GPU is asked for where there is none.
            Diverged: the loss is no longer a number.
            MissingExtraError: the extra ``train`` or ``lora`` is not installed.
        """
        settings = self.settings
        device = device_named(settings.device)
        with seeded_torch(rng, device):
            module = copy.deepcopy(self.base.module) if self.base is not None else self._new()
            if settings.lora_rank:
                module = _with_adapters(module, settings)
            module = module.to(device)
            start = _start_token(self.tokenizer, module.config)
            positions = int(module.config.max_position_embeddings)
            if settings.block + 1 > positions:
                raise ConfigError(
                    [
                        f"block = {settings.block}: the network takes {positions} tokens; allowed are 2 to "
                        f"{positions - 1}"
                    ],
                    "the transformer proxy",
                )
            model = TextTransformerModel(module, self.tokenizer, start, settings.block, precision_named("auto", device))
            blocks, machine, share = self._blocks(samples, start)
            losses = self._train(model, blocks, machine, share, rng)
        module.eval()
        return dataclasses.replace(model, training=losses)

    def _new(self) -> Any:
        settings = TransformerSettings(size=self.settings.size, vocabulary=self.tokenizer.size)
        return new_transformer(settings)

    def _blocks(self, samples: pa.Table, start: int) -> tuple[Blocks, NDArray[np.bool_], float]:
        """Return blocks, which of them are machine-made, and the machine-made share of an update."""
        machine = machine_made(samples)
        rows = _document_tokens(samples, self.tokenizer, start)
        length = self.settings.block + 1
        cut, tokens = [], []
        for kind in (False, True):
            stream = [np.array([start]), *(row for row, made in zip(rows, machine, strict=True) if made == kind)]
            joined = np.concatenate(stream).astype(np.int64)
            tokens.append(len(joined) - 1)
            # blocks overlap by the token that the next one begins with, so that every token is predicted once
            count = (len(joined) - 1) // self.settings.block
            cut.append(
                np.lib.stride_tricks.sliding_window_view(joined, length)[:: self.settings.block][:count]
                if count
                else np.empty((0, length), np.int64)
            )
        blocks = np.concatenate(cut)
        if not len(blocks):
            raise NotEnoughData(
                f"{samples.num_rows} documents of {sum(tokens)} tokens do not fill a block of {self.settings.block}."
            )
        made = np.repeat([False, True], [len(part) for part in cut])
        # documents of a kind that do not fill one block are left out
        filled = [count if len(part) else 0 for count, part in zip(tokens, cut, strict=True)]
        return blocks, made, share_of_updates(filled[1], sum(filled), self.settings.machine_share)

    def _train(
        self,
        model: TextTransformerModel,
        blocks: Blocks,
        machine: NDArray[np.bool_],
        share: float,
        rng: np.random.Generator,
    ) -> tuple[float, ...]:
        import torch

        settings, module = self.settings, model.module
        trained = [weight for weight in module.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, settings.learning_rate, weight_decay=settings.weight_decay)
        module.train()
        losses: list[float] = []
        part = None
        for update, rows in enumerate(mixed_updates(machine, share, settings.batch, rng)):
            along = _FLOOR_RATE + (1 - _FLOOR_RATE) * (1 + math.cos(math.pi * update / settings.updates)) / 2
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * along
            kinds = machine[rows]
            # the mean over blocks of these weights is the loss: share and 1 - share, whatever the counts are
            counts = np.where(kinds, kinds.sum(), (~kinds).sum())
            weights = np.where(kinds, share, 1 - share) * len(rows) / counts
            given = torch.as_tensor(weights, dtype=torch.float32, device=module.device)
            loss, part = gradients(module, model.precision, to_tensor(module, blocks[rows]), given, part=part)
            if not math.isfinite(loss):
                raise Diverged(
                    f"The loss is {loss} in update {update + 1} of {settings.updates}, at learning rate "
                    f"{settings.learning_rate:.3g}. Lower learning_rate."
                )
            optimizer.step()
            losses.append(loss)
            if self.progress is not None:
                self.progress(update + 1, settings.updates, "training the transformer proxy")
            if update + 1 == settings.updates:
                break
        return tuple(losses)


def text_transformer(
    settings: TextTransformerSettings,
    human: Sequence[str],
    *,
    seeds: int = 2,
    progress: Tell | None = None,
) -> TextTransformer:
    """Return a learner with its tokenizer: the published model's, or one trained on the human text.

    Args:
        settings: every choice.
        human: human training text; a tokenizer is trained on it where there is no published model.
        seeds: models to average.
        progress: told how many updates are done.

    Raises:
        InputError: there is no such model.
        MissingExtraError: an extra is not installed.
    """
    if settings.lora_rank:
        _peft()
    if settings.base is not None:
        base = load_transformer(settings.base, device="cpu")
        return TextTransformer(settings, load_tokenizer(settings.base), base, seeds, progress)
    size = TransformerSettings(size=settings.size, vocabulary=settings.vocabulary).dimensions
    return TextTransformer(settings, train_tokenizer(human, size.vocabulary), None, seeds, progress)


def _document_tokens(samples: pa.Table, tokenizer: Tokenizer, end: int) -> list[NDArray[np.int64]]:
    """Return the tokens of each document, the end of the text among them."""
    texts = [text or "" for text in samples["text"].to_pylist()]
    encoded = tokenizer.backend.encode_batch(texts, add_special_tokens=False)
    return [np.array([*one.ids, end], np.int64) for one in encoded]


def _start_token(tokenizer: Tokenizer, config: Any) -> int:
    """Return the token that stands between documents."""
    own = tokenizer.backend.token_to_id(END_OF_TEXT)
    for candidate in (own, config.eos_token_id, config.bos_token_id):
        if isinstance(candidate, int):
            return candidate
    raise ConfigError(
        ["base: the model names no end-of-text token (eos_token_id), so documents cannot be told apart"],
        "the transformer proxy",
    )


def _with_adapters(module: Any, settings: TextTransformerSettings) -> Any:
    """Return the module with trainable adapters beside its attention, its own weights frozen."""
    peft = _peft()
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=settings.lora_rank, lora_alpha=settings.lora_alpha * settings.lora_rank
    )
    with warnings.catch_warnings():
        # peft 0.21 asks for an attribute by the name it had before transformers 5
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        return peft.get_peft_model(module, config)


def _peft() -> Any:
    try:
        import peft
    except ModuleNotFoundError as error:
        raise MissingExtraError("A low-rank adapter", "lora") from error
    return peft
