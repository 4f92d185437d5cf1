"""What do statistics of language models cost per document, on one core?

Two networks with random weights, for the cost does not hang on them: a tiny one (GPT-2 of two layers of width 64) and
one of the size of GPT-2 (124 million parameters, configuration only), both with the same byte-level tokenizer of 8,000
tokens trained on the texts measured; the larger one keeps GPT-2's vocabulary of 50,257, so its logits cost what they
cost there. Documents are cut to 190 words. One model as scorer and reference; with a second one of the same size it is
twice that. One thread; processor seconds; peak memory of the process is that of everything before, too.

    OMP_NUM_THREADS=1 python benchmarks/detector_lm_speed.py [--data FOLDER] [--documents 64]
"""

import argparse
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from detector_speed import _DATA, _documents
from loops import markdown, versions

from headwater.models.tokenizer import train_tokenizer
from headwater.origin.detector.lm_models import load_language_models

_VOCABULARY = 8000
_SIZES = {
    "tiny": {"n_layer": 2, "n_embd": 64, "n_head": 2, "vocab_size": _VOCABULARY},
    "GPT-2 size": {"n_layer": 12, "n_embd": 768, "n_head": 12, "vocab_size": 50257},
}


def main() -> None:
    """Measure and print."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--documents", type=int, default=64)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    texts = _documents(chosen.data)
    tokenizer = train_tokenizer(texts, _VOCABULARY)
    texts = texts[: chosen.documents]
    tokens = len(tokenizer.encode(texts)) / len(texts)
    lines = []
    for name, size in _SIZES.items():
        with TemporaryDirectory() as folder:
            torch.manual_seed(0)
            network = GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0))
            network.save_pretrained(folder)
            tokenizer.save(Path(folder))
            begun = time.process_time()
            models = load_language_models(folder, device="cpu")
            loading = time.process_time() - begun
        models.read(texts[:2])
        begun = time.process_time()
        models.read(texts)
        seconds = (time.process_time() - begun) / len(texts)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        parameters = sum(one.numel() for one in network.parameters()) / 1e6
        row = [name, f"{parameters:,.1f}", f"{seconds:.4f}", f"{1 / seconds:,.1f}", f"{loading:.1f}", f"{peak:.1f}"]
        lines.append(row)
    head = ["network", "million parameters", "s per document", "documents/s", "loading, s", "peak memory, GiB"]
    print(markdown(head, lines))
    print(f"{len(texts)} documents of 190 words, {tokens:.0f} tokens each in the mean.")
    print(versions())


if __name__ == "__main__":
    main()
