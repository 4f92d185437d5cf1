"""Transformer language models in the laboratory: fitted to blocks of tokens, continued, scored.

The learner of Shumailov et al. 2024 (Nature 631, 755, section on language models): a causal transformer is fine-tuned
on blocks of 64 tokens, continues every block of a data set by 64 tokens, and the continuations are the next data set.
The published run starts every generation from the published OPT-125m; without a hub the same architecture is built
from a configuration in one of several sizes.

Data sets are :class:`~headwater.models.samples.Points` of shape (1, blocks, tokens), for one replicate.
``torch`` and ``transformers`` come with the extra ``train`` and are imported by the functions that need them.

Reproducibility: randomness comes from the generator given, never from torch's global state. On the CPU the same
inputs, versions and number of threads give the same bytes; on a GPU the last digits may differ from run to run.
"""

import copy
import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, Diverged, InputError, NotEnoughData
from headwater.models.learner import Losses, Tell
from headwater.models.samples import Points
from headwater.models.tokenizer import hub_answers, unreachable
from headwater.models.transformer_compute import (
    Blocks,
    Computing,
    Decoding,
    Device,
    Precision,
    beam_search,
    computing,
    cross_entropy,
    device_named,
    draw_tokens,
    gradients,
    in_batches,
    precision_named,
    quiet_loading,
    seeded_torch,
    to_tensor,
)

_PLAIN = Decoding()
_REPLICATES = "A transformer carries one replicate: give blocks of shape (1, blocks, tokens), and one run per seed"


@dataclass(frozen=True, slots=True)
class Size:
    """The dimensions of an architecture."""

    layers: int
    width: int
    heads: int
    vocabulary: int
    """Token ids that suit the size."""
    positions: int = 128
    """Longest sequence: a block of 64 tokens and as many that continue it."""


SIZES: dict[str, Size] = {
    "tiny": Size(2, 64, 2, 1000),
    "small": Size(4, 256, 8, 4000),
    "medium": Size(8, 512, 8, 16000),
    "opt-125m": Size(12, 768, 12, 50272, 2048),
}
"""What the dial ``size`` stands for; ``opt-125m`` has the dimensions of the published model (Zhang et al. 2022)."""


@dataclass(frozen=True, slots=True)
class TransformerSettings:
    """Every choice of a fit. The defaults suit a small network that starts from random weights."""

    size: str = "tiny"
    """Dimensions of a network built from a configuration: a key of :data:`SIZES`."""
    vocabulary: int | None = None
    """Number of token ids, instead of the size's own."""
    epochs: int = 5
    """Passes over the training set; 0 returns the start unchanged."""
    learning_rate: float = 2e-3
    """Rate of AdamW; 2e-5 in the published run, which fine-tunes a trained network."""
    floor_rate: float = 1e-6
    """Rate that the cosine schedule falls to."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """``cosine``: the rate of epoch e of E is floor + (rate - floor) (1 + cos(pi e / E)) / 2, one step per epoch."""
    weight_decay: float = 0.01
    batch: int = 32
    """Blocks per step. Where memory ends, a step is summed up from smaller parts; the result is the same."""
    keep: Literal["best", "last"] = "best"
    """Which weights to keep: those of the epoch with the lowest validation loss, or the last; always the last where no
    validation blocks are given."""
    device: Device = "auto"
    """``auto`` takes the GPU where torch sees one."""
    precision: Precision = "auto"
    """``auto`` computes in bf16 (weights stay in f32) on a GPU and in f32 on the CPU."""

    def __post_init__(self) -> None:
        faults = [
            f"{name} = {value!r}: allowed are {allowed}"
            for name, value, good, allowed in (
                ("size", self.size, self.size in SIZES, ", ".join(SIZES)),
                ("vocabulary", self.vocabulary, (self.vocabulary or 2) >= 2, "2 and more"),
                ("epochs", self.epochs, self.epochs >= 0, "0 and more"),
                ("learning_rate", self.learning_rate, self.learning_rate > 0, "numbers above 0"),
                ("floor_rate", self.floor_rate, self.floor_rate >= 0, "0 and more"),
                ("schedule", self.schedule, self.schedule in {"cosine", "constant"}, "cosine, constant"),
                ("weight_decay", self.weight_decay, self.weight_decay >= 0, "0 and more"),
                ("batch", self.batch, self.batch >= 1, "1 and more"),
                ("keep", self.keep, self.keep in {"best", "last"}, "best, last"),
                ("device", self.device, self.device in {"auto", "cpu", "cuda"}, "auto, cpu, cuda"),
                ("precision", self.precision, self.precision in {"auto", "f32", "bf16"}, "auto, f32, bf16"),
            )
            if not good
        ]
        if faults:
            raise ConfigError(faults, "the transformer")

    @property
    def dimensions(self) -> Size:
        """Dimensions of a network built from a configuration."""
        size = SIZES[self.size]
        return size if self.vocabulary is None else dataclasses.replace(size, vocabulary=self.vocabulary)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        floor = min(self.floor_rate, self.learning_rate)
        return floor + (self.learning_rate - floor) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the training set came to, in nats per token."""

    training_loss: float
    """Mean over the pass, while the weights changed."""
    validation_loss: float | None
    """On the validation blocks, after the pass."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp of the mean loss per token, with the choices it depends on besides text and tokenizer."""

    value: float
    tokens: int
    """Tokens that were predicted."""
    block: int
    """Tokens per window."""
    stride: int
    """Tokens from the beginning of a window to that of the next. Equal to ``block`` for separate blocks."""


@dataclass(frozen=True, slots=True, eq=False)
class TransformerModel:
    """A causal transformer with the choices it computes and writes with."""

    module: Any
    """The network, a causal language model of ``transformers``, in evaluation mode."""
    source: str
    """Where the weights came from before training, for the record."""
    precision: Computing = "f32"
    batch: int = 128
    """Blocks scored or continued at once; halved for as long as a GPU's memory does not suffice."""
    decoding: Decoding = _PLAIN
    """How :meth:`sample` writes."""
    prompts: Blocks | None = None
    """Blocks that :meth:`sample` continues, shape (blocks, tokens)."""
    copied: float = 0.0
    """Share of a sample that is prompts as they are, chosen at random, instead of what the model writes after them: the
    mixing of the published script, which keeps a share of the very set that supplies the prompts."""
    training: tuple[Epoch, ...] = ()
    """The epochs of the last fit."""
    progress: Tell | None = dataclasses.field(default=None, repr=False)
    """Told how many prompts are continued, of how many."""

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return int(self.module.config.vocab_size)

    @property
    def positions(self) -> int:
        """Longest sequence the network takes."""
        return int(self.module.config.max_position_embeddings)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.module.parameters())

    def sample(self, n: int, rng: np.random.Generator) -> Points:
        """Return ``n`` blocks of new tokens: the prompts, in order and from the start again, each continued.

        Raises:
            InputError: the model has no prompts, or copies them and writes blocks of another length.
        """
        if self.prompts is None or not len(self.prompts):
            raise InputError(
                "The model has no prompts to continue. Use continue_blocks(), or fit a model: it keeps some."
            )
        prompts = self.prompts[np.arange(n) % len(self.prompts)]
        copied = rng.permutation(n)[: round(self.copied * n)]
        if len(copied) and prompts.shape[1] != self.decoding.new_tokens:
            raise InputError(
                f"Prompts of {prompts.shape[1]} tokens cannot be copied among blocks of {self.decoding.new_tokens} new "
                "ones. Give both the same length, or copied = 0."
            )
        written = np.setdiff1d(np.arange(n), copied)
        blocks = np.empty((n, self.decoding.new_tokens), np.int64)
        if len(copied):
            blocks[copied] = prompts[copied]
        blocks[written] = self.continue_blocks(prompts[written], rng)
        return Points(blocks[None])

    def continue_blocks(self, prompts: Blocks, rng: np.random.Generator, decoding: Decoding | None = None) -> Blocks:
        """Return the new tokens after each prompt, shape (prompts, decoding.new_tokens), without the prompts.

        The end-of-text token of a published model is not written, so that every continuation has its full length, as
        in the published run.

        Args:
            prompts: token ids, shape (prompts, tokens).
            rng: decides every draw; not used by a beam search.
            decoding: instead of the model's own.

        Raises:
            InputError: a token is not in the vocabulary, or prompt and continuation are longer than the network takes.
        """
        decoding = decoding or self.decoding
        _check_blocks(prompts, self.vocabulary)
        if prompts.shape[1] + decoding.new_tokens > self.positions:
            raise InputError(
                f"A prompt of {prompts.shape[1]} tokens and {decoding.new_tokens} new ones are longer than the "
                f"{self.positions} positions of the network. Use shorter prompts, fewer new tokens, or another size."
            )
        # drawn before the work is cut into batches: the size of a batch changes nothing
        uniform = rng.random((len(prompts), decoding.new_tokens)) if decoding.method == "sample" else None

        def write(rows: slice) -> Blocks:
            if self.progress is not None:
                self.progress(rows.start, len(prompts), "writing")
            if uniform is None:
                return beam_search(self.module, self.precision, prompts[rows], decoding)
            return draw_tokens(self.module, self.precision, prompts[rows], uniform[rows], decoding)

        written = in_batches(write, len(prompts), self.batch)
        return np.concatenate([np.empty((0, decoding.new_tokens), np.int64), *written])

    def loss(self, samples: Points) -> Losses:
        """Return nats and predicted tokens of each block, shape (1, blocks); a block's first token is not predicted."""
        nats = self._token_nats(_one_replicate(samples))
        return Losses(nats.sum(axis=1)[None], np.full((1, len(nats)), nats.shape[1], np.int64))

    def perplexity(self, ids: NDArray[np.int64], *, block: int = 64, stride: int | None = None) -> Perplexity:
        """Return the perplexity on a stream of tokens.

        The stream is read in windows of ``block`` tokens that begin every ``stride`` tokens. The first window predicts
        all its tokens but the first; each later one only those that no window before it predicted, so a stride below
        the block gives every token at least ``block - stride`` tokens of context. What does not fill a window at
        the end is left out. Separate blocks (the default; each begins without context) are the published choice.

        Args:
            ids: tokens of the text, shape (tokens,).
            block: tokens per window.
            stride: tokens between the beginnings of two windows, 1 to ``block``; None: ``block``.

        Raises:
            ConfigError: the stride is out of range.
            NotEnoughData: the text does not fill a window.
        """
        stride = block if stride is None else stride
        if not 1 <= stride <= block or block < 2:
            raise ConfigError(
                [f"block = {block}, stride = {stride}: allowed are 1 <= stride <= block, block >= 2"], "perplexity"
            )
        if len(ids) < block:
            raise NotEnoughData(
                f"{len(ids)} tokens do not fill a window of {block}. Give more text or a smaller block."
            )
        nats = self._token_nats(np.lib.stride_tricks.sliding_window_view(ids, block)[::stride])
        new = min(stride, block - 1)
        total = float(nats[0].sum() + nats[1:, block - 1 - new :].sum())
        tokens = block - 1 + (len(nats) - 1) * new
        return Perplexity(math.exp(total / tokens), tokens, block, stride)

    def save(self, folder: Path) -> None:
        """Write configuration and weights (safetensors) into a folder that ``transformers`` opens, too."""
        with quiet_loading():
            self.module.save_pretrained(folder)

    def _token_nats(self, blocks: Blocks) -> NDArray[np.float64]:
        """Return the loss of every token but the first, shape (blocks, tokens - 1)."""
        import torch

        _check_blocks(blocks, self.vocabulary)
        if blocks.shape[1] > self.positions:
            raise InputError(
                f"Blocks of {blocks.shape[1]} tokens are longer than the {self.positions} positions of the network."
            )

        def score(rows: slice) -> NDArray[np.float64]:
            with torch.inference_mode(), computing(self.module, self.precision):
                nats = cross_entropy(self.module, to_tensor(self.module, blocks[rows]))
            scored: NDArray[np.float64] = nats.double().cpu().numpy()
            return scored

        return np.concatenate([np.empty((0, blocks.shape[1] - 1)), *in_batches(score, len(blocks), self.batch)])


@dataclass(frozen=True, slots=True)
class TransformerLearner:
    """Fits a causal transformer to blocks of tokens, by AdamW on the cross-entropy of every token but a block's first.

    Each fit begins with the weights of ``base``: the published run fine-tunes the same trained network in every
    generation. Without a base a network with random weights is built; its blocks are trained at random positions,
    because the positions behind a prompt would otherwise never be trained.
    """

    settings: TransformerSettings = TransformerSettings()
    base: TransformerModel | None = None
    """The model whose weights each fit begins with; None: random weights."""
    validation: Blocks | None = None
    """Human blocks that choose the best epoch, shape (blocks, tokens)."""
    prompts: Blocks | None = None
    """Blocks that the fitted model continues when it is sampled; None: its training set, as in the published script."""
    decoding: Decoding = _PLAIN
    """How the fitted model writes."""
    copied: float = 0.0
    """Share of its samples that is prompts as they are."""
    progress: Tell | None = dataclasses.field(default=None, compare=False, repr=False)
    """Told how many steps are done, of how many; the fitted model tells it how far it has written."""

    def fit(self, samples: Points, rng: np.random.Generator, start: TransformerModel | None = None) -> TransformerModel:
        """Return a model fitted to the blocks.

        Args:
            samples: token ids, shape (1, blocks, tokens). Weights count relative to their mean.
            rng: decides the first weights, the order of the blocks, and dropout where the network has any.
            start: a model to begin with instead of the base, such as that of the generation before.

        Raises:
            InputError: the shape is another one, or a token is not in the vocabulary.
            NotEnoughData: there is no block.
            ConfigError: a GPU is asked for where there is none.
            Diverged: the loss is no longer a number.
            HeadwaterError: one block does not fit into the memory of the GPU.
            MissingExtraError: the extra ``train`` is not installed.
        """
        blocks = _one_replicate(samples)
        if not len(blocks) or blocks.shape[1] < 2:
            raise NotEnoughData(f"A transformer cannot be fitted to {len(blocks)} blocks of {blocks.shape[1]} tokens.")
        settings = self.settings
        start = start or self.base
        device = device_named(settings.device)
        with seeded_torch(rng, device):
            if start is None:
                module = _new_module(settings.dimensions)
                size = settings.dimensions
                source = f"OPT, {size.layers} layers of width {size.width}, {size.vocabulary} tokens, random weights"
            else:
                module, source = copy.deepcopy(start.module), start.source
            model = TransformerModel(
                module.to(device),
                source,
                precision_named(settings.precision, device),
                max(settings.batch, 128),
                self.decoding,
                blocks if self.prompts is None else self.prompts,
                self.copied,
                progress=self.progress,
            )
            _check_blocks(blocks, model.vocabulary)
            if blocks.shape[1] > model.positions:
                raise InputError(
                    f"Blocks of {blocks.shape[1]} tokens do not fit the {model.positions} positions of the network."
                )
            # no further than a continuation reaches
            reach = min(model.positions, blocks.shape[1] + self.decoding.new_tokens)
            spare = reach - blocks.shape[1] if start is None else 0
            weights = None if samples.weights is None else samples.weights / samples.weights.mean()
            epochs = _train(model, blocks, weights, spare, settings, self.validation, rng, self.progress)
        module.eval()
        return dataclasses.replace(model, training=epochs)


def load_transformer(
    source: str, *, device: Device = "auto", precision: Precision = "auto", decoding: Decoding | None = None
) -> TransformerModel:
    """Return a published causal language model, or one that was saved.

    Args:
        source: name on the Hugging Face hub, such as ``facebook/opt-125m``, or a folder.
        device: where it computes.
        precision: what it computes in.
        decoding: how it writes.

    Raises:
        InputError: there is no such model, or the hub cannot be reached; the message says what to do instead.
        ConfigError: a GPU is asked for where there is none.
        MissingExtraError: the extra ``train`` is not installed.
    """
    where = device_named(device)
    import torch
    import transformers

    try:
        with quiet_loading():
            module: Any = transformers.AutoModelForCausalLM.from_pretrained(
                source, dtype=torch.float32, local_files_only=not hub_answers()
            )
    except (OSError, ValueError) as error:
        raise unreachable("Model", source, error) from error
    commit = getattr(module.config, "_commit_hash", None)
    return TransformerModel(
        module.to(where).eval(),
        f"{source}@{commit}" if commit else source,
        precision_named(precision, where),
        decoding=decoding or _PLAIN,
    )


def cut_blocks(ids: NDArray[np.int64], block: int) -> Blocks:
    """Return consecutive blocks of a stream of tokens, shape (blocks, block); what does not fill one is left out."""
    return ids[: len(ids) // block * block].reshape(-1, block)


def new_transformer(settings: TransformerSettings) -> Any:
    """Return a network of the settings' dimensions with random weights from torch's generator."""
    return _new_module(settings.dimensions)


def _new_module(size: Size) -> Any:
    from transformers import OPTConfig
    from transformers.models.opt.modeling_opt import OPTForCausalLM

    # No special tokens: a padding token's embedding would not be trained, and an end-of-text token would end a block.
    # No dropout: the small sizes see little text for few epochs, and it would cost them a third of the speed.
    return OPTForCausalLM(
        OPTConfig(
            vocab_size=size.vocabulary, hidden_size=size.width, word_embed_proj_dim=size.width,
            num_hidden_layers=size.layers, num_attention_heads=size.heads, ffn_dim=4 * size.width,
            max_position_embeddings=size.positions, dropout=0.0, attention_dropout=0.0,
            pad_token_id=None, bos_token_id=None, eos_token_id=None,
        )
    )  # fmt: skip


def _train(
    model: TransformerModel,
    blocks: Blocks,
    weights: NDArray[np.float64] | None,
    spare: int,
    settings: TransformerSettings,
    validation: Blocks | None,
    rng: np.random.Generator,
    progress: Tell | None,
) -> tuple[Epoch, ...]:
    """Train the model's network in place, and leave the weights of the chosen epoch in it.

    Args:
        model: what is trained.
        blocks: training set, shape (blocks, tokens).
        weights: weight of each block, mean 1; None: 1.
        spare: blocks begin at a random position from 0 to this one.
        settings: how.
        validation: chooses the epoch.
        rng: order and positions.
        progress: told how many steps are done.
    """
    import torch

    module = model.module
    # foreach updates are what is fast on the CPU for small networks, fused ones on a GPU
    optimizer = torch.optim.AdamW(
        module.parameters(),
        settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=module.device.type == "cuda",
    )
    data = to_tensor(module, blocks)
    weight = None if weights is None else torch.as_tensor(weights, dtype=torch.float32, device=module.device)
    part = min(settings.batch, len(blocks))
    steps = -(-len(blocks) // settings.batch)
    epochs: list[Epoch] = []
    best: dict[str, torch.Tensor] | None = None
    for epoch in range(settings.epochs):
        module.train()
        for group in optimizer.param_groups:
            group["lr"] = settings.rate(epoch)
        order = rng.permutation(len(blocks))
        total = 0.0
        for step, first in enumerate(range(0, len(order), settings.batch)):
            chosen = torch.as_tensor(order[first : first + settings.batch], device=module.device)
            offset = int(rng.integers(spare + 1))
            given = None if weight is None else weight[chosen]
            loss, part = gradients(module, model.precision, data[chosen], given, offset=offset, part=part)
            if not math.isfinite(loss):
                raise Diverged(
                    f"The loss is {loss} in epoch {epoch + 1} of {settings.epochs}, step {step + 1}, at learning rate "
                    f"{settings.rate(epoch):.3g}. Lower learning_rate, or compute in precision = f32."
                )
            optimizer.step()
            total += loss * len(chosen)
            if progress is not None:
                progress(epoch * steps + step + 1, settings.epochs * steps, f"epoch {epoch + 1}")
        module.eval()
        # an epoch's last step can spoil the weights without a loss that shows it; the validation loss does
        held_out = None
        if validation is not None:
            held_out = model.loss(Points(validation[None])).mean
            if settings.keep == "best" and held_out <= min(
                (past.validation_loss for past in epochs if past.validation_loss is not None), default=math.inf
            ):
                best = {name: value.detach().clone() for name, value in module.state_dict().items()}
        epochs.append(Epoch(total / len(order), held_out))
    if best is not None:
        module.load_state_dict(best)
    return tuple(epochs)


def _one_replicate(samples: Points) -> Blocks:
    values = samples.values
    if values.ndim != 3 or len(values) != 1:
        raise InputError(f"The blocks have shape {values.shape}. {_REPLICATES}.")
    blocks: Blocks = np.asarray(values[0])
    return blocks


def _check_blocks(blocks: Blocks, vocabulary: int) -> None:
    if not np.issubdtype(blocks.dtype, np.integer) or blocks.ndim != 2:
        raise InputError(
            f"Blocks are whole numbers of shape (blocks, tokens), not {blocks.dtype} of shape {blocks.shape}."
        )
    if blocks.size and (blocks.min() < 0 or blocks.max() >= vocabulary):
        raise InputError(
            f"Tokens {blocks.min()} to {blocks.max()} do not all belong to the vocabulary, whose tokens are 0 to "
            f"{vocabulary - 1}. Encode the text with the model's own tokenizer."
        )
