"""Interpolated Kneser-Ney n-gram models: fitted, sampled and scored at millions of tokens per second.

The n-gram model is the cheapest laboratory of model collapse and the default proxy of the gate. For a context u v and
a word w (order 3)

    P3(w | u v) = max(c(u v w) - D, 0) / c(u v .) + D N(u v .) / c(u v .) P2(w | v)

with c the raw count, N(u v .) the number of distinct words seen after u v, and P2, P1 of the same form on continuation
counts (number of distinct left neighbours instead of c). P1 is interpolated with the uniform distribution over the
vocabulary. A context never seen falls to the next shorter one. (Kneser & Ney 1995; Chen & Goodman 1999, section 2.8,
with one discount per order.)

The counts live in a trie of all n-grams of all lengths. Nodes are numbered level by level, and within a level by
(number of the parent, word), so the children of a node lie side by side, sorted by word. ``suffix`` links a node
w1..wk to w2..wk. A context is a node; reading a word moves from context to context, as in a finite automaton, so no
step costs more than a few binary searches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba as nb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.errors import ConfigError, InputError, NotEnoughData
from headwater.models.counting_sort import positions_by_token
from headwater.models.learner import Losses
from headwater.schema import Origin, documents
from headwater.text import END, Vocabulary, token_arrays, token_columns

_MAX_ORDER = 5
_ROOT = 0
_SAMPLE_BUFFER = 1 << 18  # tokens drawn per call of the kernel: 1 MiB


class _Trie(NamedTuple):
    """Counts and probabilities of all n-grams. ``nodes`` counts all of them, ``contexts`` those below the top level.

    A named tuple because the compiled kernels take it as it is.
    """

    word: NDArray[np.int32]
    """Last word of each n-gram, shape (nodes,); ``len(vocabulary)`` stands for the beginning of a document."""
    suffix: NDArray[np.int32]
    """Node of the n-gram without its first word, shape (nodes,)."""
    first_child: NDArray[np.int32]
    """Where the children of a context begin, shape (contexts + 1,)."""
    counts: NDArray[np.int64]
    """Running sum of the counts (raw at the top level, continuation counts below), shape (nodes + 1,)."""
    probability: NDArray[np.float64]
    """Interpolated probability of each n-gram's last word after the others, shape (nodes,)."""
    backoff: NDArray[np.float64]
    """Share of the probability that a context leaves to the next shorter one, shape (contexts,)."""
    discounts: NDArray[np.float64]
    """Discount of n-grams of length 1, 2, ..., shape (order,)."""
    level_starts: NDArray[np.int64]
    """First node of each level from 0 (the root) to order, then the number of nodes, shape (order + 2,)."""
    unigram: NDArray[np.int32]
    """Node of each single word, -1 where it was never seen, shape (len(vocabulary) + 1,)."""
    beginning: int
    """The symbol "beginning of document": the size of the vocabulary."""
    start: int
    """Context at the beginning of a document."""


@dataclass(frozen=True, slots=True, eq=False)
class NgramModel:
    """A fitted n-gram model over a closed vocabulary.

    Every document begins after order - 1 symbols "beginning of document", which are never predicted, and ends with the
    end token, which is.

    Memory: 24 bytes per distinct n-gram of the top length and 36 per shorter one. On 1.5 million words of English
    novels that is 6, 24, 52 and 85 bytes per token of training text at orders 2, 3, 4 and 5; fitting takes about 90
    bytes per token at order 3 while it lasts.
    """

    vocabulary: Vocabulary
    order: int
    max_tokens: int
    """A sampled document is cut after this many tokens."""
    word_counts: NDArray[np.int64]
    """How often each token occurred in the training text, end tokens included, shape (len(vocabulary),)."""
    trie: _Trie

    @property
    def support(self) -> int:
        """Number of distinct words in the training text; the unknown word and the end token are not counted."""
        return int(np.count_nonzero(self.word_counts[END + 1 :]))

    def loss(self, samples: pa.Table) -> Losses:
        """Return nats and tokens of each document, its end token included.

        A document with a word of probability zero (possible only without the uniform term) has infinite loss.
        """
        tokens, offsets = token_arrays(samples, self.vocabulary)
        nats = _score(tokens, offsets, self.trie)
        return Losses(nats, np.diff(offsets) + 1)

    def log_probabilities(self, context_ids: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the log probability of every next token, shape (len(vocabulary),).

        Args:
            context_ids: the tokens of the document so far; the last order - 1 of them matter. A shorter context stands
                at the beginning of a document.
        """
        trie = self.trie
        chain = [self._context(context_ids)]
        while chain[-1] != _ROOT:
            chain.append(int(trie.suffix[chain[-1]]))
        probabilities = np.full(len(self.vocabulary), 1 / len(self.vocabulary))
        for level, context in enumerate(reversed(chain)):
            first, last = _children(context, trie.word, trie.first_child, trie.beginning)
            if first == last:
                continue
            counts = np.diff(trie.counts[first : last + 1])
            probabilities *= trie.backoff[context]
            probabilities[trie.word[first:last]] += (counts - trie.discounts[level]) / counts.sum()
        with np.errstate(divide="ignore"):
            return np.log(probabilities)

    def sample(self, n: int, rng: np.random.Generator) -> pa.Table:
        """Return ``n`` documents drawn from the model; they may be empty, as those of the model's training text may."""
        return self._sample(n, np.iinfo(np.int64).max, rng)

    def sample_tokens(self, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        """Return as many documents as it takes to reach ``n_tokens`` tokens, counting one end per document."""
        return self._sample(np.iinfo(np.int64).max, n_tokens, rng)

    def continue_text(self, prompt: str, n_words: int, rng: np.random.Generator) -> str:
        """Return the prompt and up to ``n_words`` words drawn after it, as readable text in lower-cased words."""
        prompt_ids = self.vocabulary.encode([prompt]).tokens
        drawn, _, _ = self._draw(self._context(prompt_ids), 1, 1, n_words, rng)
        return self.vocabulary.decode(np.concatenate([prompt_ids, drawn]))

    def _context(self, tokens: Sequence[int] | NDArray[np.integer]) -> int:
        ids = np.asarray(tokens, dtype=np.int64)
        if len(ids) and (ids.min() < 0 or ids.max() >= len(self.vocabulary)):
            raise InputError(
                f"Tokens {ids.min()} to {ids.max()} do not all belong to the vocabulary, whose tokens are 0 to "
                f"{len(self.vocabulary) - 1}. Encode the text with the model's own vocabulary."
            )
        return int(_walk(ids, self.trie))

    def _draw(
        self, start: int, n: int, n_tokens: int, max_tokens: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int32], NDArray[np.int64], int]:
        """Return tokens and lengths of at most ``n`` documents, and how many tokens they count with their ends."""
        buffer = np.empty(max(_SAMPLE_BUFFER, max_tokens), dtype=np.int32)
        lengths = np.empty(min(n, len(buffer)), dtype=np.int64)
        documents_drawn, tokens_drawn = _generate(
            rng, buffer, lengths, n_tokens, max_tokens, self.trie._replace(start=start)
        )
        return buffer[:tokens_drawn], lengths[:documents_drawn], tokens_drawn + documents_drawn

    def _sample(self, n: int, n_tokens: int, rng: np.random.Generator) -> pa.Table:
        tokens: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
        lengths: list[NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)]
        while n > 0 and n_tokens > 0:
            drawn, drawn_lengths, counted = self._draw(self.trie.start, n, n_tokens, self.max_tokens, rng)
            tokens.append(drawn)
            lengths.append(drawn_lengths)
            n -= len(drawn_lengths)
            n_tokens -= counted
        return self._table(np.concatenate(tokens), np.cumsum(np.concatenate(lengths)))

    def _table(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> pa.Table:
        encoded = self.vocabulary.encoded(tokens, offsets)
        texts = self.vocabulary.decode_all(tokens, offsets)
        table = documents(texts.to_pylist(), origin=Origin.MACHINE.value, generator="ngram")
        for field, values in token_columns(encoded, self.vocabulary):
            table = table.append_column(field, values)
        return table


@dataclass(frozen=True, slots=True)
class NgramLearner:
    """Fits interpolated Kneser-Ney models of one order over one closed vocabulary.

    Raises:
        ConfigError: the order is not 1 to 5, a discount lies outside [0, 1], or there is not one discount per order.
    """

    vocabulary: Vocabulary
    order: int = 3
    """Length of the longest n-gram, 1 to 5."""
    discount: float | tuple[float, ...] = 0.75
    """Discount of every length, or one per length from 1 to ``order``. 0.75 is the usual start."""
    uniform: bool = True
    """Interpolate the unigrams with the uniform distribution, so that no word has probability zero. Without it the
    unigrams are the plain continuation frequencies."""
    max_tokens: int = 512
    """Length at which documents drawn from the model are cut."""

    def __post_init__(self) -> None:
        faults = []
        if not 1 <= self.order <= _MAX_ORDER:
            faults.append(f"order = {self.order}: allowed are 1 to {_MAX_ORDER}")
        given = self.discount if isinstance(self.discount, tuple) else (self.discount,)
        if isinstance(self.discount, tuple) and len(self.discount) != self.order:
            faults.append(f"discount = {self.discount}: give one number, or {self.order} (one per length of n-gram)")
        if not all(0 <= discount <= 1 for discount in given):
            faults.append(f"discount = {self.discount}: allowed are numbers from 0 to 1")
        if self.max_tokens < 1:
            faults.append(f"max_tokens = {self.max_tokens}: allowed are 1 and more")
        if faults:
            raise ConfigError(faults, "the n-gram learner")

    def fit(self, samples: pa.Table, rng: np.random.Generator) -> NgramModel:  # noqa: ARG002  (nothing is random here)
        """Return the model of the documents in ``samples``.

        Args:
            samples: a table with a ``tokens`` column of this vocabulary, or a ``text`` column.
            rng: not used; the counts are the model.

        Raises:
            NotEnoughData: the table has no rows.
        """
        tokens, offsets = token_arrays(samples, self.vocabulary)
        if len(offsets) == 1:
            raise NotEnoughData("An n-gram model cannot be fitted to 0 documents. Give at least one.")
        beginning = len(self.vocabulary)
        stream = _mark_documents(tokens, offsets, beginning)
        word_counts = np.bincount(stream, minlength=beginning + 1)[:beginning]
        trie = _build(stream, beginning, self.order, self._discounts())
        return NgramModel(self.vocabulary, self.order, self.max_tokens, word_counts, trie)

    def _discounts(self) -> NDArray[np.float64]:
        given = self.discount if isinstance(self.discount, tuple) else (self.discount,) * self.order
        discounts = np.array(given, dtype=np.float64)
        if not self.uniform:
            # Nothing lies below the unigrams that could take up what a discount sets free.
            discounts[0] = 0.0
        return discounts


def _build(stream: NDArray[np.int32], beginning: int, order: int, discounts: NDArray[np.float64]) -> _Trie:
    """Return the trie of a stream of documents, each of which begins with the symbol ``beginning``."""
    by_word = positions_by_token(stream, beginning + 1)
    node_of = np.zeros(len(stream), dtype=np.int32)  # node, within its level, of the n-gram that ends at each position
    words = [np.array([beginning], dtype=np.int32)]
    suffixes = [np.zeros(1, dtype=np.int32)]
    children = []
    raw_counts = np.zeros(1, dtype=np.int64)
    start = 0
    for _ in range(order):
        start = int(node_of[0])  # the stream begins with a beginning of a document
        word, suffix, raw_counts, child, node_of = _refine(stream, by_word, node_of, len(words[-1]), beginning)
        words.append(word)
        suffixes.append(suffix)
        children.append(child)
    sizes = [len(word) for word in words]
    level_starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    counts = [np.zeros(1, dtype=np.int64)]  # the root is no n-gram
    for level in range(1, order):
        left_neighbours = suffixes[level + 1][words[level + 1] != beginning]
        counts.append(np.bincount(left_neighbours, minlength=sizes[level]))
    counts.append(raw_counts)
    running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(counts))])

    # Links from level to level become links within the whole trie.
    links = [suffixes[0], *(suffixes[level] + np.int32(level_starts[level - 1]) for level in range(1, order + 1))]
    first_children = [children[level][:-1] + np.int32(level_starts[level + 1]) for level in range(order)]
    unigram = np.full(beginning + 1, -1, dtype=np.int32)
    unigram[words[1]] = np.arange(sizes[1]) + level_starts[1]
    trie = _Trie(
        word=np.concatenate(words),
        suffix=np.concatenate(links),
        first_child=np.concatenate([*first_children, level_starts[-1:].astype(np.int32)]),
        counts=running,
        probability=np.zeros(level_starts[-1]),
        backoff=np.ones(level_starts[-2]),
        discounts=discounts,
        level_starts=level_starts,
        unigram=unigram,
        beginning=beginning,
        start=int(level_starts[order - 1]) + start,
    )
    _interpolate(trie)
    return trie


# Numba infers the types of the kernels' arguments, so they carry no annotations. The functions called for every token
# take the arrays one by one: handing them the trie costs a reference count per array and call, and half the speed.
# ruff: noqa: ANN001, ANN202


@nb.njit(cache=True, nogil=True)
def _mark_documents(tokens, offsets, beginning):  # type: ignore[no-untyped-def]
    """Return the documents one after the other, each between the symbol ``beginning`` and the end token.

    One such symbol is enough: what stands before it counts as an endless row of them.
    """
    count = len(offsets) - 1
    stream = np.empty(len(tokens) + 2 * count, dtype=np.int32)
    at = 0
    for row in range(count):
        stream[at] = beginning
        at += 1
        for position in range(offsets[row], offsets[row + 1]):
            stream[at] = tokens[position]
            at += 1
        stream[at] = END
        at += 1
    return stream


@nb.njit(cache=True, nogil=True)
def _refine(stream, by_word, shorter, n_shorter, beginning):  # type: ignore[no-untyped-def]
    """Return the next level of the trie: words, suffixes, raw counts, first children and the node of each position.

    ``shorter`` holds the node, on the level above, of the n-gram that ends at each position. A stable counting sort of
    the word-sorted positions by parent brings equal n-grams together: linear time per level.
    """
    length = len(stream)
    starts = np.zeros(n_shorter + 1, dtype=np.int64)
    for position in range(length):
        parent = shorter[position] if stream[position] == beginning else shorter[position - 1]
        starts[parent + 1] += 1
    for parent in range(n_shorter):
        starts[parent + 1] += starts[parent]
    by_node = np.empty(length, dtype=np.int32)
    for position in by_word:
        parent = shorter[position] if stream[position] == beginning else shorter[position - 1]
        by_node[starts[parent]] = position
        starts[parent] += 1

    node_of = np.empty(length, dtype=np.int32)
    words = np.empty(length, dtype=np.int32)
    suffix = np.empty(length, dtype=np.int32)
    count = np.zeros(length, dtype=np.int64)
    first_child = np.zeros(n_shorter + 1, dtype=np.int32)
    node = -1
    last_parent = -1
    for occurrence in by_node:
        symbol = stream[occurrence]
        parent = shorter[occurrence] if symbol == beginning else shorter[occurrence - 1]
        if parent != last_parent or symbol != words[node]:
            node += 1
            words[node] = symbol
            suffix[node] = shorter[occurrence]
            first_child[parent + 1] += 1
            last_parent = parent
        if symbol != beginning:
            count[node] += 1
        node_of[occurrence] = node
    for parent in range(n_shorter):
        first_child[parent + 1] += first_child[parent]
    nodes = node + 1
    return words[:nodes].copy(), suffix[:nodes].copy(), count[:nodes].copy(), first_child, node_of


@nb.njit(cache=True, nogil=True)
def _children(context, word, first_child, beginning):  # type: ignore[no-untyped-def]
    """Return the range of nodes that can follow a context: its children without the beginning of a document."""
    first = first_child[context]
    last = first_child[context + 1]
    if last > first and word[last - 1] == beginning:
        last -= 1
    return first, last


@nb.njit(cache=True, nogil=True)
def _interpolate(trie):  # type: ignore[no-untyped-def]
    """Fill in the interpolated probability of every n-gram and the backoff share of every context."""
    level = 0
    for context in range(len(trie.backoff)):
        while context >= trie.level_starts[level + 1]:
            level += 1
        first, last = _children(context, trie.word, trie.first_child, trie.beginning)
        if first == last:
            continue
        total = trie.counts[last] - trie.counts[first]
        trie.backoff[context] = trie.discounts[level] * (last - first) / total
        for node in range(first, last):
            shorter = 1 / trie.beginning if level == 0 else trie.probability[trie.suffix[node]]
            discounted = trie.counts[node + 1] - trie.counts[node] - trie.discounts[level]
            trie.probability[node] = discounted / total + trie.backoff[context] * shorter


@nb.njit(cache=True, nogil=True)
def _find(context, symbol, word, first_child, unigram):  # type: ignore[no-untyped-def]
    """Return the child of a context for a word, or -1."""
    if context == _ROOT:
        return unigram[symbol]
    low = first_child[context]
    end = first_child[context + 1]
    high = end
    while low < high:
        middle = (low + high) >> 1
        if word[middle] < symbol:
            low = middle + 1
        else:
            high = middle
    return low if low < end and word[low] == symbol else -1


@nb.njit(cache=True, nogil=True)
def _read(context, symbol, word, suffix, first_child, backoff, unigram):  # type: ignore[no-untyped-def]
    """Return the longest known n-gram of context and word (-1: none), the share backed off and the next context."""
    share = 1.0
    while True:
        node = _find(context, symbol, word, first_child, unigram)
        if node >= 0:
            return node, share, suffix[node] if node >= len(backoff) else node
        share *= backoff[context]
        if context == _ROOT:
            return node, share, _ROOT
        context = suffix[context]


@nb.njit(cache=True, nogil=True)
def _walk(tokens, trie):  # type: ignore[no-untyped-def]
    """Return the context after reading tokens from the beginning of a document."""
    context = trie.start
    for token in tokens:
        _, _, context = _read(context, token, trie.word, trie.suffix, trie.first_child, trie.backoff, trie.unigram)
    return context


@nb.njit(cache=True, nogil=True)
def _score(tokens, offsets, trie):  # type: ignore[no-untyped-def]
    """Return the nats of each document with its end token."""
    word, suffix, first_child, backoff, unigram = trie.word, trie.suffix, trie.first_child, trie.backoff, trie.unigram
    probability = trie.probability
    nats = np.zeros(len(offsets) - 1)
    for row in range(len(offsets) - 1):
        context = trie.start
        total = 0.0
        for position in range(offsets[row], offsets[row + 1] + 1):
            token = tokens[position] if position < offsets[row + 1] else END
            node, share, context = _read(context, token, word, suffix, first_child, backoff, unigram)
            total -= np.log(share * (probability[node] if node >= 0 else 1 / trie.beginning))
        nats[row] = total
    return nats


@nb.njit(cache=True, nogil=True)
def _draw_word(rng, context, word, suffix, first_child, counts, backoff, discounts, level_starts, beginning):  # type: ignore[no-untyped-def]
    """Return a word from exactly the distribution ``_score`` uses: by the counts of the context, or backed off.

    The second value is the word's node where the full context knows the word, and -1 where that remains to be found.
    """
    level = 0
    while context >= level_starts[level + 1]:
        level += 1
    backed_off = False
    while True:
        first, last = _children(context, word, first_child, beginning)
        uniform = rng.random()
        if first < last and uniform < 1 - backoff[context]:
            # The child whose share of the running discounted counts covers the draw.
            target = uniform * (counts[last] - counts[first])
            low, high = first, last
            while high - low > 1:
                middle = (low + high) >> 1
                if counts[middle] - counts[first] - discounts[level] * (middle - first) <= target:
                    low = middle
                else:
                    high = middle
            return word[low], -1 if backed_off else low
        if context == _ROOT:
            return int(rng.random() * beginning), -1
        context = suffix[context]
        level -= 1
        backed_off = True


@nb.njit(cache=True, nogil=True)
def _generate(rng, out, lengths, n_tokens, max_tokens, trie):  # type: ignore[no-untyped-def]
    """Fill ``out`` and ``lengths`` with documents and return how many documents and tokens they hold.

    Stops at ``len(lengths)`` documents, at ``n_tokens`` tokens (ends included), or where another document might not
    fit.
    """
    word, suffix, first_child, backoff, unigram = trie.word, trie.suffix, trie.first_child, trie.backoff, trie.unigram
    counts, discounts, level_starts, beginning = trie.counts, trie.discounts, trie.level_starts, trie.beginning
    at = 0
    document = 0
    while document < len(lengths) and at + document < n_tokens and at + max_tokens <= len(out):
        context = trie.start
        begin = at
        while at - begin < max_tokens:
            token, node = _draw_word(
                rng, context, word, suffix, first_child, counts, backoff, discounts, level_starts, beginning
            )
            if token == END:
                break
            out[at] = token
            at += 1
            if node < 0:
                _, _, context = _read(context, token, word, suffix, first_child, backoff, unigram)
            else:
                context = suffix[node] if node >= len(backoff) else node
        lengths[document] = at - begin
        document += 1
    return document, at
