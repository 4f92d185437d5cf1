"""Personal data: what is found and what is not, kind by kind; what masking changes and what it leaves."""

import json
import pickle
import random
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from headwater.curate import PERSONAL_KINDS, PersonalData, Placeholders
from headwater.engine import operator_key
from headwater.errors import ConfigError
from headwater.text.personal import PersonalKind, find_personal
from headwater.text.utf8 import utf8_bytes

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "crawl"


def found(text: str, *kinds: PersonalKind) -> list[tuple[str, str]]:
    """Return kind and wording of everything that is found in a text."""
    data, offsets = utf8_bytes(pa.array([text]))
    places = find_personal(data, offsets, kinds or tuple(PersonalKind))
    raw = data.tobytes()
    return [
        (PersonalKind(kind).name.lower(), raw[begin:end].decode())
        for begin, end, kind in zip(places.begins, places.ends, places.kinds, strict=True)
    ]


def masked(texts: list[str], **settings: object) -> list[str]:
    batch = pa.record_batch({"text": pa.array(texts)})
    return PersonalData(action="mask", **settings)(batch)["text"].to_pylist()  # type: ignore[arg-type]


FINDS = {
    "email": [
        "write to ⟦jane.doe+lists@mail.uni-bonn.de⟧.",
        "<⟦o'neil_99@x.co⟧>",
        "mailto:⟦a@b.museum⟧?subject=x",
        "'⟦info@firma.de⟧'",
        "联系邮箱⟦zhang@qq.com⟧，谢谢",
        "⟦josé.garcía@correo.es⟧",
        "⟦info@müller.de⟧ ⟦x@y.xn--p1ai⟧",
        "revid:⟦bob@canonical.com⟧-20091124053541-iw4c",
        "⟦root@[93.184.216.34]⟧",
        "⟦first@one.org⟧,⟦second@two.org⟧",
        "⟦555-1234@number.net⟧",
        "⟦ONE@CAPITALS.COM⟧\u00a0x",
        "https://user:⟦secret@host.io⟧/x",
    ],
    "ip_address": [
        "from ⟦93.184.216.34⟧ on port 80",
        "(⟦8.8.8.8⟧), ⟦1.1.1.1⟧. Next",
        "http://⟦93.184.216.34⟧:8080/x and ⟦93.184.216.0⟧/24",
        "root@⟦8.8.8.8⟧",
        "⟦2606:4700:4700::1111⟧ [⟦2a00:1450:4001:82a::200e⟧]:443",
        "⟦2001:4860:4860:0:0:0:0:8888⟧: ok",
        "ends with ⟦2606:4700::⟧",
    ],
    "phone_number": [
        "call ⟦+49 30 901820⟧ or ⟦+442079460958⟧.",
        "⟦+44 (0)20 7946 0958⟧, ⟦+1-212-555-0187⟧; ⟦+1 (212) 555-0187⟧",
        "⟦(212) 555-0187⟧ ⟦212-555-0187⟧ ⟦212.555.0187⟧ ⟦1-800-555-0187⟧",
        "Tel.: ⟦030 / 920 77 00⟧, Fax: ⟦069/297 89 22⟧",
        "Téléphone : ⟦01 42 68 53 00⟧",
        "тел. ⟦8 495 123-45-67⟧",
        "我的联系电话：⟦13800138000⟧",
        "⟦+33\u00a01\u00a042\u00a068\u00a053\u00a000⟧",
        "Tel.: ⟦+49 4964 95816-120⟧Fax",
        "whois ⟦+1.2125550187⟧",
    ],
    "card_number": [
        "⟦4111 1111 1111 1111⟧ exp 12/29",
        "card:⟦5555-5555-5555-4444⟧",
        "⟦378282246310005⟧ ⟦3782 822463 10005⟧",
        "⟦6011111111111117⟧, ⟦30569309025904⟧, ⟦3056 930902 5904⟧, ⟦3530111333300000⟧, ⟦2223003122003222⟧",
    ],
    "iban": [
        "IBAN: ⟦DE89 3704 0044 0532 0130 00⟧",
        "⟦GB82WEST12345698765432⟧ ⟦FR14 2004 1010 0505 0001 3M02 606⟧",
        "⟦NO9386011117947⟧ ⟦MT84MALT011000012345MTLCAST001S⟧",
    ],
    "social_security_number": ["SSN ⟦123-45-6789⟧.", "ssn: ⟦123 45 6789⟧", "social security ⟦219-09-9998⟧"],
    "secret": [
        "aws ⟦AKIAI44QH8DHBT7ZQ2GB⟧",
        "⟦ghp_16C7e42F292c6912E7710c838347Ae178B4a⟧",
        "https://⟦ghp_16C7e42F292c6912E7710c838347Ae178B4a⟧@github.com/x",
        "key=⟦AIzaSyD9x7Q2mN4bV6cL8kJ0hG5fR3eW1tY_uI-⟧",
        "Bearer ⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P⟧",
        "⟦xoxb-123456789012-AbCdEfGhIjKlMnOpQrStUvWx⟧",
    ],
}
NOTHING = """
    package@1.2.3 and lodash@4.17.21
    logo@2x.png icon@3x.webp
    user@localhost, you@example.com, me@mail.example.org, a@b.test
    @handle and foo@bar and x@y.z and A@B.T
    200.5@100.5 truncate
    地址：version 1.2.3.4, version 1.2.3.4, v1.2.3.4, ver=5.0.7.0, section 6.7.2.1, § 3.1.4.1
    1.2.3.4.5 and 1.2.840.113549.1.1.1
    Chrome/2.0.172.33 glibc-2.3.4.5 lib-1.2.3.4.jar 1.2.3.4.dll
    10.0.0.1 192.168.2.100 127.0.0.1 172.16.0.1 169.254.1.1 100.64.0.1 192.0.2.1 198.51.100.7 255.255.255.0 0.0.0.0
    1.02.3.4 256.1.1.1 1.2.3 3.14.15
    12:34:56 00:1a:2b:3c:4d:5e std::vector ::1 fe80::1 2001:db8::1 dead::beef 2021:12 2020:1:2:3
    2023-10-11 11.10.2023 10/11/2023 2023-10-11T12:34:56+00:00 1999-2000
    ISBN 978-3-16-148410-0 and 0-306-40615-2, ISSN 2049-3630
    order 4532-9876, invoice 20231011-0042, part 123-456-78
    +12345678 C++11 a+b x+1 +20 000 000 +10000000000 +49 5 Grad
    3.141592653589793238 0.4111111111111111 1e10 6.02214076e23
    commit da39a3ee5e6b4b0d3255bfef95601890afd80709 e3b0c44298fc1c149afbf4c8996fb92427ae41e4
    550e8400-e29b-41d4-a716-446655440000
    4111 1111 1111 1112 1234567890123456 9999999999999999
    1234 4111 1111 1111 1111 or 4111 1111 1111 1111 2222
    /img/4111111111111111.jpg 4111111111111111-a x4111111111111111
    DE88370400440532013000 XX89370400440532013000 DE8937040044 EURO12345678
    000-12-3456 666-12-3456 987-65-4320 123-00-4567 123-45-0000 078-05-1120
    12-345-6789 1123-45-6789 123-45-67890
    AKIAIOSFODNN7EXAMPLE AKIA1234 ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ghp_short
    sk-button-very-long-hyphenated-css-class-name-with-more-parts hf_hub_download npm_config_registry
    eyJhbGciOiJIUzI1NiJ9 alone
    -----BEGIN CERTIFICATE----- and -----BEGIN PRIVATE KEY----- is how it begins
    phone 2023-10-11, tel 1234567 units, 48.858370, 2.294481
    (555) 1234 555-1234 1-2-3 100-200-300 192-168-2000
    1990 1991 1992 1993 1994 1995 1996 1997
"""


@pytest.mark.parametrize("kind", FINDS)
def test_what_is_found(kind: str) -> None:
    for line in FINDS[kind]:
        wanted = [part.split("⟧")[0] for part in line.split("⟦")[1:]]
        text = line.replace("⟦", "").replace("⟧", "")
        assert found(text) == [(kind, one) for one in wanted], text
        # At the very beginning and end of a text, too.
        for one in wanted:
            if kind not in {"phone_number", "social_security_number"}:  # these may need the word before
                assert found(one) == [(kind, one)]


@pytest.mark.parametrize("line", [line.strip() for line in NOTHING.strip().split("\n")])
def test_what_is_not_found(line: str) -> None:
    assert found(line) == []


def test_a_private_key_is_found_to_its_end() -> None:
    body = "MIIEpAIBAAKCAQEA7bq0V9Zxq1Jm8ybTQv3nXb6tZf0uYh5cWl2RkDgPsEoNaAiM\n" * 3
    key = f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{body}abc=\n-----END RSA PRIVATE KEY-----"
    assert found(f"x\n{key}\ny") == [("secret", key)]
    assert found(json.dumps({"key": key})) == [("secret", json.dumps(key)[1:-1])]
    cut = key.partition("abc=")[0]
    assert found(cut + "Now, a sentence.") == [("secret", cut.rstrip())]
    many = "-----BEGIN PRIVATE KEY-----\n" * 2000
    assert found(many) == []


@pytest.mark.parametrize(
    "part",
    ["sk-", "eyJ-", "eyJaaaaaaaaaa.eyJ", "xoxb-", "a@", "a.@", "@a.", "x-", "(1", "+1", "1-", "12 ", "::", "2001:", "DE89", "tel ", "ghp_",
     "-----BEGIN PRIVATE KEY-----", "----- ", "1.", "a-b.", "\u00e9@"],
)  # fmt: skip
def test_texts_that_are_made_to_take_long_do_not(part: str) -> None:
    # A cost that grew with the square of the length would take minutes here.
    text = part * (400_000 // len(part))
    assert masked([text, "x" + text])[0].count("<") <= len(text)


def test_a_number_in_an_address_is_part_of_it_and_a_key_is_more() -> None:
    assert found("212-555-0187@phone.net") == [("email", "212-555-0187@phone.net")]
    assert found("8.8.8.8@dns.net") == [("email", "8.8.8.8@dns.net")]
    assert found("tel 030 1234567@firma.de") == [("email", "1234567@firma.de")]
    assert found("a@b.com@c.org") == [("email", "a@b.com")]


def test_only_the_kinds_asked_for_are_looked_for() -> None:
    text = (
        "a@b.de, 8.8.8.8, +49 30 901820, 4111 1111 1111 1111, GB82WEST12345698765432, 123-45-6789, AKIAI44QH8DHBT7ZQ2GB"
    )
    assert [kind for kind, _ in found(text)] == [kind.name.lower() for kind in PersonalKind]
    for kind in PersonalKind:
        assert [name for name, _ in found(text, kind)] == [kind.name.lower()]


def luhn(digits: list[int]) -> int:
    """Return the check digit for digits."""
    total = sum(d if i % 2 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits)))
    return -total % 10


def test_random_cards_accounts_and_numbers() -> None:
    rng = random.Random(1)
    cards = []
    for beginning, size in (
        ("4", 16),
        ("51", 16),
        ("2720", 16),
        ("34", 15),
        ("6011", 16),
        ("3528", 16),
        ("62", 19),
        ("36", 14),
    ) * 40:
        digits = [int(c) for c in beginning] + [rng.randrange(10) for _ in range(size - 1 - len(beginning))]
        cards.append("".join(map(str, [*digits, luhn(digits)])))
    assert found(" , ".join(cards)) == [("card_number", card) for card in cards]
    wrong = [card[:-1] + str((int(card[-1]) + 1 + rng.randrange(9)) % 10) for card in cards]
    assert found(" , ".join(wrong), PersonalKind.CARD_NUMBER) == []

    accounts = []
    for country, size in (("DE", 22), ("FR", 27), ("NL", 18), ("PL", 28), ("MT", 31), ("NO", 15), ("SC", 31)) * 40:
        account = "".join(rng.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(size - 4))
        value = int("".join(str(int(c, 36)) for c in account + country + "00"))
        accounts.append(f"{country}{98 - value % 97:02d}{account}")
    assert found(" ".join(accounts)) == [("iban", account) for account in accounts]
    grouped = [" ".join(one[i : i + 4] for i in range(0, len(one), 4)) for one in accounts]
    assert found("; ".join(grouped)) == [("iban", account) for account in grouped]
    wrong = [f"{one[:2]}{int(one[2:4]) % 97 + 2:02d}{one[4:]}" for one in accounts]  # other check digits from 02 to 98
    assert found(" ".join(wrong), PersonalKind.IBAN) == []


def test_random_numbers_are_hardly_ever_taken_for_personal_data() -> None:
    rng = random.Random(2)
    texts = [str(rng.randrange(10**n)) for n in range(3, 21) for _ in range(400)]
    texts += [f"{rng.uniform(-1000, 1000):.{n}f}" for n in range(1, 16) for _ in range(200)]
    texts += [rng.randbytes(20).hex() for _ in range(2000)] + [
        str(uuid.UUID(bytes=rng.randbytes(16))) for _ in range(2000)
    ]
    texts += [" ".join(str(rng.randrange(1000, 10000)) for _ in range(8)) for _ in range(2000)]
    texts += [f"{rng.randrange(10000)}-{rng.randrange(10000)}-{rng.randrange(1000)}" for _ in range(2000)]
    data, offsets = utf8_bytes(pa.array(texts))
    places = find_personal(data, offsets)
    # A number of a card's length and beginning has a right check digit one time in ten: 400 numbers of each length.
    assert set(places.kinds.tolist()) <= {PersonalKind.CARD_NUMBER}
    assert len(places) < 0.002 * len(texts)


def test_counts_and_columns() -> None:
    batch = pa.record_batch({"id": ["1", "2", "3"], "text": ["a@b.de c@d.de 8.8.8.8", "", "nothing"]})
    operator = PersonalData()
    measured = operator(batch)
    assert measured.schema.names == ["id", "text", *PERSONAL_KINDS, "personal_data"]
    assert measured["emails"].to_pylist() == [2, 0, 0]
    assert measured["ip_addresses"].to_pylist() == [1, 0, 0]
    assert measured["personal_data"].to_pylist() == [3, 0, 0]
    assert measured["text"] == batch["text"]
    assert operator.adds.names == measured.schema.names[2:]
    assert all(field.metadata[b"meaning"] and field.type == pa.int32() for field in operator.adds)
    chosen = PersonalData(kinds=("secrets", "emails"))(batch)
    assert chosen.schema.names == ["id", "text", "emails", "secrets", "personal_data"]
    assert chosen["personal_data"].to_pylist() == [2, 0, 0]


def test_masking() -> None:
    assert masked(["Ask a@b.de, c@d.de\u00a0(8.8.8.8).", "ünïcödé", ""]) == [
        "Ask <email>, <email>\u00a0(<ip_address>).", "ünïcödé", "",
    ]  # fmt: skip
    natural = Placeholders(emails="email@example.com", ip_addresses="192.0.2.1", secrets="")
    text = "a@b.de at 8.8.8.8 with AKIAI44QH8DHBT7ZQ2GB!"
    assert masked([text], placeholders=natural) == ["email@example.com at 192.0.2.1 with !"]
    assert masked([text], kinds=("emails",)) == ["<email> at 8.8.8.8 with AKIAI44QH8DHBT7ZQ2GB!"]
    # The second address counts once the first is gone.
    assert masked(["a@b.com@c.org"], placeholders=natural) == ["email@email@example.com"]
    operator = PersonalData(action="mask")
    assert operator.adds.names[-1] == "text"
    batch = pa.record_batch({"text": pa.array(["x a@b.de", "y"], pa.large_string())})
    once = operator(batch)
    assert once.schema.field("text").type == pa.large_string()
    assert once["emails"].to_pylist() == [1, 0]
    assert operator(once)["text"] == once["text"]
    assert operator(once)["personal_data"].to_pylist() == [0, 0]


def test_no_batch_changes_anything() -> None:
    texts = [line.replace("⟦", "").replace("⟧", "") for lines in FINDS.values() for line in lines] + ["", None]
    operator = PersonalData(action="mask")
    whole = pa.record_batch({"text": pa.array(texts)})
    expected = operator(whole)
    for size in (1, 7):
        parts = [operator(whole.slice(start, size)) for start in range(0, len(texts), size)]
        assert pa.Table.from_batches(parts) == pa.Table.from_batches([expected])
    assert operator(whole.slice(0, 0)).num_rows == 0
    large = operator(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert large["text"].to_pylist() == expected["text"].to_pylist()
    assert expected["text"][len(texts) - 1].as_py() is None


def test_settings() -> None:
    assert pickle.loads(pickle.dumps(PersonalData())) == PersonalData()
    keys = {
        operator_key(PersonalData()),
        operator_key(PersonalData(action="mask")),
        operator_key(PersonalData(kinds=("emails",))),
    }
    assert len(keys) == 3
    with pytest.raises(ConfigError) as raised:
        PersonalData(
            action="drop", kinds=("email",), placeholders=Placeholders(emails="me@here.org", secrets="8.8.8.8")
        )  # type: ignore[arg-type]
    assert raised.value.faults == (
        "kinds: 'email' is no kind of personal data. Known: emails, ip_addresses, phone_numbers, card_numbers, ibans, "
        "social_security_numbers, secrets. Did you mean 'emails'?",
        "action = 'drop': allowed are 'find' and 'mask'",
        "placeholders.emails = 'me@here.org': is personal data itself",
        "placeholders.secrets = '8.8.8.8': is personal data itself",
    )


def test_the_counts_of_real_posts() -> None:
    path = DATA / "blog_18f_posts.jsonl.zst"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    batch = pa.record_batch({"text": [json.loads(line)["text"] for line in raw.split(b"\n") if line]})
    measured = PersonalData(action="mask")(batch)
    assert pa.compute.sum(measured["emails"]).as_py() == 228  # every one looked at: office addresses
    assert pa.compute.sum(measured["card_numbers"]).as_py() == 0
    masked_text = measured["text"].to_pylist()
    clean = np.array(measured["personal_data"]) == 0
    assert all(
        ours == text for ours, text, same in zip(masked_text, batch["text"].to_pylist(), clean, strict=True) if same
    )
    assert PersonalData()(measured.select(["text"]))["personal_data"].to_numpy().sum() == 0
