"""The language models a user names: loaded, recognised again, and run over texts.

Nothing of a model is executed or unpickled: weights are read from safetensors files only, and models that bring code of
their own are refused. Models are those of ``transformers``, which comes with the extra ``train`` and is imported when
one is loaded. Without the hub, what was downloaded before still loads.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headwater.errors import HeadwaterError, InputError
from headwater.models.tokenizer import Tokenizer, hub_answers, load_tokenizer
from headwater.models.transformer_compute import Device, device_named, quiet_loading
from headwater.origin.detector.card import LanguageModel, ModelPair
from headwater.origin.detector.detector import Detector
from headwater.origin.detector.lm_columns import StatisticsReader
from headwater.origin.detector.lm_statistics import COLUMNS, statistics, token_sums

if TYPE_CHECKING:
    import torch

TOKENS = 512
"""Tokens of a text that are read at most, as in the program of Binoculars; less where a model has fewer positions.
A normalised text has 250 words, which are 300 to 400 tokens of a usual English vocabulary."""
_BATCH_LOGITS = 1 << 26  # logits a model gives at a time, unless one text has more: 256 MB in float32
_VALUES = 64  # of each tensor that enter the fingerprint: a model trained further differs in nearly all
# A configuration says these of the files or of who wrote them, not of what is computed.
_NOT_THE_MODEL = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache")
_PROBES = ("The bridge, closed since 1998, re-opens today.", "  caf\u00e9 \u2014 \u6865\n\tdon't 3.14 naïve", "aAbB")
"""Texts that two tokenizers must split alike, and that tell one tokenizer from another."""


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModels:
    """A scoring and a reference model that share a tokenizer."""

    pair: ModelPair
    """Which models they are."""
    tokenizer: Tokenizer
    """Splits texts for both."""
    scoring: Any
    """The scoring network, a causal language model of ``transformers``."""
    reference: Any
    """The reference network; None where the scoring network is both."""
    device: "torch.device"
    """Where they compute."""

    def read(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the statistics of texts, shape (texts, 3): see ``lm_statistics.COLUMNS``; not a number without any.

        Texts of about the same length are read together; how many is bounded by the logits they have, so memory does
        not grow with the number of texts. Equal texts are read once and have equal statistics; in which company a text
        is read moves its last digits (float32: changes below about 1e-5).

        Raises:
            HeadwaterError: one text does not fit into the memory of the GPU.
        """
        places: dict[str, int] = {}
        which = [places.setdefault(text, len(places)) for text in texts]
        ids = [one[: self.pair.tokens] for one in self._encoded(list(places))]
        found = np.full((len(ids), len(COLUMNS)), np.nan)
        for rows in _batches([len(one) for one in ids], self._size):
            found[rows] = self._statistics([ids[row] for row in rows])
        return found[which]

    @property
    def _size(self) -> int:
        """Logits per position."""
        sizes = [_embedded(one) for one in (self.scoring, self.reference) if one is not None]
        return max(sizes)

    def _encoded(self, texts: list[str]) -> list[list[int]]:
        return [one.ids for one in self.tokenizer.backend.encode_batch(texts)]

    def _statistics(self, ids: list[list[int]]) -> NDArray[np.float64]:
        """Return the statistics of texts that are read together."""
        import torch

        width = max(map(len, ids))
        tokens = np.zeros((len(ids), width), dtype=np.int64)
        real = np.zeros((len(ids), width), dtype=np.bool_)
        for row, one in enumerate(ids):
            tokens[row, : len(one)], real[row, : len(one)] = one, True
        given, mask = (torch.from_numpy(array).to(self.device) for array in (tokens, real))
        following, counted = given.roll(-1, 1), mask.roll(-1, 1)
        counted[:, -1] = False
        try:
            with torch.inference_mode():
                logits, others = (
                    None
                    if module is None
                    else module(input_ids=given, attention_mask=mask.long(), use_cache=False).logits
                    for module in (self.scoring, self.reference)
                )
                assert logits is not None
                sums = token_sums(logits, others, following, counted)
        except torch.OutOfMemoryError as error:
            raise HeadwaterError(
                f"{len(ids)} texts of {width} tokens do not fit into the memory of the GPU beside {self.pair.names}. "
                "Name smaller models, or compute on the processor: --lm-device cpu"
            ) from error
        return statistics(sums, real.sum(axis=1) - 1)


def load_language_models(scoring: str, reference: str | None = None, *, device: Device = "auto") -> LanguageModels:
    """Return language models, ready to read texts.

    On the CPU they compute in float32, on a GPU in the precision they are stored in.

    Args:
        scoring: the model whose probabilities are looked at: a folder, or a name on the Hugging Face hub.
        reference: the model over whose distribution the expectation runs; None: the same.
        device: where they compute; ``auto`` is the GPU where there is one.

    Raises:
        InputError: there is no such model, it is no causal language model in safetensors files, or the two have
            different tokenizers.
        ConfigError: a GPU is asked for where there is none.
        MissingExtraError: the extra ``train`` is not installed.
    """
    where = device_named(device)
    second = reference if reference is not None and reference != scoring else None
    tokenizer = _tokenizer(scoring)
    if second is not None:
        _check_shared(scoring, tokenizer, second, _tokenizer(second))
    loaded = [_load(source, tokenizer, where) for source in (scoring, second) if source is not None]
    modules = [module for module, _ in loaded]
    known = [one for _, one in loaded]
    tokens = min([TOKENS, *(limit for limit in map(_positions, modules) if limit)])
    return LanguageModels(
        ModelPair(known[0], known[-1], tokens),
        tokenizer,
        modules[0],
        modules[1] if second is not None else None,
        where,
    )


def ready(detector: Detector, models: StatisticsReader | None = None, *, device: Device = "auto") -> Detector:
    """Return a detector that can score: with the language models it reads, if any, loaded.

    Args:
        detector: the detector.
        models: language models that are loaded already; None: those its card names, from where they were.
        device: where models that are loaded here compute.

    Raises:
        InputError: the models are not to be found, or not those it was fitted with.
    """
    pair = detector.card.language_models
    if detector.lm is None or pair is None:
        return detector
    if models is None:
        same = pair.scoring.fingerprint == pair.reference.fingerprint
        models = load_language_models(pair.scoring.source, None if same else pair.reference.source, device=device)
    return detector.with_language_models(models)


def _batches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Return texts to read together, shortest first: few enough for the batch's logits; texts of one token are left."""
    found: list[list[int]] = []
    for row in np.argsort(lengths, kind="stable").tolist():
        if lengths[row] < 2:  # nothing follows anything
            continue
        if found and (len(found[-1]) + 1) * lengths[row] * size <= _BATCH_LOGITS:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _tokenizer(source: str) -> Tokenizer:
    try:
        found = load_tokenizer(source)
    except InputError as error:
        raise _unusable(source, "its tokenizer cannot be loaded", error.__cause__ or error) from error
    found.backend.no_padding()
    found.backend.no_truncation()
    return found


def _check_shared(scoring: str, one: Tokenizer, reference: str, other: Tokenizer) -> None:
    words, others = one.backend.get_vocab(), other.backend.get_vocab()
    if words != others:
        odd = sorted(words.items() ^ others.items(), key=lambda item: item[1])
        differ = f"{len(words):,} and {len(others):,} tokens, among them differently {odd[0][0]!r}"
    else:
        odd_texts = [text for text in _PROBES if one.backend.encode(text).ids != other.backend.encode(text).ids]
        if not odd_texts:
            return
        differ = f"the same tokens, but {odd_texts[0]!r} is split differently"
    raise InputError(
        f"the language models {scoring} and {reference} do not share a tokenizer ({differ}). Their probabilities can "
        "only be compared token by token: name two models of one family (such as a base model and its instruction-"
        "tuned form), or leave --lm-reference out."
    )


def _load(source: str, tokenizer: Tokenizer, where: "torch.device") -> tuple[Any, LanguageModel]:
    """Return a network, in evaluation mode, and what it is recognised by."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import cached_file

    local = Path(source).is_dir()
    offline = local or not hub_answers()
    try:
        with quiet_loading():
            module, report = AutoModelForCausalLM.from_pretrained(
                source,
                dtype="auto",
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=offline,
                output_loading_info=True,
            )
        settings = json.loads(
            Path(str(cached_file(source, "config.json", local_files_only=offline))).read_text("utf-8")
        )
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, SafetensorError) as error:
        raise _unusable(source, "it cannot be loaded", error) from error
    if report["missing_keys"] or report["mismatched_keys"]:
        names = sorted(str(key) for key in (*report["missing_keys"], *report["mismatched_keys"]))
        raise _unusable(source, f"{len(names)} of its tensors are not in its files, such as {names[0]}")
    module = module.eval()
    known = LanguageModel(str(Path(source).resolve()) if local else source, _fingerprint(module, settings, tokenizer))
    module = module.to(where, torch.float32) if where.type == "cpu" else module.to(where)
    highest = max(tokenizer.backend.get_vocab().values())
    if highest >= _embedded(module):
        raise _unusable(
            source, f"its tokenizer has the token id {highest}, and the network only {_embedded(module)} of them"
        )
    if _looks_ahead(module, where):
        raise _unusable(source, "it reads what follows a token before it predicts it, so it is no causal model")
    return module, known


def _fingerprint(module: Any, settings: dict[str, object], tokenizer: Tokenizer) -> str:
    """Return the SHA-256 a model is recognised by, wherever it lies.

    A model trained further has the files, sizes and settings of the one it started from, so values of every tensor
    enter. Computed from the precision it is stored in.
    """
    settings = {key: settings[key] for key in sorted(settings) if key not in _NOT_THE_MODEL}
    probes = [tokenizer.backend.encode(text).ids for text in _PROBES]
    words = sorted(tokenizer.backend.get_vocab().items())
    found = hashlib.sha256(json.dumps([settings, words, probes], sort_keys=True).encode())
    for name, tensor in sorted(module.named_parameters()):
        flat = tensor.detach().reshape(-1)
        places = np.unique(np.linspace(0, max(len(flat) - 1, 0), _VALUES).astype(np.int64))
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        if len(flat):
            found.update(flat[places].float().numpy().astype("<f4").tobytes())
    return found.hexdigest()


def _looks_ahead(module: Any, where: "torch.device") -> bool:
    """Return whether what a network predicts behind a token depends on the tokens that come later."""
    import torch

    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 5, 6]], device=where) % _embedded(module)
    with torch.inference_mode():
        first, second = module(input_ids=ids, use_cache=False).logits[:, :2].float()
    # Rows of one batch are computed alike: what rounding leaves between them is far below the effect of a token.
    return bool((first - second).abs().max() > 1e-3 * first.std())


def _embedded(module: Any) -> int:
    """Return the token ids a network knows."""
    return int(module.get_output_embeddings().weight.shape[0])


def _positions(module: Any) -> int | None:
    """Return the tokens a network can read at most; None where it does not say."""
    limit = getattr(module.config.get_text_config(), "max_position_embeddings", None)
    return int(limit) if isinstance(limit, int) and limit > 1 else None


def _unusable(source: str, what: str, error: BaseException | None = None) -> InputError:
    lines = str(error).splitlines() if error is not None else []
    reason = next((line.strip() for line in lines if line.strip()), type(error).__name__) if error is not None else ""
    return InputError(
        f"the language model {source!r} cannot be used: {what}{f' ({reason})' if reason else ''}. Give the folder or "
        "the hub name of a causal language model of transformers with weights in safetensors files and no code of its "
        "own; without a network, one that was downloaded before."
    )
