"""Special cases of the English word rules: strings whose tokens are fixed, whatever the other rules say.

Facts of spaCy 3.8 (MIT licence; ``spacy/lang/en/tokenizer_exceptions.py`` and ``spacy/lang/tokenizer_exceptions.py``),
written as the rules behind them: which words contract with what, with and without the apostrophe, capitalised or not;
how an emoticon is put together.
"""

from collections.abc import Iterable, Iterator
from string import ascii_lowercase
from typing import Final

Tokens = tuple[str, ...]

_PRONOUNS = "i you he she it we they"
_QUESTIONS = "who what when where why how there"
# Which words contract, and with what; every ending is a sequence of tokens.
_CONTRACTIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("i", ("'m", "'m a")),
    (f"{_PRONOUNS} {_QUESTIONS} that this these those", ("'ll", "'ll 've", "'d", "'d 've")),
    (f"i you we they {_QUESTIONS} these those could might must should would not", ("'ve",)),
    (f"you we they {_QUESTIONS} these those", ("'re",)),
    (f"he she it {_QUESTIONS} that this", ("'s",)),
    ("ca could do does did had may might must need ought sha should wo would", ("n't", "n't 've")),
    ("ai are is was were have has dare", ("n't",)),
)
# What would be a contraction without its apostrophe and is a word of its own.
_WORDS = "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore"

# Divided otherwise, lower case and capitalised.
_DIVIDED = ("how 'd 'y", "can not", "gon na", "got ta", "let 's", "c'm on")
_DIVIDED_LOWER = ("y' all", "y all")
# Kept whole: with the apostrophe of a swallowed g, and without; lower case and capitalised.
_SWALLOWED = "doin goin nothin nuthin ol somethin lovin havin"
# Kept whole: lower case and capitalised.
_WHOLE_BOTH = "'cause 'cos 'coz 'cuz ma'am o'clock co."
_WHOLE = """
    em 'em ll 'll nuff 'nuff 'S 's ‘S ‘s 're 'd 'bout and/or w/o ' '' \\") <space> C++ \\t \\n ä. ö. ü.
    a.m. p.m. e.g. E.g. E.G. i.e. I.e. I.E. vs. v.s. Ph.D. D.C. N.C. N.D. N.H. N.J. N.M. N.Y. S.C.
"""
# Titles, firms, months and states: with a full stop.
_ABBREVIATED = """
    Adm Bros Corp Dr Gen Gov Inc Jr Ltd Md Messrs Mo Mont Mr Mrs Ms Prof Rep Rev Sen St Mt
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec
    Ak Ala Ariz Ark Calif Colo Conn Del Fla Ga Ia Id Ill Ind Kan Kans Ky La Mass Mich Minn Miss Neb Nebr Nev Okla Ore
    Pa Tenn Va Wash Wis
"""
_SPACES = (" ", "\t", "\n", "\u00a0")

# Emoticons: eyes, with a nose and without, and a mouth.
_MOUTHS = ") )) ))) ( (( ((( ] } / | P p O o 0 * 3 > X x D"
_FACES = """
    (: (-: (; (-; [: [-: ): )-: =) (= =] [= =( ]= =[ =/ =| =3 =D :1 :() :o) (o: 8) 8-) (-8 8D 8-D ;) ;-) ;D ;-D
    >:( >:o :') :'-) :'( :'-( xD XD xDD XDD
    ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V @_@ <3 <33 <333 </3
    (^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>
"""


def _both_cases(words: Iterable[str]) -> Iterator[str]:
    """Yield every word as it is and with its first letter in upper case."""
    for word in words:
        yield word
        first = next(i for i, letter in enumerate(word) if letter.isalpha())
        yield word[:first] + word[first].upper() + word[first + 1 :]


def _contractions() -> Iterator[Tokens]:
    words_of_their_own = _WORDS.split()
    for words, endings in _CONTRACTIONS:
        for word in _both_cases(words.split()):
            for ending in endings:
                for tokens in (ending.split(), ending.replace("'", "").split()):
                    if word + "".join(tokens) not in words_of_their_own:
                        yield (word, *tokens)


def _times() -> Iterator[Tokens]:
    for hour in range(1, 13):
        for half in ("am", "a.m.", "pm", "p.m."):
            yield (str(hour), half)


def _emoticons() -> Iterator[Tokens]:
    yield from ((eyes + mouth,) for eyes in (":", ":-") for mouth in _MOUTHS.split())
    # Two eyes with a mouth between them; a capital O never meets a zero.
    pairs = [(left, right) for eyes in ("oO", "o0") for left in eyes for right in eyes]
    yield from ((left + mouth + right,) for left, right in pairs for mouth in "._")
    yield from ((face,) for face in _FACES.split())


def _cases() -> Iterator[Tokens]:
    yield from _contractions()
    yield from (tuple(case.split()) for case in (*_both_cases(_DIVIDED), *_DIVIDED_LOWER))
    yield from _times()
    yield from ((form,) for word in _both_cases(_SWALLOWED.split()) for form in (word, word + "'"))
    yield from ((word,) for word in (*_both_cases(_WHOLE_BOTH.split()), *_WHOLE.split(), *_SPACES, "—"))
    yield from ((word + ".",) for word in (*_ABBREVIATED.split(), *ascii_lowercase))
    # A degree sign divides; as a suffix the rules would not see it.
    yield from (("°", scale, ".") for scale in "cfkCFK")
    yield from _emoticons()


def special_cases() -> dict[str, Tokens]:
    """Return the special cases: the tokens of each, by the string they make up.

    Whatever has a typewriter apostrophe is also there with the typographic one (U+2019).
    """
    cases = {"".join(tokens): tokens for tokens in _cases()}
    typographic = (tuple(token.replace("'", "’") for token in tokens) for tokens in cases.values())
    return cases | {"".join(tokens): tokens for tokens in typographic}
