"""Compiled kernels of the plug-in Markov chain (:mod:`headwater.models.chain`).

Everything rests on one step, :func:`refine`: it sorts the positions of a text by (context before the position, token at
the position). Number the runs of equal pairs and the contexts have become one token longer; stop there and the
positions that may follow a context stand side by side. Two counting sorts per step, linear time.

A text is circular: what stands before its first token is its last. Where two texts lie in one array (the training text
and one to be scored), ``boundary`` is where the second begins, and each is circular on its own.

Numba infers the types of the arguments, so they carry no annotations.
"""

# ruff: noqa: ANN001, ANN201, ANN202

import numba as nb
import numpy as np

from headwater.models.counting_sort import positions_by_token


@nb.njit(cache=True, nogil=True)
def _before(position, boundary, length):  # type: ignore[no-untyped-def]
    """Return the position before one, on the circle of its own text."""
    if position == 0:
        return boundary - 1
    if position == boundary:
        return length - 1
    return position - 1


@nb.njit(cache=True, nogil=True)
def _refine(by_token, context, contexts, boundary):  # type: ignore[no-untyped-def]
    """Return the positions sorted by (context before, token) and where each context's part begins.

    Args:
        by_token: positions in the order of their tokens.
        context: number of the context that ends at each position.
        contexts: how many contexts there are.
        boundary: where the second text begins; the length where there is one text.
    """
    length = len(context)
    starts = np.zeros(contexts + 1, dtype=np.int32)
    for position in range(length):
        starts[context[_before(position, boundary, length)] + 1] += 1
    for number in range(contexts):
        starts[number + 1] += starts[number]
    ends = starts.copy()
    order = np.empty(length, dtype=np.int32)
    for position in by_token:
        number = context[_before(position, boundary, length)]
        order[ends[number]] = position
        ends[number] += 1
    return order, starts


@nb.njit(cache=True, nogil=True)
def _lengthen(tokens, order, starts):  # type: ignore[no-untyped-def]
    """Return the number of the context, one token longer, that ends at each position, and how many there are."""
    longer = np.empty(len(tokens), dtype=np.int32)
    found = -1
    for number in range(len(starts) - 1):
        token = -1
        for slot in range(starts[number], starts[number + 1]):
            position = order[slot]
            if tokens[position] != token:
                token = tokens[position]
                found += 1
            longer[position] = found
    return longer, found + 1


@nb.njit(cache=True, nogil=True)
def _contexts(tokens, by_token, length, boundary):  # type: ignore[no-untyped-def]
    """Return the number of the context of ``length`` tokens that ends at each position, and how many there are."""
    context = np.zeros(len(tokens), dtype=np.int32)
    contexts = 1
    for _ in range(length):
        order, starts = _refine(by_token, context, contexts, boundary)
        context, contexts = _lengthen(tokens, order, starts)
    return context, contexts


@nb.njit(cache=True, nogil=True)
def fit(texts, order, types):  # type: ignore[no-untyped-def]
    """Return the index of every text: what may follow each context.

    Args:
        texts: tokens, shape (replicates, items).
        order: length of the n-grams; contexts have one token less.
        types: number of types.

    Returns:
        ``context`` (replicates, items), number of the context that ends at each position; ``followers`` (replicates,
        items), positions sorted by the context before them, then by token; ``starts`` (replicates, items + 1), where
        the followers of each context begin; ``contexts`` (replicates,), how many there are.
    """
    replicates, items = texts.shape
    context = np.empty((replicates, items), dtype=np.int32)
    followers = np.empty((replicates, items), dtype=np.int32)
    starts = np.empty((replicates, items + 1), dtype=np.int32)
    contexts = np.empty(replicates, dtype=np.int64)
    for replicate in range(replicates):
        tokens = texts[replicate]
        by_token = positions_by_token(tokens, types)
        ending, found = _contexts(tokens, by_token, order - 1, items)
        sorted_positions, first = _refine(by_token, ending, found, items)
        context[replicate] = ending
        followers[replicate] = sorted_positions
        starts[replicate, : found + 1] = first
        contexts[replicate] = found
    return context, followers, starts, contexts


@nb.njit(cache=True, nogil=True)
def sample(rng, texts, context, followers, starts, out):  # type: ignore[no-untyped-def]
    """Fill ``out``, shape (replicates, n), with one chain per replicate that starts after a random position.

    The next token is the one at a random occurrence of the context. Occurrences are drawn with 53 random bits, so no
    probability is off by more than 2^-53.
    """
    replicates, items = texts.shape
    for replicate in range(replicates):
        tokens, ending = texts[replicate], context[replicate]
        follower, first = followers[replicate], starts[replicate]
        now = ending[int(rng.random() * items)]
        for at in range(out.shape[1]):
            begin = first[now]
            position = follower[begin + int(rng.random() * (first[now + 1] - begin))]
            out[replicate, at] = tokens[position]
            now = ending[position]


@nb.njit(cache=True, nogil=True)
def _decode(tokens, follower, first, contexts, power, top_p):  # type: ignore[no-untyped-def]
    """Return what each context may be followed by after decoding.

    Returns:
        One occurrence (position) of each token that is kept, where each context's part begins, and the running sum of
        the weights within each context.
    """
    items = len(tokens)
    kept = np.empty(items, dtype=np.int32)
    running = np.empty(items)
    begins = np.empty(contexts + 1, dtype=np.int32)
    weights = np.empty(items)
    occurrences = np.empty(items, dtype=np.int32)
    at = 0
    for number in range(contexts):
        begins[number] = at
        distinct = 0
        token = -1
        for slot in range(first[number], first[number + 1]):
            position = follower[slot]
            if tokens[position] != token:
                token = tokens[position]
                occurrences[distinct] = position
                weights[distinct] = 0.0
                distinct += 1
            weights[distinct - 1] += 1.0
        # Relative to the largest count, so that no power overflows.
        largest = weights[:distinct].max()
        total = 0.0
        for index in range(distinct):
            weights[index] = (weights[index] / largest) ** power
            total += weights[index]
        by_weight = np.argsort(-weights[:distinct], kind="mergesort")  # stable: of equals the smaller token stays
        mass = 0.0
        for index in by_weight:
            mass += weights[index]
            kept[at] = occurrences[index]
            running[at] = mass
            at += 1
            if mass >= top_p * total:
                break
    begins[contexts] = at
    return kept, begins, running


@nb.njit(cache=True, nogil=True)
def sample_decoded(rng, texts, context, followers, starts, contexts, power, top_p, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` as :func:`sample` does, from counts raised to ``power`` and cut to the nucleus of mass ``top_p``."""
    replicates, items = texts.shape
    for replicate in range(replicates):
        tokens, ending = texts[replicate], context[replicate]
        kept, begins, running = _decode(
            tokens, followers[replicate], starts[replicate], contexts[replicate], power, top_p
        )
        now = ending[int(rng.random() * items)]
        for at in range(out.shape[1]):
            low, high = begins[now], begins[now + 1] - 1
            target = rng.random() * running[high]
            while low < high:
                middle = (low + high) >> 1
                if running[middle] <= target:
                    low = middle + 1
                else:
                    high = middle
            position = kept[low]
            out[replicate, at] = tokens[position]
            now = ending[position]


@nb.njit(cache=True, nogil=True)
def score(texts, others, order, types):  # type: ignore[no-untyped-def]
    """Return -ln p of every token of ``others`` after its context, shape (replicates, items of others).

    Both texts are numbered together, so an n-gram has the same number in both and its count is looked up by it.
    ``others`` has one row per replicate, or one row for all.
    """
    replicates, items = texts.shape
    nats = np.empty((replicates, others.shape[1]))
    for replicate in range(replicates):
        other = others[replicate if len(others) > 1 else 0]
        tokens = np.concatenate((texts[replicate], other))
        by_token = positions_by_token(tokens, types)
        shorter, contexts = _contexts(tokens, by_token, order - 1, items)
        positions, starts = _refine(by_token, shorter, contexts, items)
        whole, grams = _lengthen(tokens, positions, starts)
        of_context = np.zeros(contexts, dtype=np.int64)
        of_gram = np.zeros(grams, dtype=np.int64)
        for position in range(items):
            of_context[shorter[position]] += 1
            of_gram[whole[position]] += 1
        for at in range(len(other)):
            position = items + at
            seen = of_gram[whole[position]]
            before = of_context[shorter[_before(position, items, len(tokens))]]
            nats[replicate, at] = np.log(before / seen) if seen else np.inf
    return nats


@nb.njit(cache=True, nogil=True)
def heterozygosity_in_context(texts, followers, starts, contexts):  # type: ignore[no-untyped-def]
    """Return 1 - sum p^2 of the tokens after a context, averaged over the text's contexts, shape (replicates,)."""
    replicates, items = texts.shape
    mean = np.empty(replicates)
    for replicate in range(replicates):
        same = 0.0  # sum over contexts of (occurrences of the context) * sum p^2
        for number in range(contexts[replicate]):
            begin, end = starts[replicate, number], starts[replicate, number + 1]
            squares = 0.0
            run = 0
            token = -1
            for slot in range(begin, end):
                following = texts[replicate, followers[replicate, slot]]
                if following != token:
                    squares += run * run
                    run = 0
                    token = following
                run += 1
            same += (squares + run * run) / (end - begin)
        mean[replicate] = 1 - same / items
    return mean
