"""A model on this machine, by Hugging Face transformers.

Each request draws with its own seed: noise of the Gumbel distribution is added to the log-probabilities of each row and
the largest is taken, which is a draw from the distribution (Gumbel 1954; the "Gumbel-max trick"). What a request is
answered therefore does not depend on what it is computed together with, but for rounding: in a batch of another shape
the last bits of a probability differ, and a draw within that distance of a tie may fall the other way.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.errors import InputError, MissingExtraError
from headwater.generate.batches import batched
from headwater.generate.recipe_file import DecodingSettings, TransformersSettings
from headwater.generate.request import Answer, Finish, Request
from headwater.schema import digest


@dataclass(slots=True)
class LocalModel:
    """Answers prompts with a model of transformers; it is loaded at the first request, and never downloaded."""

    settings: TransformersSettings
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    _loaded: Any = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Return the name of the model's folder, or its name."""
        path = Path(self.settings.model)
        return path.name if path.exists() else self.settings.model

    @property
    def id(self) -> str:
        """Return the digest of model and decoding; of a model in a folder, also of its files' sizes and names."""
        path = Path(self.settings.model)
        files = sorted((one.name, one.stat().st_size) for one in path.iterdir()) if path.is_dir() else []
        return digest([self.settings.identity(), self.decoding.model_dump(mode="json"), files])

    def answer(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield answers in the order of the requests, ``batch_size`` computed at once.

        Raises:
            InputError: the model cannot be loaded, or a prompt is longer than it can read.
            MissingExtraError: transformers or torch is not installed.
        """
        for batch in batched(requests, self.settings.batch_size):
            start = time.monotonic()
            answers = self._batch(batch)
            seconds = (time.monotonic() - start) / len(batch)
            for key, text, finish, prompt, completion in answers:
                yield Answer(key, text, finish, prompt, completion, self.name, seconds=seconds)

    def _batch(self, batch: list[Request]) -> Iterator[tuple[str, str, Finish, int, int]]:
        import torch
        from transformers import LogitsProcessorList

        tokenizer, model, device = self._model()
        prompts = [self._prompt(tokenizer, one) for one in batch]
        read = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=not self._chats(tokenizer))
        most = max(one.max_tokens for one in batch)
        room = getattr(model.config, "max_position_embeddings", None)
        width = read["input_ids"].shape[1]
        if room is not None and width + most > room:
            longest = max(batch, key=lambda one: len(one.prompt))
            raise InputError(
                f"the prompt of parent {', '.join(longest.parents) or '?'} has {width:,} tokens, the answer "
                f"{most:,} at most; {self.name} has room for {room:,}. Lower parents.most_words or decoding.max_tokens."
            )
        read = {name: read[name].to(device) for name in ("input_ids", "attention_mask")}
        drawing = LogitsProcessorList([_Draw([one.seed for one in batch], self.decoding)])
        with torch.inference_mode():
            made = model.generate(
                **read,
                max_new_tokens=most,
                do_sample=False,
                num_beams=1,
                logits_processor=drawing,
                pad_token_id=tokenizer.pad_token_id,
                use_cache=True,
            )
        ends = _ends(model, tokenizer)
        for row, one in enumerate(batch):
            tokens = made[row, width:].tolist()
            stop = next((i for i, token in enumerate(tokens) if token in ends), None)
            finish = Finish.STOP if stop is not None and stop < one.max_tokens else Finish.LENGTH
            tokens = tokens[: min(len(tokens) if stop is None else stop, one.max_tokens)]
            text = tokenizer.decode(tokens, skip_special_tokens=True)
            cut = min((at for at in map(text.find, self.decoding.stop) if at >= 0), default=None)
            if cut is not None:
                text, finish = text[:cut], Finish.STOP
            yield one.key, text, finish, int(read["attention_mask"][row].sum()), len(tokens) + (stop is not None)

    def _chats(self, tokenizer: Any) -> bool:
        has = bool(getattr(tokenizer, "chat_template", None))
        if self.settings.chat == "always" and not has:
            raise InputError(f'{self.name} has no chat template. Set generator.chat = "never".')
        return has and self.settings.chat != "never"

    def _prompt(self, tokenizer: Any, request: Request) -> str:
        if not self._chats(tokenizer):
            return f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
        messages = [{"role": "user", "content": request.prompt}]
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _model(self) -> tuple[Any, Any, Any]:
        if self._loaded is None:
            try:
                import torch
                from transformers import AutoModelForCausalLM, AutoTokenizer
            except ImportError as error:
                raise MissingExtraError("a model on this machine", "train") from error
            where: dict[str, Any] = {"local_files_only": True}
            if self.settings.revision:
                where["revision"] = self.settings.revision
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.settings.model, padding_side="left", **where)
                model = AutoModelForCausalLM.from_pretrained(self.settings.model, dtype=self.settings.dtype, **where)
            except (OSError, ValueError) as error:
                raise InputError(
                    f"the model {self.settings.model} cannot be loaded: {error}. Nothing is downloaded here; name a "
                    "folder, or fetch it first."
                ) from error
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token
            device = self.settings.device
            if device == "auto":
                device = "cuda" if torch.cuda.is_available() else "cpu"
            self._loaded = tokenizer, model.to(device).eval(), device
        return self._loaded


class _Draw:
    """Turns a greedy choice into a draw with one seed per row."""

    def __init__(self, seeds: list[int], decoding: DecodingSettings) -> None:
        import torch

        self._temperature, self._top_p = decoding.temperature, decoding.top_p
        self._sources = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ARG002  (so it is called)
        import torch

        if not self._temperature:
            return scores
        logits = torch.log_softmax(scores.float() / self._temperature, dim=-1)
        if self._top_p < 1:
            ordered, places = logits.sort(dim=-1, descending=True)
            before = ordered.exp().cumsum(dim=-1) - ordered.exp()
            ordered = ordered.masked_fill(before >= self._top_p, -torch.inf)  # the first token always stays
            logits = torch.empty_like(logits).scatter_(-1, places, ordered)
        noise = torch.stack([torch.rand(logits.shape[-1], generator=one, dtype=torch.float64) for one in self._sources])
        gumbel = -torch.log(-torch.log(noise.clamp_min(1e-300)))
        return logits + gumbel.to(logits.device, logits.dtype)


def _ends(model: Any, tokenizer: Any) -> set[int]:
    named = model.generation_config.eos_token_id
    found = set(named if isinstance(named, list) else [] if named is None else [named])
    return found | ({tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set())
