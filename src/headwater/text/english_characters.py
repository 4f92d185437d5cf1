"""The characters and units that the English word rules speak of.

Facts of spaCy 3.8 (MIT licence; ``spacy/lang/char_classes.py``). The classes are fixed lists, older and smaller than
the Unicode properties they stand for: a letter of a script that is not listed is no letter to the rules, an emoji
of a later year no symbol. So the ranges are written down; only upper and lower case of the scripts that have them are
looked up, since the case of a letter that once has been assigned does not change.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from headwater.text.code_points import characters, pattern_class

# Latin with its extensions, Greek and Cyrillic.
_CASED = """
    0041-005A 0061-007A 00C0-00D6 00D8-00F6 00F8-01BF 01C4-02AF 0386 0388-038A 038C 038E-038F 0391-03A9 03AC-03AF
    03B1-03C9 03CC-03CE 0400-0401 0403-040A 040C-040D 0410-0451 0453-045A 045C-045D 0490-0491 0496-0497 04A2-04A3
    04AE-04AF 04BA-04BB 04D8-04D9 04E8-04E9 1D00-1D25 1D6B-1D77 1D79-1D9A 1E00-1EFF 2C60-2C7B 2C7E-2C7F A722-A76F
    A771-A787 A78B-A78E A790-A7B9 A7FA AB30-AB5A AB60-AB64 FF21-FF3A FF41-FF5A
"""

# Hebrew, Arabic, Indic scripts, Hangul, Ethiopic, Chinese, Japanese: whole blocks, their punctuation and digits too.
# To the rules these are upper and lower case at once.
_UNCASED = """
    0591-05F4 0620-064A 066E-06D5 06E5-06FF 0750-077F 08A0-08BD 0900-09FF 0B80-0CFF 0D80-0DFF 1100-137F 2E80-2FDF
    2FF0-30FF 31C0-31EF 3200-4DBF 4E00-9FFF AC00-D7AF F900-FAFF FB1D-FBB1 FBD3-FD3D FD50-FDC7 FDF0-FDFB FE30-FE4F
    FE70-FEFC 1EE00-1EEBB 1F200-1F2FF 20000-2A6DF 2A700-2EBEF 2F800-2FA1F
"""

# Symbols: category So as of Unicode 11.
_ICONS = """
    00A6 00A9 00AE 00B0 0482 058D-058E 060E-060F 06DE 06E9 06FD-06FE 07F6 09FA 0B70 0BF3-0BF8 0BFA 0C7F 0D4F 0D79
    0F01-0F03 0F13 0F15-0F17 0F1A-0F1F 0F34 0F36 0F38 0FBE-0FC5 0FC7-0FCC 0FCE-0FCF 0FD5-0FD8 109E-109F 1390-1399 1940
    19DE-19FF 1B61-1B6A 1B74-1B7C 2100-2101 2103-2106 2108-2109 2114 2116-2117 211E-2123 2125 2127 2129 212E 213A-213B
    214A 214C-214D 214F 218A-218B 2195-2199 219C-219F 21A1-21A2 21A4-21A5 21A7-21AD 21AF-21CD 21D0-21D1 21D3 21D5-21F3
    2300-2307 230C-231F 2322-2328 232B-237B 237D-239A 23B4-23DB 23E2-2426 2440-244A 249C-24E9 2500-25B6 25B8-25C0
    25C2-25F7 2600-266E 2670-2767 2794-27BF 2800-28FF 2B00-2B2F 2B45-2B46 2B4D-2B73 2B76-2B95 2B98-2BC8 2BCA-2BFE
    2CE5-2CEA 2E80-2E99 2E9B-2EF3 2F00-2FD5 2FF0-2FFB 3004 3012-3013 3020 3036-3037 303E-303F 3190-3191 3196-319F
    31C0-31E3 3200-321E 322A-3247 3250 3260-327F 328A-32B0 32C0-32FE 3300-33FF 4DC0-4DFF A490-A4C6 A828-A82B A836-A837
    A839 AA77-AA79 FDFD FFE4 FFE8 FFED-FFEE FFFC-FFFD 10137-1013F 10179-10189 1018C-1018E 10190-1019B 101A0 101D0-101FC
    10877-10878 10AC8 1173F 16B3C-16B3F 16B45 1BC9C 1D000-1D0F5 1D100-1D126 1D129-1D164 1D16A-1D16C 1D183-1D184
    1D18C-1D1A9 1D1AE-1D1E8 1D200-1D241 1D245 1D300-1D356 1D800-1D9FF 1DA37-1DA3A 1DA6D-1DA74 1DA76-1DA83 1DA85-1DA86
    1ECAC 1F000-1F02B 1F030-1F093 1F0A0-1F0AE 1F0B1-1F0BF 1F0C1-1F0CF 1F0D1-1F0F5 1F110-1F16B 1F170-1F1AC 1F1E6-1F202
    1F210-1F23B 1F240-1F248 1F250-1F251 1F260-1F265 1F300-1F3FA 1F400-1F6D4 1F6E0-1F6EC 1F6F0-1F6F9 1F700-1F773
    1F780-1F7D8 1F800-1F80B 1F810-1F847 1F850-1F859 1F860-1F887 1F890-1F8AD 1F900-1F90B 1F910-1F93E 1F940-1F970
    1F973-1F976 1F97A 1F97C-1F9A2 1F9B0-1F9B9 1F9C0-1F9C2 1F9D0-1F9FF 1FA60-1FA6D
"""

_CASED_LETTERS = sorted(characters(_CASED))
# Two oddities of the lists: the glottal stop (0294) counts as lower case, the unassigned 03A2 as upper case.
_LOWER_LETTERS = "".join(c for c in _CASED_LETTERS if unicodedata.category(c) == "Ll" or c == "\u0294")
_UPPER_LETTERS = "".join(c for c in _CASED_LETTERS if unicodedata.category(c) == "Lu" or c == "\u03a2")

DIGITS: Final = frozenset("0123456789")
"""The only digits the rules know."""
QUOTES: Final = characters("""
    0022 0027 002C 0060 00AB 00B4 00BB 2018-2019 201A 201C-201E 2329-232A 27E6-27E7 3008-3011 3014-3015 FF08-FF09
""")
"""Quotation marks and Eastern brackets; the comma stands among the low quotation marks of the list."""
MARKS: Final = characters("""
    0021 0023 0026 0028-002A 002C 003A-003C 003E-003F 005B 005D 005F 007B 007D 00A1 00B7 00BF 060C 061B 061F 066A 06D4
    0964 2026 3001-3002 FF01 FF0C FF1A-FF1B FF1F FF5E
""")
"""Punctuation."""
CURRENCIES: Final = characters("0024 00A3 00A5 0E3F 20A0-20BF FDFC")
"""Signs of currencies."""


_OTHER_UNITS = """
    ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa mbar T G M K %
    нм кг г мг м/с км/ч кПа Па мбар غرام جرام جم كغ ملغ كوب اكواب
"""


def _units() -> Iterator[str]:
    for metre, sizes in (("m", "kdcm"), ("м", "кдсм"), ("م", "كسم")):
        yield from (size + metre + power for size in ("", *sizes) for power in ("", "²", "³"))
    for byte, sizes in (("b", "mkgt"), ("B", "MKGT"), ("б", "КМГТкмг"), ("Б", "КМГТ")):
        yield from (size + byte for size in sizes)
    yield from _OTHER_UNITS.split()
    # The Russian terabyte is missing: in the list it has run together with the entry after it.
    yield "тбكم"


UNITS: Final = frozenset(_units())
"""Units of measure."""
ICONS: Final = characters(_ICONS)
"""Symbols, dingbats, the older emoji."""

LETTER: Final = pattern_class(_UNCASED + _CASED)
"""Letters, as the inside of a character class."""
LOWER: Final = pattern_class(_UNCASED) + _LOWER_LETTERS
"""Lower case and scripts without case, as the inside of a character class."""
UPPER: Final = pattern_class(_UNCASED) + _UPPER_LETTERS
"""Upper case and scripts without case, as the inside of a character class."""
ICON: Final = pattern_class(_ICONS)
"""Symbols, as the inside of a character class."""
QUOTE: Final = re.escape("".join(sorted(QUOTES)))
"""Quotation marks, as the inside of a character class."""
