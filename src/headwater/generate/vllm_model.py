"""A model on this machine, by vLLM where it is installed; its calls are those of ``vllm.LLM.chat`` and ``generate``.

Each request has its own seed. vLLM schedules by itself, so batches differ from run to run: answers with the same seed
usually agree, but nothing guarantees it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.errors import InputError
from headwater.generate.batches import batched
from headwater.generate.recipe_file import DecodingSettings, VllmSettings
from headwater.generate.request import Answer, Finish, Request
from headwater.schema import digest


@dataclass(slots=True)
class VllmModel:
    """Answers prompts with vLLM; the engine is started at the first request."""

    settings: VllmSettings
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    _loaded: Any = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Return the name of the model's folder, or its name."""
        path = Path(self.settings.model)
        return path.name if path.exists() else self.settings.model

    @property
    def id(self) -> str:
        """Return the digest of model, engine and decoding."""
        return digest([self.settings.identity(), self.decoding.model_dump(mode="json")])

    def answer(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield answers in the order of the requests, ``batch_size`` handed over at once.

        Raises:
            InputError: vLLM is not installed, or the model has no chat template where one is wanted.
        """
        for batch in batched(requests, self.settings.batch_size):
            vllm, engine, chats = self._engine()
            drawing = [self._parameters(vllm, one) for one in batch]
            if chats:
                found = engine.chat([_messages(one) for one in batch], drawing, use_tqdm=False)
            else:
                prompts = [f"{one.system}\n\n{one.prompt}" if one.system else one.prompt for one in batch]
                found = engine.generate(prompts, drawing, use_tqdm=False)
            for one, output in zip(batch, found, strict=True):
                first = output.outputs[0]
                finish = {"stop": Finish.STOP, "length": Finish.LENGTH}.get(str(first.finish_reason), Finish.UNKNOWN)
                yield Answer(one.key, first.text, finish, len(output.prompt_token_ids or ()), len(first.token_ids),
                             self.name)  # fmt: skip

    def _parameters(self, vllm: Any, request: Request) -> Any:
        return vllm.SamplingParams(
            temperature=self.decoding.temperature,
            top_p=self.decoding.top_p,
            max_tokens=request.max_tokens,
            stop=list(self.decoding.stop) or None,
            seed=request.seed,
        )

    def _engine(self) -> tuple[Any, Any, bool]:
        if self._loaded is None:
            try:
                import vllm
            except ImportError as error:
                raise InputError(
                    "a generator of kind vllm needs vLLM, which is not installed. It is no extra of Headwater's, as it "
                    "brings its own torch: pip install vllm, or serve the model and use a generator of kind endpoint."
                ) from error
            engine = vllm.LLM(model=self.settings.model, **self.settings.engine)
            has = bool(getattr(engine.get_tokenizer(), "chat_template", None))
            if self.settings.chat == "always" and not has:
                raise InputError(f'{self.name} has no chat template. Set generator.chat = "never".')
            self._loaded = vllm, engine, has and self.settings.chat != "never"
        return self._loaded


def _messages(request: Request) -> list[dict[str, str]]:
    before = [{"role": "system", "content": request.system}] if request.system else []
    return [*before, {"role": "user", "content": request.prompt}]
