"""Made-up personal data in all the forms people write them, and what looks like it and is none.

Every example is a text and the place of the personal data in it. Nothing here belongs to anybody: numbers and names
are drawn at random, check digits computed.
"""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_NAMES = ("anna", "bruno", "chloe", "dmitri", "emre", "fatima", "george", "hana", "ivan", "jo", "karim", "li")
_HOSTS = ("mail", "kontakt", "uni-bonn", "firma", "company", "shop24", "my.office", "post")
_TOPS = ("de", "com", "org", "co.uk", "fr", "io", "com.br", "museum", "net")
_BEFORE = ("Write to ", "Contact: ", "- ", "(", "see ", "", "\u5730\u5740\uff1a", "Kontakt \u00bb ")
_AFTER = (".", ", please", ")", "\n", "", " or else", "; then")


@dataclass(frozen=True, slots=True)
class Example:
    """A text and where it has personal data."""

    text: str
    kind: str
    """Kind of the personal data, or what the text has instead."""
    begin: int = 0
    end: int = 0
    """Characters; the same if there is none."""


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _email(rng: random.Random) -> str:
    joined = rng.choice((".", "_", "-", "+", "")).join(rng.sample(_NAMES, rng.randint(1, 2)))
    return f"{joined}{rng.choice(('', '7', '1984'))}@{rng.choice(_HOSTS)}.{rng.choice(_TOPS)}"


def _ip(rng: random.Random) -> str:
    if rng.random() < 0.3:
        groups = [rng.choice(("2a00", "2606", "2003", "2a02"))] + [f"{rng.randrange(1, 65536):x}" for _ in range(7)]
        return rng.choice((":".join(groups), f"{groups[0]}:{groups[1]}::{groups[2]}"))
    return f"{rng.choice((23, 52, 81, 93, 151, 203))}." + ".".join(str(rng.randrange(1, 255)) for _ in range(3))


def _phone(rng: random.Random) -> str:
    forms = (
        lambda: f"+49 {rng.choice((30, 40, 69, 89))} {_digits(rng, 7)}",
        lambda: f"+49{rng.choice((151, 160, 171))}{_digits(rng, 8)}",
        lambda: f"+44 (0)20 7{_digits(rng, 3)} {_digits(rng, 4)}",
        lambda: f"+33 {rng.randint(1, 9)} " + " ".join(_digits(rng, 2) for _ in range(4)),
        lambda: f"+1 ({rng.randint(201, 989)}) {rng.randint(200, 999)}-{_digits(rng, 4)}",
        lambda: f"({rng.randint(201, 989)}) {rng.randint(200, 999)}-{_digits(rng, 4)}",
        lambda: f"{rng.randint(201, 989)}-{rng.randint(200, 999)}-{_digits(rng, 4)}",
        lambda: f"+86 13{_digits(rng, 1)} {_digits(rng, 4)} {_digits(rng, 4)}",
        lambda: f"+91-9{_digits(rng, 4)}-{_digits(rng, 5)}",
        lambda: f"tel: 0{_digits(rng, 3)} / {_digits(rng, 6)}",
        lambda: f"Fax 0{_digits(rng, 2)}-{_digits(rng, 7)}",
        lambda: f"0{_digits(rng, 3)} {_digits(rng, 6)}",  # nothing says that it is a phone's
    )
    return rng.choice(forms)()


def _card(rng: random.Random) -> str:
    beginning, size = rng.choice((("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("6011", 16)))
    body = beginning + _digits(rng, size - 1 - len(beginning))
    total = sum(int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(body)))
    whole = f"{body}{-total % 10}"
    groups = (4, 6, 5) if size == 15 else (4, 4, 4, 4)
    sign = rng.choice(("", " ", "-"))
    parts, at = [], 0
    for length in groups:
        parts.append(whole[at : at + length])
        at += length
    return sign.join(parts)


def _iban(rng: random.Random) -> str:
    country, size = rng.choice((("DE", 22), ("AT", 20), ("CH", 21), ("ES", 24), ("IT", 27), ("NL", 18), ("PL", 28)))
    account = _digits(rng, size - 4)
    value = int("".join(str(int(c, 36)) for c in f"{account}{country}00"))
    whole = f"{country}{98 - value % 97:02d}{account}"
    return rng.choice((whole, " ".join(whole[i : i + 4] for i in range(0, size, 4))))


def _social(rng: random.Random) -> str:
    return f"{rng.randint(1, 665):03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def _secret(rng: random.Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    def drawn(count: int, among: str = letters) -> str:
        return "".join(rng.choice(among) for _ in range(count))

    return rng.choice(
        (
            lambda: "AKIA" + drawn(16, letters[:26] + "234567"), lambda: "ghp_" + drawn(36), lambda: "hf_" + drawn(34),
            lambda: "AIza" + drawn(35), lambda: f"xoxb-{_digits(rng, 12)}-{drawn(24)}", lambda: "sk_live_" + drawn(24),
            lambda: f"eyJ{drawn(20)}.eyJ{drawn(40)}.{drawn(43)}", lambda: "glpat-" + drawn(20),
        )
    )()  # fmt: skip


FINDS: dict[str, Callable[[random.Random], str]] = {
    "emails": _email,
    "ip_addresses": _ip,
    "phone_numbers": _phone,
    "card_numbers": _card,
    "ibans": _iban,
    "social_security_numbers": _social,
    "secrets": _secret,
}

NOTHING: dict[str, Callable[[random.Random], str]] = {
    "version": lambda rng: (
        rng.choice(("version ", "v", "v. ", "release ", "lib-", "Chrome/"))
        + ".".join(str(rng.randrange(20)) for _ in range(rng.choice((3, 4, 5))))
    ),
    "section": lambda rng: rng.choice(("section ", "\u00a7 ")) + ".".join(str(rng.randrange(1, 20)) for _ in range(4)),
    "private address": lambda rng: rng.choice(("192.168.", "10.0.")) + f"{rng.randrange(256)}.{rng.randrange(256)}",
    "package": lambda rng: f"{rng.choice(_NAMES)}@{rng.randrange(20)}.{rng.randrange(20)}.{rng.randrange(20)}",
    "example address": lambda rng: f"{rng.choice(_NAMES)}@example.{rng.choice(('com', 'org', 'net'))}",
    "handle": lambda rng: f"@{rng.choice(_NAMES)} and {rng.choice(_NAMES)}@home",
    "date": lambda rng: rng.choice(
        ("{0}-{1:02d}-{2:02d}", "{2:02d}.{1:02d}.{0}", "{1}/{2}/{0}", "{0}-{1:02d}-{2:02d}T12:34:56+00:00")
    ).format(rng.randint(1900, 2030), rng.randint(1, 12), rng.randint(1, 28)),
    "ISBN": lambda rng: f"ISBN 978-{rng.randrange(10)}-{_digits(rng, 4)}-{_digits(rng, 4)}-{rng.randrange(10)}",
    "order number": lambda rng: f"order {_digits(rng, rng.randint(5, 13))}",
    "number of 16 digits": lambda rng: _digits(rng, 16),
    "serial number": lambda rng: f"S/N {_digits(rng, 4)}-{_digits(rng, 4)}-{_digits(rng, 3)}",
    "decimal": lambda rng: f"{rng.uniform(-1000, 1000):.{rng.randint(1, 15)}f}",
    "coordinates": lambda rng: f"{rng.uniform(-90, 90):.6f}, {rng.uniform(-180, 180):.6f}",
    "large number": lambda rng: f"{rng.randrange(10**9):,} or {rng.randrange(10**9):,}".replace(",", rng.choice(",. ")),
    "years": lambda rng: " ".join(str(rng.randint(1900, 2030)) for _ in range(6)),
    "git hash": lambda rng: rng.randbytes(20).hex(),
    "UUID": lambda rng: str(uuid.UUID(bytes=rng.randbytes(16))),
    "MAC address": lambda rng: ":".join(f"{byte:02x}" for byte in rng.randbytes(6)),
    "time": lambda rng: f"{rng.randrange(24)}:{rng.randrange(60):02d}:{rng.randrange(60):02d}",
    "code": lambda rng: f"std::{rng.choice(_NAMES)} x[{rng.randrange(99)}] += A@B.T",
    "name with hyphens": lambda rng: "sk-" + "-".join(rng.choice(_NAMES) for _ in range(9)),
}


def examples(each: int, seed: int) -> Iterator[Example]:
    """Yield ``each`` examples of every kind and of everything that is none, the same for the same seed."""
    rng = random.Random(seed)
    for kind, make in FINDS.items():
        for _ in range(each):
            before, wording, after = rng.choice(_BEFORE), make(rng), rng.choice(_AFTER)
            word = len(wording) - len(wording.removeprefix("tel: ").removeprefix("Fax "))
            begin = len(before) + word
            yield Example(f"{before}{wording}{after}", kind, begin, len(before) + len(wording))
    for kind, make in NOTHING.items():
        for _ in range(each):
            yield Example(f"{rng.choice(_BEFORE)}{make(rng)}{rng.choice(_AFTER)}", kind)
