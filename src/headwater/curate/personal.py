"""Personal data in documents: counted by kind, and replaced where that is asked for."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.curate.columns import measure_field, with_columns
from headwater.errors import ConfigError, did_you_mean
from headwater.text.personal import PersonalKind, Places, find_personal, replace_personal
from headwater.text.utf8 import text_array, utf8_bytes

PERSONAL_KINDS: Mapping[str, PersonalKind] = {
    "emails": PersonalKind.EMAIL,
    "ip_addresses": PersonalKind.IP_ADDRESS,
    "phone_numbers": PersonalKind.PHONE_NUMBER,
    "card_numbers": PersonalKind.CARD_NUMBER,
    "ibans": PersonalKind.IBAN,
    "social_security_numbers": PersonalKind.SOCIAL_SECURITY_NUMBER,
    "secrets": PersonalKind.SECRET,
}
"""Kinds of personal data by the name of the column they are counted in."""

_MEANINGS = {
    "emails": "e-mail addresses, less those at names reserved for documentation",
    "ip_addresses": "public IPv4 and IPv6 addresses",
    "phone_numbers": "phone numbers: international, North American, or behind a word such as 'tel'",
    "card_numbers": "payment card numbers with a right check digit and an issuer's beginning",
    "ibans": "bank account numbers (IBAN) with right check digits",
    "social_security_numbers": "US social security numbers of areas that are given out",
    "secrets": "keys, tokens and private keys with the beginnings their issuers gave them",
}
_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Placeholders:
    """What personal data are replaced by, the same for every find of a kind.

    The defaults say what stood there, and nothing in them can be taken for personal data again. To keep text natural,
    name addresses that belong to nobody: ``email@example.com`` (RFC 2606), ``192.0.2.1`` (RFC 5737).
    """

    emails: str = "<email>"
    ip_addresses: str = "<ip_address>"
    phone_numbers: str = "<phone_number>"
    card_numbers: str = "<card_number>"
    ibans: str = "<iban>"
    social_security_numbers: str = "<social_security_number>"
    secrets: str = "<secret>"


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Counts personal data in each document and, with ``action="mask"``, replaces them.

    What counts is told in :mod:`headwater.text.personal_addresses`, ``personal_numbers`` and ``personal_secrets``. The
    rules are written to be right about what they find rather than to find everything: names, postal addresses and
    numbers without an international form, a check digit or a word before them are not found. Personal data a person
    chose to publish (a contact page) count like all others.

    Masking replaces exactly what was counted; all other bytes stay. A masked text has no more finds, so that masking it
    again changes nothing.
    """

    action: Literal["find", "mask"] = "find"
    """``find`` counts, ``mask`` also replaces ``text``. To drop documents, make a rule on a count."""
    kinds: tuple[str, ...] = ()
    """Columns of ``PERSONAL_KINDS`` to look for; empty: all."""
    placeholders: Placeholders = Placeholders()

    name: ClassVar[str] = "personal_data"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        known = ", ".join(PERSONAL_KINDS)
        faults = [
            f"kinds: {kind!r} is no kind of personal data. Known: {known}.{did_you_mean(kind, PERSONAL_KINDS)}"
            for kind in self.kinds
            if kind not in PERSONAL_KINDS
        ]
        if self.action not in {"find", "mask"}:
            faults.append(f"action = {self.action!r}: allowed are 'find' and 'mask'")
        found = find_personal(*utf8_bytes(pa.array(astuple(self.placeholders))))
        faults += [
            f"placeholders.{list(PERSONAL_KINDS)[row]} = {astuple(self.placeholders)[row]!r}: is personal data itself"
            for row in dict.fromkeys(found.rows.tolist())
        ]
        if faults:
            raise ConfigError(faults, "PersonalData")

    @property
    def adds(self) -> pa.Schema:
        """A count per kind and their sum; with ``mask`` also the text."""
        fields = [measure_field(kind, pa.int32(), _MEANINGS[kind]) for kind in self._chosen]
        fields.append(measure_field("personal_data", pa.int32(), "finds of all kinds that are looked for"))
        if self.action == "mask":
            fields.append(measure_field("text", pa.string(), "the text with placeholders for personal data"))
        return pa.schema(fields)

    @property
    def _chosen(self) -> tuple[str, ...]:
        return tuple(kind for kind in PERSONAL_KINDS if kind in self.kinds or not self.kinds)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the counts, of the text as it came, and with ``mask`` the masked text."""
        text = batch["text"]
        data, offsets = utf8_bytes(text)
        kinds = [PERSONAL_KINDS[kind] for kind in self._chosen]
        places = find_personal(data, offsets, kinds)
        counts = np.zeros((len(PersonalKind), len(text)), dtype=np.int32)
        np.add.at(counts, (places.kinds, places.rows), 1)
        columns = [pa.array(counts[kind]) for kind in kinds]
        columns.append(pa.array(counts.sum(axis=0, dtype=np.int32)))
        if self.action == "mask":
            columns.append(self._masked(text, places, kinds))
        return with_columns(batch, self.adds, columns)

    def _masked(self, text: pa.Array, places: Places, kinds: list[PersonalKind]) -> pa.Array:
        """Return the texts with placeholders; texts without finds are not touched."""
        if not len(places):
            return text
        rows = np.unique(places.rows)
        found = text.take(pa.array(rows))
        # Again until nothing is found: what stood beside a find may count without it.
        for _ in range(_ROUNDS):
            data, offsets = utf8_bytes(found)
            places = find_personal(data, offsets, kinds)
            if not len(places):
                break
            found = text_array(*replace_personal(data, offsets, places, astuple(self.placeholders)), text.type)
        touched = np.zeros(len(text), dtype=np.bool_)
        touched[rows] = True
        return pc.replace_with_mask(text, pa.array(touched), found)
