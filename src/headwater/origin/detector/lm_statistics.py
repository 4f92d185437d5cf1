"""How likely large language models find a text: three statistics of its tokens, from logits alone.

With the scoring model p, the reference model q, and sums over the tokens x_t that have a token before them,

    L = sum log p(x_t),   M = sum E_q[log p(x)],   V = sum Var_q[log p(x)],

the expectation running over the vocabulary at each position, the statistics are

- the **curvature** (L - M) / sqrt(V): Bao et al., *Fast-DetectGPT: Efficient zero-shot detection of machine-generated
  text via conditional probability curvature*, ICLR 2024, section 2.3 and algorithm 1, in the analytic form. Machine
  text is more likely than what the model would draw in its place;
- the **Binoculars** quotient L / M: Hans et al., *Spotting LLMs with Binoculars: Zero-shot detection of
  machine-generated text*, ICML 2024, section 3.2: the log-perplexity of the performer p divided by the cross-entropy of
  observer q and performer p. It is low for machine text; here it is given with its sign turned. The authors' program
  counts the distribution behind the last token in M, which has no token to go with in L; the paper's formula and this
  module do not;
- the **mean log-likelihood** L / n, for information only. Alone it is worse than nothing where people write simply.

Both papers mean the same two roles: reference, sampling model or observer; scoring model or performer. One model may
take both.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

COLUMNS = ("lm_curvature", "lm_binoculars", "lm_log_likelihood")
"""Names of the statistics, in their order."""
STACKED = 2
"""The first so many are evidence for the stack; what follows is for information."""
CHUNK = 1 << 22
"""Logits that are worked on at once: a handful of arrays of 16 MB."""
_LEAST_VARIANCE = 1e-12  # of the log-probability over all tokens of a text: below it is rounding, and no curvature


def token_sums(
    scoring: "torch.Tensor",
    reference: "torch.Tensor | None",
    tokens: "torch.Tensor",
    counted: "torch.Tensor",
    chunk: int = CHUNK,
) -> NDArray[np.float64]:
    """Return L, M and V of each text, shape (texts, 3), in nats, nats and squared nats.

    Memory beyond the logits is bounded by ``chunk``: positions are worked on a few at a time. Where the vocabularies of
    two models with one tokenizer are padded to different sizes, both are cut to the smaller, as the authors' program
    does.

    Args:
        scoring: logits of the scoring model at each position, shape (texts, positions, vocabulary); any float type,
            computed in float32.
        reference: those of the reference model, or None where it is the same model.
        tokens: the token that follows each position, shape (texts, positions).
        counted: which of them belong to the text, shape (texts, positions), boolean; the others count nothing.
        chunk: logits to work on at once.
    """
    texts, positions, size = scoring.shape
    if reference is not None:
        size = min(size, reference.shape[-1])
    rows = texts * positions
    logits = scoring.reshape(rows, -1)
    others = None if reference is None else reference.reshape(rows, -1)
    wanted = tokens.reshape(rows, 1)
    step = max(1, chunk // size)
    out = np.empty((rows, 3))
    for start in range(0, rows, step):
        here = slice(start, start + step)
        log_p = logits[here, :size].float().log_softmax(-1)
        q = log_p.exp() if others is None else others[here, :size].float().softmax(-1)
        # A token that p excludes (a logit of minus infinity) counts nothing where q excludes it, too.
        excluded = q == 0
        mean = (q * log_p).masked_fill(excluded, 0.0).sum(-1, keepdim=True)
        variance = (q * (log_p - mean) ** 2).masked_fill(excluded, 0.0).sum(-1)
        likelihood = log_p.gather(-1, wanted[here])
        for column, values in enumerate((likelihood.squeeze(-1), mean.squeeze(-1), variance)):
            out[here, column] = values.cpu().numpy()
    kept = counted.cpu().numpy()[:, :, None]
    return np.asarray(np.where(kept, out.reshape(texts, positions, 3), 0.0).sum(axis=1))


def statistics(sums: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the statistics of texts, shape (texts, 3), columns as in ``COLUMNS``; higher is more machine-like.

    The mean log-likelihood is in nats per token. A statistic that does not exist is not a number: all of a text
    without a token that follows another, the curvature where the model leaves no choice at any position, the quotient
    where it expects no surprise.

    Args:
        sums: L, M and V, shape (texts, 3).
        counts: tokens they were summed over, shape (texts,).
    """
    likelihood, mean, variance = np.where(counts > 0, sums.T, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.stack(
            [
                np.where(variance > _LEAST_VARIANCE, (likelihood - mean) / np.sqrt(variance), np.nan),
                np.where((mean < 0) & np.isfinite(mean), -likelihood / mean, np.nan),
                likelihood / counts,
            ],
            axis=1,
        )
    return np.where(np.isfinite(found), found, np.nan)
