"""What a transformer computes: losses, gradients and continuations of blocks of tokens, on the CPU or a GPU.

Networks are causal language models of ``transformers``. Where the memory of a GPU does not suffice, fewer blocks are
processed at once, with the same result. ``torch`` is imported by the functions that need it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from headwater.errors import ConfigError, HeadwaterError, MissingExtraError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
Blocks = NDArray[np.int64]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "f32", "bf16"]
Computing = Literal["f32", "bf16"]


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a model continues a prompt."""

    method: Literal["sample", "beam"] = "sample"
    """Draw every token, or search for the most probable continuation (deterministic)."""
    beams: int = 5
    """Width of the search; 5 in the published run."""
    temperature: float = 1.0
    """Divides the logits of a draw; below 1 it favours what is already likely."""
    top_p: float = 1.0
    """Draw only from the most probable tokens that together reach this mass (Holtzman et al. 2020)."""
    repetition_penalty: float = 1.0
    """Divides positive and multiplies negative scores of tokens that already occur, the prompt included (Keskar et al.
    2019); 3.0 in the published script, 2.0 in the text of the paper."""
    new_tokens: int = 64
    """Tokens that are added to a prompt, exactly."""

    def __post_init__(self) -> None:
        faults = [
            f"{name} = {value!r}: allowed are {allowed}"
            for name, value, good, allowed in (
                ("method", self.method, self.method in {"sample", "beam"}, "sample, beam"),
                ("beams", self.beams, self.beams >= 1, "1 and more"),
                ("temperature", self.temperature, self.temperature > 0, "numbers above 0"),
                ("top_p", self.top_p, 0 < self.top_p <= 1, "numbers above 0, up to 1"),
                ("repetition_penalty", self.repetition_penalty, self.repetition_penalty > 0, "numbers above 0"),
                ("new_tokens", self.new_tokens, self.new_tokens >= 1, "1 and more"),
            )
            if not good
        ]
        if faults:
            raise ConfigError(faults, "the decoding")


def gradients(
    module: Any,
    precision: Computing,
    blocks: "torch.Tensor",
    weights: "torch.Tensor | None" = None,
    *,
    offset: int = 0,
    part: int | None = None,
) -> tuple[float, int]:
    """Leave the gradient of the mean loss per token in the network; return that loss, and the blocks that fit at once.

    Args:
        module: the network.
        precision: what it computes in.
        blocks: the blocks of a step, shape (blocks, tokens).
        weights: weight of each block, shape (blocks,); None: 1.
        offset: position of the first token.
        part: blocks to process at once; None: all. Where they do not fit into memory, half of them, and so on.

    Raises:
        HeadwaterError: not even one block fits.
    """
    import torch

    part = part or len(blocks)
    while True:
        module.zero_grad(set_to_none=True)
        total = 0.0
        try:
            for first in range(0, len(blocks), part):
                rows = slice(first, first + part)
                with computing(module, precision):
                    nats = cross_entropy(module, blocks[rows], offset).mean(dim=1)
                loss = (nats if weights is None else nats * weights[rows]).sum() / len(blocks)
                torch.autograd.backward(loss)
                total += float(loss.detach())
        except torch.OutOfMemoryError:
            pass  # handled below, where the traceback no longer holds the tensors
        else:
            return total, part
        part = _smaller(part, f"One block of {blocks.shape[1]} tokens")


def cross_entropy(module: Any, blocks: "torch.Tensor", offset: int = 0) -> "torch.Tensor":
    """Return the nats of every token but the first, shape (blocks, tokens - 1), in f32."""
    import torch

    more: dict[str, torch.Tensor] = {}
    if offset:
        more["position_ids"] = torch.arange(offset, offset + blocks.shape[1], device=blocks.device)[None]
    logits = module(input_ids=blocks, use_cache=False, **more).logits[:, :-1]
    nats = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), blocks[:, 1:].flatten(), reduction="none")
    return nats.view(len(blocks), -1)


def draw_tokens(
    module: Any, precision: Computing, prompts: Blocks, uniform: NDArray[np.float64], decoding: Decoding
) -> Blocks:
    """Return tokens drawn one after another, shape (prompts, new tokens).

    One forward pass per token for the whole batch, keys and values of the past kept. A token is drawn by inverting the
    cumulative distribution at a number from the caller's generator, so that torch's own generator plays no part.

    Args:
        module: the network.
        precision: what it computes in.
        prompts: token ids, shape (prompts, tokens).
        uniform: numbers in [0, 1), shape (prompts, new tokens).
        decoding: temperature, nucleus and penalty.
    """
    import torch

    end = module.config.eos_token_id
    tokens = to_tensor(module, prompts)
    draws = torch.as_tensor(uniform, dtype=torch.float32, device=tokens.device)
    seen = None
    written: list[torch.Tensor] = []
    with torch.inference_mode(), computing(module, precision):
        if decoding.repetition_penalty != 1:
            seen = torch.zeros(len(tokens), module.config.vocab_size, dtype=torch.bool, device=tokens.device)
            seen.scatter_(1, tokens, value=True)
        state = module(input_ids=tokens, use_cache=True, logits_to_keep=1)
        for step in range(decoding.new_tokens):
            logits = state.logits[:, -1].float()
            if seen is not None:
                penalty = decoding.repetition_penalty
                logits = torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
            if end is not None:
                logits[:, end] = -torch.inf
            token = _invert(torch.softmax(logits / decoding.temperature, dim=-1), draws[:, step, None], decoding.top_p)
            written.append(token)
            if seen is not None:
                seen.scatter_(1, token, value=True)
            if step + 1 < decoding.new_tokens:
                state = module(input_ids=token, past_key_values=state.past_key_values, use_cache=True)
    return torch.cat(written, dim=1).cpu().numpy()


def _invert(probabilities: "torch.Tensor", uniform: "torch.Tensor", top_p: float) -> "torch.Tensor":
    """Return the token at which each cumulative distribution passes its number in [0, 1), shape (rows, 1)."""
    import torch

    order = None
    if top_p < 1:
        probabilities, order = probabilities.sort(dim=-1, descending=True, stable=True)
        # a token belongs to the nucleus if the mass before it is below top_p; the first always does
        probabilities = probabilities * (probabilities.cumsum(-1) - probabilities < top_p)
    mass = probabilities.cumsum(-1)
    drawn = torch.searchsorted(mass, uniform * mass[:, -1:], right=True)
    # a number so close to 1 that the product is rounded up to the whole mass belongs to the last token that has any
    last = torch.searchsorted(mass, mass[:, -1:].contiguous())
    drawn = torch.minimum(drawn, last)
    return drawn if order is None else order.gather(1, drawn)


def beam_search(module: Any, precision: Computing, prompts: Blocks, decoding: Decoding) -> Blocks:
    """Return the best continuation that a beam search of ``transformers`` finds, shape (prompts, new tokens)."""
    import torch

    tokens = to_tensor(module, prompts)
    end = module.config.eos_token_id
    with torch.inference_mode(), computing(module, precision):
        found = module.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=False,
            num_beams=decoding.beams,
            repetition_penalty=decoding.repetition_penalty,
            max_new_tokens=decoding.new_tokens,
            min_new_tokens=decoding.new_tokens,
            pad_token_id=0 if end is None else end,
        )
    return found[:, tokens.shape[1] :].cpu().numpy()


def to_tensor(module: Any, blocks: Blocks) -> "torch.Tensor":
    """Return the blocks on the device of the network."""
    import torch

    return torch.from_numpy(np.array(blocks, dtype=np.int64)).to(module.device)  # a copy: windows cannot be written to


def in_batches(work: Callable[[slice], T], rows: int, batch: int) -> list[T]:
    """Return the results of ``work`` on consecutive rows, fewer at once where a GPU's memory does not suffice."""
    import torch

    done: list[T] = []
    first = 0
    while first < rows:
        try:
            done.append(work(slice(first, first + batch)))
        except torch.OutOfMemoryError:
            pass  # handled below, where the traceback no longer holds the tensors
        else:
            first += batch
            continue
        batch = _smaller(batch, "One block")
    return done


def _smaller(batch: int, what: str) -> int:
    """Return half of a batch that did not fit into the memory of the GPU."""
    import torch

    if batch == 1:
        raise HeadwaterError(
            f"{what} does not fit into the memory of the GPU. Choose a smaller size of the network, a "
            "smaller block, or device = cpu."
        )
    torch.cuda.empty_cache()
    return batch // 2


def device_named(device: Device) -> "torch.device":
    """Return the device; ``auto`` is the GPU where torch sees one.

    Raises:
        ConfigError: a GPU is asked for where there is none.
        MissingExtraError: the extra ``train`` is not installed.
    """
    try:
        import torch
        import transformers  # noqa: F401  (whatever needs a device needs both)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A transformer", "train") from error
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            [f"device = cuda: torch {torch.__version__} sees no GPU here; allowed are auto, cpu. Use device = cpu"],
            "the transformer",
        )
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def precision_named(precision: Precision, device: "torch.device") -> Computing:
    """Return the precision; ``auto`` is bf16 on a GPU and f32 on the CPU."""
    if precision == "auto":
        return "bf16" if device.type == "cuda" else "f32"
    return precision


def computing(module: Any, precision: Computing) -> AbstractContextManager[Any]:
    """Return the context in which the network computes in that precision; its weights stay in f32."""
    import torch

    return torch.autocast(module.device.type, torch.bfloat16, enabled=precision == "bf16")


@contextmanager
def seeded_torch(rng: np.random.Generator, device: "torch.device") -> Iterator[None]:
    """Seed torch's global generators from ``rng``, and put them back: first weights and dropout can use no other."""
    import torch

    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(rng.integers(2**63)))
        yield


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep the progress bars of ``transformers`` off the terminal, which belongs to whoever called."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
