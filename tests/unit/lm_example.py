"""Tiny language models in folders, and readers that need none: what the tests of language-model columns work with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headwater.origin.detector.card import LanguageModel, ModelPair

WORDS = 300
"""Token ids of the tiny tokenizers."""


def save_tiny(folder: Path, texts: Sequence[str], *, seed: int = 0, steps: int = 0, **config: Any) -> Path:
    """Write a GPT-2 of one layer with a byte-level tokenizer; with steps, one that learnt the texts a little."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from headwater.models.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(texts, WORDS)
    torch.manual_seed(seed)
    settings = {"n_positions": 600, "n_embd": 32, "n_layer": 1, "n_head": 2, "resid_pdrop": 0.0, **config}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=tokenizer.size, bos_token_id=0, eos_token_id=0, **settings))
    if steps:
        ids = torch.as_tensor(tokenizer.encode(texts)[: 64 * (len(tokenizer.encode(texts)) // 64)]).view(-1, 64)
        optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
        for step in range(steps):
            rows = ids[torch.arange(step * 8, step * 8 + 8) % len(ids)]
            model(input_ids=rows, labels=rows).loss.backward()
            optimiser.step()
            optimiser.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save(folder)
    return folder


class Told:
    """A reader that is told the statistics of texts: a function of the text instead of a language model."""

    def __init__(self, statistic: Any, name: str = "told") -> None:
        self.statistic = statistic
        model = LanguageModel(name, name)
        self.pair = ModelPair(model, model, 512)
        self.seen: list[str] = []

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Return the statistic of each text in the first two columns."""
        self.seen += texts
        values = np.array([self.statistic(text) for text in texts], dtype=np.float64)
        return np.stack([values, values, values], axis=1)


_SLOTS = {
    "noun": "bridge market valley station orchard library workshop meadow harbour kitchen garden railway museum tower",
    "adjective": "old quiet narrow bright empty crowded distant broken wooden green heavy gentle cold familiar",
    "verb": "closed painted visited repaired forgot described measured crossed admired left kept followed sold drew",
    "person": "teacher driver sailor baker doctor farmer painter neighbour cousin clerk porter widow student guard",
}
_SENTENCES = {
    False: (
        "The {adjective} {noun} was {verb} by my {person} and, honestly, nobody {verb} the {noun} again.",
        "We {verb} a {adjective} {noun} near the {noun}; my {person} {verb} it, too.",
        "Was it the {person} who {verb} that {adjective} {noun}? I never asked the {person}.",
    ),
    True: (
        "Additionally, the {adjective} {noun} plays a role for the {person}, ensuring the {noun} is {verb}.",
        "It is important that the {person} has {verb} the {adjective} {noun} and the {noun}.",
        "Overall, the {noun} and the {adjective} {noun} show how the {person} {verb} the community.",
    ),
}


def write_texts(count: int, seed: int, *, machine: bool, noise: float = 0.4, sentences: int = 8) -> list[str]:
    """Return English texts of about 110 words, with a share of sentences of the other kind."""
    rng = np.random.default_rng([int(machine), seed])
    slots = {name: words.split() for name, words in _SLOTS.items()}

    def sentence() -> str:
        template = _SENTENCES[machine != (rng.random() < noise)][rng.integers(3)]
        for name, words in slots.items():
            while f"{{{name}}}" in template:
                template = template.replace(f"{{{name}}}", words[rng.integers(len(words))], 1)
        return template

    return [" ".join(sentence() for _ in range(sentences)) for _ in range(count)]
