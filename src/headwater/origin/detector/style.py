"""How a text is written, in about two hundred numbers that depend little on what it is about or how long it is.

Rates of function words and punctuation, the lengths of sentences and words and how they vary, variety and repetition
of words, how sentences begin, how clauses are joined, and slips of the pen: the measures of stylometry since Yule
(1944) and Mosteller and Wallace (1964), surveyed by Stamatatos (2009). Measures that grow with a text's length are
taken over a fixed number of words or as probabilities of pairs. A measure that a text is too short for is 0. All
values are finite for any text; they mean something for English prose.
"""

from collections.abc import Sequence
from functools import lru_cache

import numba as nb
import numpy as np
from numpy.typing import NDArray

from headwater.origin.detector.characters import APOSTROPHE, CLOSE, HYPHEN, OPEN, QUOTE
from headwater.origin.detector.normalise import Normalised, normalise
from headwater.origin.detector.tokens import Tokens, hash_table, lookup, tokenise

# --- words and marks that are looked up ---

_RATED = tuple(
    """
    the a an and or but nor so yet if because since although though while whereas unless until as than that which who
    whom whose what when where why how whether of in on at by to from with without within into onto upon over under
    above below between among through throughout during before after about against along across around behind beyond
    down up out off toward towards per like i me my we us our you your he him his she her they them their it its this
    these those there here one some any all each every both either other another such same many much more most few
    several own am is are was were be been being have has had having do does did can could may might must shall should
    will would not no never only just even also too very still already always often now then again ever rather quite
    well however therefore said
    """.split()
)
"""Words whose rates are measures of their own."""

_MARKS: dict[str, tuple[str, ...]] = {
    "full_stop": (".",),
    "comma": (",",),
    "semicolon": (";", ";;", ";;;"),
    "colon": (":",),
    "apostrophe": ("'", "''", "'''"),
    "quote": ('"', '""', '"""'),
    "opening_bracket": ("(",),
    "closing_bracket": (")",),
    "square_bracket": ("[", "]", "[[", "]]", "{", "}"),
    "hyphen": ("-", "--", "---"),
    "dash": ("—",),
    "exclamation": ("!",),
    "exclamations": ("!!", "!!!"),
    "question": ("?",),
    "questions": ("??", "???"),
    "ellipsis": ("..", "..."),
    "slash": ("/", "//", "///"),
    "percent": ("%",),
    "currency": ("$", "£", "€", "¥"),
    "ampersand": ("&", "@", "#"),
    "operator": ("+", "=", "<", ">", "^", "~", "==", "\\", "\\\\"),
}
"""Punctuation whose rates are measures, with its tokens."""

_CLASSES: dict[str, str] = {
    "article": "the a an",
    "first_person": "i me my mine myself i'm i've i'd i'll",
    "first_person_plural": "we us our ours ourselves we're we've we'll we'd",
    "second_person": "you your yours yourself yourselves you're you've you'll you'd",
    "third_person": "he him his himself she her hers herself he's she's he'd she'd",
    "third_person_plural": "they them their theirs themselves they're they've they'll they'd",
    "it": "it its itself it's it'll",
    "demonstrative": "this that these those",
    "be": "am is are was were be been being i'm it's you're they're we're that's there's he's she's",
    "have": "have has had having i've we've you've they've",
    "do": "do does did doing done don't doesn't didn't",
    "modal": "can could may might must shall should will would cannot can't couldn't won't wouldn't shouldn't i'll "
    "we'll",
    "negation": "not no never none nothing nobody nowhere neither nor cannot don't doesn't didn't isn't aren't wasn't "
    "weren't can't couldn't won't wouldn't shouldn't haven't hasn't hadn't ain't",
    "coordinator": "and or but nor so yet",
    "subordinator": "if because since although though while whereas unless until once when where whether as",
    "preposition": "of in on at by to from with without within into onto upon over under above below between among "
    "through throughout during before after about against along across around behind beyond toward towards via per "
    "despite across amid",
    "wh_word": "who whom whose which what when where why how",
    "quantifier": "some any all each every both either many much more most few several enough less fewer",
    "intensifier": "very too really quite extremely highly deeply truly incredibly particularly especially so pretty "
    "totally absolutely completely",
    "hedge": "perhaps maybe probably possibly seem seems seemed appear appears likely often sometimes generally "
    "typically usually somewhat may might could suggests suggest",
    "connective": "however moreover furthermore additionally consequently therefore thus hence nevertheless "
    "nonetheless overall meanwhile similarly likewise conversely ultimately finally lastly firstly secondly "
    "specifically notably importantly indeed instead otherwise accordingly subsequently",
    "time": "now then today yesterday tomorrow ago soon later recently currently already yet still once",
    "speech": "said says say saying told tell asked wrote writes says added according",
    "vague": "thing things stuff something anything everything lot lots kind sort bit way ways people",
    "informal": "gonna wanna gotta kinda yeah yes ok okay lol hey oh wow hi um uh dude guy guys kids im dont cant wont "
    "didnt doesnt isnt wasnt ive thats whats its alot u ur cuz cause tho till plz thanks stuff ain't y'all",
    "ornate": "crucial pivotal vital essential significant significantly comprehensive intricate nuanced multifaceted "
    "robust seamless seamlessly vibrant profound invaluable meticulous meticulously notable noteworthy remarkable "
    "diverse innovative enhance enhances enhanced enhancing foster fosters fostering leverage leveraging underscore "
    "underscores underscoring showcase showcases showcasing highlight highlights highlighting delve delves delving "
    "navigate navigating empower empowering unlock unveil unveils embark explore explores exploring ensure ensures "
    "ensuring facilitate facilitating utilize utilizing encompass encompasses realm landscape tapestry testament "
    "journey insights valuable ultimately paramount potential impact challenges opportunities aspects role approach "
    "additionally furthermore moreover",
    "the": "the",
    "and": "and",
    "to": "to",
    "of": "of",
    "that": "that",
    "by": "by",
    "in": "in",
    "for": "for",
    "with": "with",
    "not": "not",
    "only": "only",
    "such": "such",
    "as": "as",
    "well": "well",
    "there": "there",
    "i": "i",
    "who_which": "who which whom whose",
    "title": "mr mrs ms dr prof st rev gen capt sgt lt col hon gov sen rep messrs fig vs cf",
    "sentence_end": ". .. ... ! !! !!! ? ?? ???",
    "exclamation_end": "! !! !!!",
    "question_end": "? ?? ???",
    "comma_mark": ",",
    "stop_mark": ".",
    "closing": "\" ' ) ]",
    "opening": "\" ' ( [",
}
"""Classes of words; those up to ``ornate`` are measured as rates, the others serve the measures of clauses."""

_RATED_CLASSES = tuple(_CLASSES)[: tuple(_CLASSES).index("ornate") + 1]

_SUFFIXES = ("ing ly tion sion ment ed ness ity er est ive ous able ible al ful less ize ise ism ist ance ence ship "
             "ure ary s").split()  # fmt: skip

# --- names of the measures, group by group in the order of the columns ---

_WORD_NAMES = tuple(f"word_{word}" for word in _RATED)
_MARK_NAMES = tuple(f"mark_{name}" for name in (*_MARKS, "other"))
_CLASS_NAMES = tuple(f"class_{name}" for name in _RATED_CLASSES)
_SUFFIX_NAMES = tuple(f"suffix_{suffix}" for suffix in _SUFFIXES)
_KIND_NAMES = (
    "capitalised_inside", "upper", "mixed", "number", "foreign", "symbol", "link", "contraction", "possessive",
    "hyphenated",
)  # fmt: skip
_LENGTH_NAMES = (
    "word_length_mean", "word_length_sd", "word_length_skew", *(f"word_length_{size}" for size in range(1, 14)),
    "content_length_mean", "syllables_mean", "syllables_sd", "three_syllables", "vowels",
)  # fmt: skip
_SENTENCE_NAMES = (
    "sentence_mean", "sentence_sd", "sentence_variation", "sentence_skew", "sentence_q10", "sentence_q25",
    "sentence_median", "sentence_q75", "sentence_q90", "sentence_up_to_5", "sentence_up_to_10", "sentence_from_25",
    "sentence_from_40", "sentence_burstiness", "sentence_rhythm", "sentence_step", "commas_mean", "commas_sd",
    "no_comma", "ends_exclamation", "ends_question",
)  # fmt: skip
_VARIETY_NAMES = (
    "variety_25", "variety_50", "hapax_100", "repeat_words", "repeat_content", "repeat_function", "repeat_pairs",
    "repeat_triples", "repeated_pairs_100", "content_share", "content_run_mean", "content_run_sd",
)  # fmt: skip
_START_NAMES = tuple(
    f"start_{name}"
    for name in (
        "the", "article", "demonstrative", "first_person", "third_person", "it", "connective", "coordinator",
        "subordinator", "preposition", "in", "wh_word", "ing", "ly", "number", "quote", "lower", "comma_soon", "same",
    )
)  # fmt: skip
_CLAUSE_NAMES = (
    "comma_and", "comma_which", "comma_ing", "comma_coordinator", "comma_that", "triple", "such_as", "as_well_as",
    "not_only", "of_the", "to_be", "by_ing", "content_to", "content_and_content", "content_of", "it_is", "there_is",
    "relative", "article_small", "adverb_comma",
)  # fmt: skip
_SLIP_NAMES = (
    "small_i", "no_blank_after_comma", "no_blank_after_stop", "long_letters", "no_vowel", "doubled_word",
    "small_after_stop", "unclosed_quote", "unclosed_bracket",
)  # fmt: skip
_CHARACTER_NAMES = (
    "entropy", "conditional_entropy", *(f"letter_{chr(97 + k)}" for k in range(26)),
)  # fmt: skip

STYLE: tuple[str, ...] = (
    *_WORD_NAMES, *_MARK_NAMES, *_CLASS_NAMES, *_SUFFIX_NAMES, *_KIND_NAMES, *_LENGTH_NAMES, *_SENTENCE_NAMES,
    *_VARIETY_NAMES, *_START_NAMES, *_CLAUSE_NAMES, *_SLIP_NAMES, *_CHARACTER_NAMES,
)  # fmt: skip
"""Names of the measures, by column."""


def style(normalised: Normalised, tokens: Tokens) -> NDArray[np.float32]:
    """Return the measures of every text: shape (texts, len(STYLE)), all finite."""
    return _style(
        normalised.data,
        normalised.offsets,
        tokens.hashes,
        tokens.kinds,
        tokens.starts,
        tokens.lengths,
        tokens.offsets,
        *_tables(),
        len(STYLE),
    )


def warm() -> None:
    """Compile and cache every kernel from raw text to features by running it on two short texts."""
    from headwater.origin.detector.grams import GramSpec, gram_scores, hashed_counts

    normalised = normalise(["One e\u0301tude. Two, and more.", "!"])
    tokens = tokenise(normalised)
    style(normalised, tokens)
    spec = GramSpec(characters=(3,), shapes=(2,), bits=8)
    hashed_counts(normalised, tokens, spec)
    gram_scores(normalised, tokens, spec, np.zeros((spec.columns, 1), dtype=np.float32))


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """Return the table of known tokens and, by index in it: rated word or -1, mark or -1, bits of the classes."""
    classes = [set(words.split()) for words in _CLASSES.values()]
    marks = {token: place for place, tokens in enumerate(_MARKS.values()) for token in tokens}
    known = sorted({*_RATED, *marks}.union(*classes))
    rated = {word: place for place, word in enumerate(_RATED)}
    bits = [sum(1 << place for place, members in enumerate(classes) if word in members) for word in known]
    return (
        hash_table(known),
        np.array([rated.get(word, -1) for word in known]),
        np.array([marks.get(word, -1) for word in known]),
        np.array(bits, dtype=np.uint64),
    )


def _bit(name: str) -> np.uint64:
    return np.uint64(1 << tuple(_CLASSES).index(name))


def _bases(groups: Sequence[tuple[str, ...]]) -> list[int]:
    """Return the column at which each group begins."""
    return np.concatenate([[0], np.cumsum([len(group) for group in groups])])[:-1].tolist()


# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN202, E501, SIM110, SIM905

_ARTICLE, _FIRST, _WE = _bit("article"), _bit("first_person"), _bit("first_person_plural")
_HE, _THEY, _IT = _bit("third_person"), _bit("third_person_plural"), _bit("it")
_DEMONSTRATIVE, _BE, _COORDINATOR = _bit("demonstrative"), _bit("be"), _bit("coordinator")
_SUBORDINATOR, _PREPOSITION, _WH = _bit("subordinator"), _bit("preposition"), _bit("wh_word")
_CONNECTIVE = _bit("connective")
_THE, _AND, _TO, _OF, _THAT, _BY = (_bit(word) for word in ("the", "and", "to", "of", "that", "by"))
_IN, _NOT, _ONLY, _SUCH, _AS = (_bit(word) for word in ("in", "not", "only", "such", "as"))
_WELL, _I, _WHO_WHICH = _bit("well"), _bit("i"), _bit("who_which")
_SENTENCE_END, _COMMA, _STOP = _bit("sentence_end"), _bit("comma_mark"), _bit("stop_mark")
_EXCLAMATION, _QUESTION, _THERE = _bit("exclamation_end"), _bit("question_end"), _bit("there")
_CLOSING, _OPENING, _TITLE = _bit("closing"), _bit("opening"), _bit("title")
_RATED_BITS = len(_RATED_CLASSES)
_FUNCTION = np.uint64(
    sum(1 << place for place, name in enumerate(_CLASSES)
        if name in {"article", "first_person", "first_person_plural", "second_person", "third_person",
                    "third_person_plural", "it", "demonstrative", "be", "have", "do", "modal", "negation",
                    "coordinator", "subordinator", "preposition", "wh_word", "quantifier"})
)  # fmt: skip

(
    _WORD_BASE, _MARK_BASE, _CLASS_BASE, _SUFFIX_BASE, _KIND_BASE, _LENGTH_BASE, _SENTENCE_BASE, _VARIETY_BASE,
    _START_BASE, _CLAUSE_BASE, _SLIP_BASE, _CHARACTER_BASE,
) = _bases((
    _WORD_NAMES, _MARK_NAMES, _CLASS_NAMES, _SUFFIX_NAMES, _KIND_NAMES, _LENGTH_NAMES, _SENTENCE_NAMES, _VARIETY_NAMES,
    _START_NAMES, _CLAUSE_NAMES, _SLIP_NAMES, _CHARACTER_NAMES,
))  # fmt: skip
_OTHER_MARK = len(_MARKS)
_N_SUFFIXES = len(_SUFFIXES)
_SUFFIX_DATA = np.frombuffer("".join(_SUFFIXES).encode(), dtype=np.uint8)
_SUFFIX_STARTS = np.concatenate([[0], np.cumsum([len(suffix) for suffix in _SUFFIXES])])
_ING, _LY = _SUFFIXES.index("ing"), _SUFFIXES.index("ly")
_NONE = np.uint64(0)
_VOWELS = tuple(b"aeiouy")
_S, _E = b"se"


@nb.njit(cache=True, nogil=True)
def _has_suffix(data, end, length, suffix):  # type: ignore[no-untyped-def]
    """Return whether a word ends in the suffix after a stem of two letters at least."""
    a, b = _SUFFIX_STARTS[suffix], _SUFFIX_STARTS[suffix + 1]
    if b - a + 2 > length:
        return False
    for k in range(b - a):
        if data[end - (b - a) + k] | 32 != _SUFFIX_DATA[a + k]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _is_word(kind):  # type: ignore[no-untyped-def]
    return kind <= 3 or kind == 6


@nb.njit(cache=True, nogil=True)
def _moments(sum1, sum2, sum3, n):  # type: ignore[no-untyped-def]
    """Return mean, standard deviation and skewness from sums of powers."""
    if n == 0:
        return 0.0, 0.0, 0.0
    mean = sum1 / n
    variance = max(sum2 / n - mean * mean, 0.0)
    sd = np.sqrt(variance)
    if sd < 1e-9:
        return mean, 0.0, 0.0
    third = sum3 / n - 3 * mean * sum2 / n + 2 * mean**3
    return mean, sd, third / sd**3


@nb.njit(cache=True, nogil=True)
def _style(data, offsets, hashes, kinds, starts, lengths, token_offsets, table, rated, marks, bits, columns):  # type: ignore[no-untyped-def]
    """Fill one row per text, group by group; scratch arrays are shared by all texts."""
    count = len(offsets) - 1
    out = np.zeros((count, columns), dtype=np.float32)
    most = 1
    for row in range(count):
        most = max(most, token_offsets[row + 1] - token_offsets[row])
    index = np.empty(most + 2, dtype=np.int64)
    classes = np.zeros(most + 2, dtype=np.uint64)
    sizes = np.empty(most + 2, dtype=np.int64)
    ids = np.empty(most + 2, dtype=np.int64)
    tallies = np.zeros(most + 2, dtype=np.int64)
    sentences = np.empty(most + 2, dtype=np.int64)
    slots = 1024
    while slots < 2 * most:
        slots *= 2
    # Numbers given to hashes, valid where the stamp is that of the text and pass.
    keys = np.empty(slots, dtype=np.uint64)
    stamps = np.zeros(slots, dtype=np.int64)
    numbers = np.empty(slots, dtype=np.int64)
    letters = np.zeros(27, dtype=np.int64)
    pairs = np.zeros((27, 27), dtype=np.int64)
    for row in range(count):
        first, last = token_offsets[row], token_offsets[row + 1]
        n = last - first
        if n == 0:
            continue
        f = out[row]
        words = 0
        for k in range(n):
            t = first + k
            index[k] = lookup(table, hashes[t])
            classes[k] = bits[index[k]] if index[k] >= 0 else _NONE
            size = 0
            for p in range(starts[t], starts[t] + lengths[t]):
                size += data[p] & 0xC0 != 0x80
            sizes[k] = size
            words += _is_word(kinds[t])
        classes[n] = _NONE
        index[n] = -1
        n_sentences = _split_sentences(kinds[first:last], sizes, classes, n, sentences)
        per_word = 1.0 / max(words, 1)
        _rates(
            f, data, kinds, starts, lengths, first, n, index, classes, rated, marks, sentences, n_sentences, per_word
        )
        _word_lengths(f, data, kinds, starts, lengths, first, n, sizes, classes, per_word)
        _sentence_lengths(f, kinds, first, classes, sentences, n_sentences)
        _variety(f, hashes, kinds, first, n, classes, ids, tallies, keys, stamps, numbers, row)
        _sentence_starts(f, data, hashes, kinds, starts, lengths, first, classes, sentences, n_sentences)
        _clauses(f, data, kinds, starts, lengths, first, n, classes, per_word)
        _slips(f, data, hashes, kinds, starts, lengths, first, n, classes, sizes, offsets[row + 1], per_word)
        _characters(f, data, offsets[row], offsets[row + 1], letters, pairs)
    return out


@nb.njit(cache=True, nogil=True)
def _split_sentences(kinds, sizes, classes, n, sentences):  # type: ignore[no-untyped-def]
    """Write where each sentence begins and, last, where the last one ends; return the number of sentences.

    A full stop ends a sentence unless a small word follows or an initial or a title ("Dr.") comes before it. A rest without an end mark
    (a text is cut somewhere) counts only if there is nothing else.
    """
    count = 0
    sentences[0] = 0
    k = 0
    while k < n:
        if classes[k] & _SENTENCE_END:
            j = k + 1
            while j < n and classes[j] & _CLOSING and not (j + 1 < n and kinds[j + 1] == 1 and j > k + 1):
                j += 1
            initial = k > 0 and sizes[k - 1] == 1 and kinds[k - 1] == 1 and not classes[k - 1] & _I
            initial |= k > 0 and classes[k - 1] & _TITLE != 0
            initial &= classes[k] & _STOP != 0
            inside = j < n and ((kinds[j] == 0 and classes[k] & _STOP and j == k + 1) or classes[j] & _COMMA)
            if not inside and not (initial and j < n):
                count += 1
                sentences[count] = j
                k = j
                continue
        k += 1
    if count == 0:
        count = 1
        sentences[1] = n
    return count


@nb.njit(cache=True, nogil=True)
def _rates(f, data, kinds, starts, lengths, first, n, index, classes, rated, marks, sentences, n_sentences, per_word):  # type: ignore[no-untyped-def]
    """Rates per word of single words, marks, classes, suffixes and forms of words."""
    sentence = 0
    for k in range(n):
        t = first + k
        kind = kinds[t]
        known = index[k]
        while sentence < n_sentences and k > sentences[sentence]:
            sentence += 1
        starting = sentence <= n_sentences and k == sentences[sentence]
        if known >= 0:
            if rated[known] >= 0:
                f[_WORD_BASE + rated[known]] += per_word
            held = classes[k]
            for place in range(_RATED_BITS):
                if held & (np.uint64(1) << np.uint64(place)):
                    f[_CLASS_BASE + place] += per_word
        if kind == 5:
            place = marks[known] if known >= 0 else -1
            f[_MARK_BASE + (place if place >= 0 else _OTHER_MARK)] += per_word
            if data[starts[t]] == HYPHEN and 0 < k < n - 1 and starts[t - 1] + lengths[t - 1] == starts[t]:
                f[_KIND_BASE + 9] += per_word
        elif kind <= 3:
            end = starts[t] + lengths[t]
            if not classes[k] & _FUNCTION:
                for suffix in range(_N_SUFFIXES):
                    if _has_suffix(data, end, lengths[t], suffix):
                        f[_SUFFIX_BASE + suffix] += per_word
            if kind == 1 and not starting and not classes[k] & _FIRST:
                f[_KIND_BASE] += per_word
            elif kind == 2:
                f[_KIND_BASE + 1] += per_word
            elif kind == 3:
                f[_KIND_BASE + 2] += per_word
            for p in range(max(starts[t] + 1, end - 4), end - 1):
                if data[p] == APOSTROPHE:
                    possessive = p == end - 2 and data[end - 1] == _S
                    f[_KIND_BASE + (8 if possessive else 7)] += per_word
        elif kind == 4:
            f[_KIND_BASE + 3] += per_word
        elif kind == 6:
            f[_KIND_BASE + 4] += per_word
        elif kind == 7:
            f[_KIND_BASE + 5] += per_word
        else:
            f[_KIND_BASE + 6] += per_word


@nb.njit(cache=True, nogil=True)
def _vowel(c):  # type: ignore[no-untyped-def]
    c |= 32
    return c in _VOWELS


@nb.njit(cache=True, nogil=True)
def _word_lengths(f, data, kinds, starts, lengths, first, n, sizes, classes, per_word):  # type: ignore[no-untyped-def]
    """Length of words in characters and, by groups of vowels, in syllables."""
    sum1 = sum2 = sum3 = content = syllable1 = syllable2 = 0.0
    words = content_words = vowels = characters = 0
    for k in range(n):
        t = first + k
        if not _is_word(kinds[t]):
            continue
        words += 1
        size = float(min(sizes[k], 40))
        sum1 += size
        sum2 += size * size
        sum3 += size**3
        f[_LENGTH_BASE + 2 + min(max(sizes[k], 1), 13)] += per_word
        if not classes[k] & _FUNCTION:
            content += size
            content_words += 1
        syllables = 0
        before = False
        for p in range(starts[t], starts[t] + lengths[t]):
            vowel = data[p] < 128 and _vowel(data[p])
            vowels += vowel
            syllables += vowel and not before
            before = vowel
        characters += sizes[k]
        # A silent e at the end.
        if syllables > 1 and data[starts[t] + lengths[t] - 1] | 32 == _E:
            syllables -= 1
        syllables = min(max(syllables, 1), 12)
        syllable1 += syllables
        syllable2 += syllables * syllables
        if syllables >= 3:
            f[_LENGTH_BASE + 19] += per_word
    f[_LENGTH_BASE], f[_LENGTH_BASE + 1], f[_LENGTH_BASE + 2] = _moments(sum1, sum2, sum3, words)
    f[_LENGTH_BASE + 16] = content / max(content_words, 1)
    mean, sd, _ = _moments(syllable1, syllable2, 0.0, words)
    f[_LENGTH_BASE + 17] = mean
    f[_LENGTH_BASE + 18] = sd
    f[_LENGTH_BASE + 20] = vowels / max(characters, 1)


@nb.njit(cache=True, nogil=True)
def _quantile(ordered, share):  # type: ignore[no-untyped-def]
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@nb.njit(cache=True, nogil=True)
def _sentence_lengths(f, kinds, first, classes, sentences, count):  # type: ignore[no-untyped-def]
    """Length of sentences in words, how it varies and goes on from one to the next; commas in them."""
    spans = np.empty(count, dtype=np.float64)
    sum1 = sum2 = sum3 = comma1 = comma2 = 0.0
    for s in range(count):
        words = commas = 0
        for k in range(sentences[s], sentences[s + 1]):
            words += _is_word(kinds[first + k]) or kinds[first + k] == 4
            commas += classes[k] & _COMMA != 0
        span = float(min(words, 100))
        spans[s] = span
        sum1 += span
        sum2 += span * span
        sum3 += span**3
        comma1 += commas
        comma2 += commas * commas
        f[_SENTENCE_BASE + 9] += (span <= 5) / count
        f[_SENTENCE_BASE + 10] += (span <= 10) / count
        f[_SENTENCE_BASE + 11] += (span >= 25) / count
        f[_SENTENCE_BASE + 12] += (span >= 40) / count
        f[_SENTENCE_BASE + 18] += (commas == 0) / count
        ending = _NONE
        for k in range(max(sentences[s], sentences[s + 1] - 3), sentences[s + 1]):
            ending |= classes[k]
        f[_SENTENCE_BASE + 19] += (ending & _EXCLAMATION != 0) / count
        f[_SENTENCE_BASE + 20] += (ending & _QUESTION != 0) / count
    mean, sd, skew = _moments(sum1, sum2, sum3, count)
    if count > 1:
        sd *= np.sqrt(count / (count - 1))  # unbiased variance: few sentences must not look even
    f[_SENTENCE_BASE] = mean
    f[_SENTENCE_BASE + 1] = sd
    f[_SENTENCE_BASE + 2] = sd / max(mean, 1.0)
    f[_SENTENCE_BASE + 3] = skew if count > 2 else 0.0
    if count > 2 and mean > 0:
        f[_SENTENCE_BASE + 13] = (sd - mean) / (sd + mean)
        step = rhythm = 0.0
        for s in range(count - 1):
            step += abs(spans[s + 1] - spans[s])
            rhythm += (spans[s + 1] - mean) * (spans[s] - mean)
        f[_SENTENCE_BASE + 14] = rhythm / ((count - 1) * sd * sd) if sd > 0 else 0.0
        f[_SENTENCE_BASE + 15] = step / (count - 1) / mean
    mean, sd, _ = _moments(comma1, comma2, 0.0, count)
    f[_SENTENCE_BASE + 16] = mean
    f[_SENTENCE_BASE + 17] = sd
    spans.sort()
    f[_SENTENCE_BASE + 4] = _quantile(spans, 0.10)
    f[_SENTENCE_BASE + 5] = _quantile(spans, 0.25)
    f[_SENTENCE_BASE + 6] = _quantile(spans, 0.50)
    f[_SENTENCE_BASE + 7] = _quantile(spans, 0.75)
    f[_SENTENCE_BASE + 8] = _quantile(spans, 0.90)


@nb.njit(cache=True, nogil=True)
def _number_words(hashes, ids, keys, stamps, numbers, stamp):  # type: ignore[no-untyped-def]
    """Number the distinct hashes in order of appearance; return how many there are."""
    mask = np.uint64(len(keys) - 1)
    count = 0
    for k in range(len(hashes)):
        place = (hashes[k] ^ (hashes[k] >> np.uint64(29))) & mask
        while stamps[place] == stamp and keys[place] != hashes[k]:
            place = (place + np.uint64(1)) & mask
        if stamps[place] != stamp:
            stamps[place] = stamp
            keys[place] = hashes[k]
            numbers[place] = count
            count += 1
        ids[k] = numbers[place]
    return count


@nb.njit(cache=True, nogil=True)
def _moving_variety(ids, n, window, tallies):  # type: ignore[no-untyped-def]
    """Return the mean share of distinct words over all windows (MATTR, Covington and McFall 2010); leaves zeros."""
    window = min(window, n)
    distinct = 0
    total = 0.0
    for k in range(n):
        distinct += tallies[ids[k]] == 0
        tallies[ids[k]] += 1
        if k >= window:
            tallies[ids[k - window]] -= 1
            distinct -= tallies[ids[k - window]] == 0
        if k >= window - 1:
            total += distinct / window
    for k in range(n):
        tallies[ids[k]] = 0
    return total / (n - window + 1)


@nb.njit(cache=True, nogil=True)
def _pair_probability(ids, n, tallies):  # type: ignore[no-untyped-def]
    """Return the chance that two of the things are the same (Simpson 1949; Yule's K but for a factor); leaves zeros.

    The sum of f (f - 1) / (n (n - 1)) does not depend on n in expectation.
    """
    same = 0
    for k in range(n):
        same += 2 * tallies[ids[k]]
        tallies[ids[k]] += 1
    for k in range(n):
        tallies[ids[k]] = 0
    return same / (n * (n - 1.0)) if n > 1 else 0.0


@nb.njit(cache=True, nogil=True)
def _variety(f, hashes, kinds, first, n, classes, ids, tallies, keys, stamps, numbers, row):  # type: ignore[no-untyped-def]
    """How many different words are used, how often things are said again, how content and function words alternate."""
    all_words = np.empty(n, dtype=np.uint64)
    content = np.empty(n, dtype=np.uint64)
    function = np.empty(n, dtype=np.uint64)
    words = content_words = function_words = 0
    run = runs = 0
    run1 = run2 = 0.0
    for k in range(n):
        if not _is_word(kinds[first + k]):
            continue
        value = hashes[first + k]
        all_words[words] = value
        words += 1
        if classes[k] & _FUNCTION:
            function[function_words] = value
            function_words += 1
            if run:
                runs += 1
                run1 += run
                run2 += run * run
            run = 0
        else:
            content[content_words] = value
            content_words += 1
            run = min(run + 1, 50)
    if words == 0:
        return
    stamp = 5 * row + 1
    _number_words(all_words[:words], ids, keys, stamps, numbers, stamp)
    f[_VARIETY_BASE] = _moving_variety(ids, words, 25, tallies)
    f[_VARIETY_BASE + 1] = _moving_variety(ids, words, 50, tallies)
    f[_VARIETY_BASE + 3] = 1000 * _pair_probability(ids, words, tallies)
    head = min(words, 100)
    once = 0
    for k in range(head):
        tallies[ids[k]] += 1
    for k in range(head):
        once += tallies[ids[k]] == 1
    for k in range(head):
        tallies[ids[k]] = 0
    f[_VARIETY_BASE + 2] = once / head
    _number_words(content[:content_words], ids, keys, stamps, numbers, stamp + 1)
    f[_VARIETY_BASE + 4] = 1000 * _pair_probability(ids, content_words, tallies)
    _number_words(function[:function_words], ids, keys, stamps, numbers, stamp + 2)
    f[_VARIETY_BASE + 5] = 1000 * _pair_probability(ids, function_words, tallies)
    alike = 0
    for k in range(words - 1):
        # Two words in a row are one thing, then three.
        content[k] = all_words[k] * np.uint64(0x9E3779B97F4A7C15) + all_words[k + 1]
        if k < words - 2:
            function[k] = content[k] * np.uint64(0x9E3779B97F4A7C15) + all_words[k + 2]
    if words > 1:
        _number_words(content[: words - 1], ids, keys, stamps, numbers, stamp + 3)
        f[_VARIETY_BASE + 6] = 1e5 * _pair_probability(ids, words - 1, tallies)
        head = min(words - 1, 100)
        for k in range(head):
            alike += tallies[ids[k]] > 0
            tallies[ids[k]] += 1
        for k in range(head):
            tallies[ids[k]] = 0
        f[_VARIETY_BASE + 8] = alike / head
    if words > 2:
        _number_words(function[: words - 2], ids, keys, stamps, numbers, stamp + 4)
        f[_VARIETY_BASE + 7] = 1e5 * _pair_probability(ids, words - 2, tallies)
    f[_VARIETY_BASE + 9] = content_words / words
    f[_VARIETY_BASE + 10], f[_VARIETY_BASE + 11], _ = _moments(run1, run2, 0.0, runs)


@nb.njit(cache=True, nogil=True)
def _sentence_starts(f, data, hashes, kinds, starts, lengths, first, classes, sentences, count):  # type: ignore[no-untyped-def]
    """Shares of sentences by how they begin."""
    openers = np.zeros(count, dtype=np.uint64)
    share = np.float32(1.0 / count)
    for s in range(count):
        k = sentences[s]
        stop = sentences[s + 1]
        if classes[k] & _OPENING and k < stop - 1:
            f[_START_BASE + 15] += share
            k += 1
        t = first + k
        held = classes[k]
        openers[s] = hashes[t]
        f[_START_BASE] += share * (held & _THE != 0)
        f[_START_BASE + 1] += share * (held & _ARTICLE != 0)
        f[_START_BASE + 2] += share * (held & _DEMONSTRATIVE != 0)
        f[_START_BASE + 3] += share * (held & (_FIRST | _WE) != 0)
        f[_START_BASE + 4] += share * (held & (_HE | _THEY) != 0)
        f[_START_BASE + 5] += share * (held & _IT != 0)
        f[_START_BASE + 6] += share * (held & _CONNECTIVE != 0)
        f[_START_BASE + 7] += share * (held & _COORDINATOR != 0)
        f[_START_BASE + 8] += share * (held & _SUBORDINATOR != 0)
        f[_START_BASE + 9] += share * (held & _PREPOSITION != 0)
        f[_START_BASE + 10] += share * (held & _IN != 0)
        f[_START_BASE + 11] += share * (held & _WH != 0)
        end = starts[t] + lengths[t]
        if kinds[t] <= 2:
            f[_START_BASE + 12] += share * _has_suffix(data, end, lengths[t], _ING)
            f[_START_BASE + 13] += share * _has_suffix(data, end, lengths[t], _LY)
        f[_START_BASE + 14] += share * (kinds[t] == 4)
        f[_START_BASE + 16] += share * (kinds[t] == 0)
        soon = False
        for j in range(k + 1, min(k + 7, stop)):
            soon |= classes[j] & _COMMA != 0
        f[_START_BASE + 17] += share * soon
    if count > 1:
        same = 0
        for s in range(min(count, 100)):
            for other in range(s):
                same += openers[s] == openers[other]
        pairs = min(count, 100) * (min(count, 100) - 1) / 2
        f[_START_BASE + 18] = same / pairs


@nb.njit(cache=True, nogil=True)
def _clauses(f, data, kinds, starts, lengths, first, n, classes, per_word):  # type: ignore[no-untyped-def]
    """Rates per word of short patterns that join words and clauses."""
    for k in range(n):
        held = classes[k]
        after = classes[k + 1]  # one entry beyond the text is always there
        t = first + k
        kind = kinds[t]
        if held & _COMMA and k + 1 < n:
            f[_CLAUSE_BASE] += per_word * (after & _AND != 0)
            f[_CLAUSE_BASE + 1] += per_word * (after & _WHO_WHICH != 0)
            f[_CLAUSE_BASE + 3] += per_word * (after & _COORDINATOR != 0)
            f[_CLAUSE_BASE + 4] += per_word * (after & _THAT != 0)
            if kinds[t + 1] == 0 and _has_suffix(data, starts[t + 1] + lengths[t + 1], lengths[t + 1], _ING):
                f[_CLAUSE_BASE + 2] += per_word
            if k >= 2 and k + 2 < n and classes[k - 2] & _COMMA and after & _COORDINATOR:
                f[_CLAUSE_BASE + 5] += per_word  # one, two, and three
            if k >= 1 and kinds[t - 1] <= 2 and _has_suffix(data, starts[t - 1] + lengths[t - 1], lengths[t - 1], _LY):
                f[_CLAUSE_BASE + 19] += per_word
        f[_CLAUSE_BASE + 6] += per_word * (held & _SUCH != 0 and after & _AS != 0)
        if held & _AS and after & _WELL and k + 2 < n and classes[k + 2] & _AS:
            f[_CLAUSE_BASE + 7] += per_word
        f[_CLAUSE_BASE + 8] += per_word * (held & _NOT != 0 and after & _ONLY != 0)
        f[_CLAUSE_BASE + 9] += per_word * (held & _OF != 0 and after & _THE != 0)
        f[_CLAUSE_BASE + 10] += per_word * (held & _TO != 0 and after & _BE != 0)
        if held & _BY and k + 1 < n and _has_suffix(data, starts[t + 1] + lengths[t + 1], lengths[t + 1], _ING):
            f[_CLAUSE_BASE + 11] += per_word
        content = kind <= 3 and not held & _FUNCTION
        f[_CLAUSE_BASE + 12] += per_word * (content and after & _TO != 0)
        f[_CLAUSE_BASE + 14] += per_word * (content and after & _OF != 0)
        if content and after & _AND and k + 2 < n and kinds[t + 2] <= 3 and not classes[k + 2] & _FUNCTION:
            f[_CLAUSE_BASE + 13] += per_word
        f[_CLAUSE_BASE + 15] += per_word * (held & _IT != 0 and after & _BE != 0)
        f[_CLAUSE_BASE + 16] += per_word * (held & _THERE != 0 and after & _BE != 0)
        f[_CLAUSE_BASE + 17] += per_word * (held & (_WHO_WHICH | _THAT) != 0)
        f[_CLAUSE_BASE + 18] += per_word * (held & _ARTICLE != 0 and k + 1 < n and kinds[t + 1] == 0)


@nb.njit(cache=True, nogil=True)
def _slips(f, data, hashes, kinds, starts, lengths, first, n, classes, sizes, end, per_word):  # type: ignore[no-untyped-def]
    """Rates per word of what careful writers avoid."""
    quotes = opened = closed = 0
    for k in range(n):
        t = first + k
        after = starts[t] + lengths[t]
        if classes[k] & _I and kinds[t] == 0:
            f[_SLIP_BASE] += per_word
        follows = after < end and (97 <= data[after] | 32 <= 122)
        if classes[k] & _COMMA and follows:
            f[_SLIP_BASE + 1] += per_word
        if classes[k] & _STOP:
            if follows and k > 0 and sizes[k - 1] > 2:
                f[_SLIP_BASE + 2] += per_word
            elif k + 1 < n and kinds[t + 1] == 0 and k > 0 and sizes[k - 1] > 3:
                f[_SLIP_BASE + 6] += per_word
        if kinds[t] == 5:
            c = data[starts[t]]
            quotes += c == QUOTE
            opened += c == OPEN
            closed += c == CLOSE
        elif kinds[t] <= 2:
            same = 1
            tripled = vowels = False
            for p in range(starts[t], after):
                c = data[p] | 32
                same = same + 1 if p > starts[t] and c == data[p - 1] | 32 else 1
                tripled |= same >= 3
                vowels |= _vowel(c) or data[p] >= 128
            f[_SLIP_BASE + 3] += per_word * tripled
            f[_SLIP_BASE + 4] += per_word * (not vowels and sizes[k] > 1 and kinds[t] != 2)
            if k > 0 and hashes[t] == hashes[t - 1]:
                f[_SLIP_BASE + 5] += per_word
    f[_SLIP_BASE + 7] = quotes % 2
    f[_SLIP_BASE + 8] = opened != closed


@nb.njit(cache=True, nogil=True)
def _characters(f, data, first, last, letters, pairs):  # type: ignore[no-untyped-def]
    """Frequencies of letters; entropies of letters and of a letter after another over the first 600 characters."""
    letters[:] = 0
    pairs[:, :] = 0
    total = 0
    before = 26
    for p in range(first, last):
        c = data[p] | 32
        letter = c - 97 if 97 <= c <= 122 and data[p] < 128 else 26
        letters[letter] += 1
        if total < 600:
            pairs[before, letter] += 1
            total += 1
        before = letter
    single = double = 0.0
    for a in range(27):
        sum_a = 0
        for b in range(27):
            sum_a += pairs[a, b]
            if pairs[a, b]:
                share = pairs[a, b] / total
                double -= share * np.log2(share)
        if sum_a:
            share = sum_a / total
            single -= share * np.log2(share)
    f[_CHARACTER_BASE] = single
    f[_CHARACTER_BASE + 1] = double - single
    all_letters = max(last - first - letters[26], 1)
    for a in range(26):
        f[_CHARACTER_BASE + 2 + a] = letters[a] / all_letters
