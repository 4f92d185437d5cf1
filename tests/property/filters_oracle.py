"""The rules of Gopher, FineWeb and C4 once more, in plain Python from their description, to compare kernels with.

Nothing of the kernels is used: texts are strings, words come from the word rules chunk by chunk.
"""

import re
from collections import Counter
from unicodedata import category

from headwater.text.english import english_tokens
from headwater.text.punctuation import ENDERS, PUNCTUATION, TERMINAL

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
CITATIONS = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
POLICIES = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
)  # fmt: skip


def words_of(text: str) -> list[str]:
    return [token for chunk in text.split() for token in english_tokens(chunk)]


def repeats(parts: list[str]) -> tuple[int, int]:
    seen = Counter(parts)
    return len(parts) - len(seen), sum((count - 1) * len(part) for part, count in seen.items())


def most_frequent(words: list[str], n: int) -> int:
    grams = [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]
    if not grams:
        return 0
    counts = Counter(grams)
    most = max(counts.values())
    return most * len(next(gram for gram in grams if counts[gram] == most))


def duplicated(words: list[str], n: int) -> int:
    seen, total, i = set(), 0, 0
    while i + n <= len(words):
        joined = "".join(words[i : i + n])
        if joined in seen:
            total += len(joined)
            i += n
        else:
            seen.add(joined)
            i += 1
    return total


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def repetition(text: str) -> dict[str, float | None]:
    paragraphs, lines, words = re.split("\n{2,}", text.strip()), re.split("\n+", text) if text else [], words_of(text)
    repeated_paragraphs, paragraph_characters = repeats(paragraphs)
    repeated_lines, line_characters = repeats(lines)
    size = len(text)
    return {
        "characters": size,
        "repeated_paragraph_share": share(repeated_paragraphs, len(paragraphs)),
        "repeated_paragraph_character_share": share(paragraph_characters, size),
        "repeated_line_share": share(repeated_lines, len(lines)),
        "repeated_line_character_share": share(line_characters, size),
        **{f"frequent_{n}_gram_share": share(most_frequent(words, n), size) for n in (2, 3, 4)},
        **{f"repeated_{n}_gram_share": share(duplicated(words, n), size) for n in range(5, 11)},
    }


def quality(text: str) -> dict[str, float | None]:
    tokens = words_of(text)
    words = [token for token in tokens if not set(token) <= PUNCTUATION | TERMINAL]
    lines = text.splitlines()
    return {
        "word_tokens": len(tokens),
        "words": len(words),
        "mean_word_length": share(sum(map(len, words)), len(words)),
        "hashes_per_token": share(text.count("#"), len(tokens)),
        "ellipses_per_token": share(text.count("...") + text.count("\u2026"), len(tokens)),
        "bullet_line_share": share(sum(line.lstrip()[:1] in {"\u2022", "-"} for line in lines), len(lines)),
        "ellipsis_line_share": share(
            sum(line.rstrip()[-3:] == "..." or line.rstrip()[-1:] == "\u2026" for line in lines), len(lines)
        ),
        "alphabetic_token_share": share(sum(any(map(str.isalpha, token)) for token in tokens), len(tokens)),
        "stop_words": len(STOP_WORDS & set(tokens)),
    }


def fineweb(text: str) -> dict[str, float | None]:
    lines = [line for line in text.split("\n") if line.strip()]
    return {
        "filled_lines": len(lines),
        "ended_line_share": share(sum(line[-1] in TERMINAL for line in lines), len(lines)),
        "short_line_share": share(sum(len(line) <= 30 for line in lines), len(lines)),
        "repeated_character_share": share(repeats(lines)[1], len(text.replace("\n", ""))),
        "line_feeds_per_token": share(text.count("\n"), len(words_of(text))),
    }


def sentences(line: str) -> int:
    """spaCy's rule-based splitter: tokens with white space that is more than one space between two others."""
    tokens: list[str] = []
    for run in re.finditer(r"\s+|\S+", line):
        if not run.group().isspace():
            tokens += english_tokens(run.group())
        elif run.start() == 0 or run.group() != " ":
            tokens.append(run.group())
    count, ended = 1, False
    for token in tokens:
        if token in ENDERS:
            ended = True
        elif ended and not all(category(character)[0] == "P" for character in token):
            count += 1
            ended = False
    return count


def c4(text: str, *, require_end: bool = True, min_words: int = 3, longest: int = 1000) -> tuple[str, dict[str, int]]:
    found: Counter[str] = Counter()
    kept = []
    for raw in text.splitlines():
        words = raw.split()
        if not words:
            continue
        line = CITATIONS.sub("", raw.strip())
        lower = line.lower()
        if max(map(len, words)) > longest:
            found["long_word_lines"] += 1
            continue
        if require_end and (not line.endswith((".", "?", "!", '"', "'")) or line.endswith("...")):
            found["unended_lines"] += 1
            continue
        if len(words) < min_words:
            found["few_word_lines"] += 1
            continue
        found["lorem_ipsum_lines"] += "lorem ipsum" in lower
        if "javascript" in lower:
            found["javascript_lines"] += 1
            continue
        found["curly_bracket_lines"] += "{" in line
        if any(policy in lower for policy in POLICIES):
            found["policy_lines"] += 1
            continue
        found["sentences"] += sentences(line)
        found["citation_marks"] += len(CITATIONS.findall(raw.strip()))
        found["kept_lines"] += 1
        kept.append(line)
    longest_lines = sorted(map(len, text.split("\n")), reverse=True)
    found["third_longest_line"] = longest_lines[2] if len(longest_lines) > 2 else 0
    return "\n".join(kept).strip(), found
