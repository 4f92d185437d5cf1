"""All readers of evidence that apply to a corpus, strongest first."""

from pathlib import Path

from headwater.origin.evidence import EvidenceReader
from headwater.origin.exchange import PartyAttestations
from headwater.origin.marks import (
    ChatResidueReader,
    DateReader,
    GeneratorTagReader,
    SourceTypeReader,
    TextCredentialReader,
)
from headwater.origin.marks.attested import OriginColumnReader
from headwater.origin.marks.watermark import WatermarkReader, load_keys
from headwater.origin.own_output import OwnOutputReader
from headwater.store.generated import GeneratedLedger


def evidence_readers(
    store: Path,
    *,
    origin: bool = False,
    attested_by: str | None = None,
    dated_by: str | None = None,
    date_column: str = "created",
    keys: Path | None = None,
    trust_anchors: str = "",
) -> list[EvidenceReader]:
    """Return the readers of evidence, in the order of the precedence.

    The generation ledger and what other parties vouch for are always looked up, even where there is nothing yet: the
    reserve keeps with each batch what it was checked with.

    Args:
        store: the folder ``.headwater`` of the project.
        origin: whether the user named a column that says who made each document.
        attested_by: who vouches for that column; the column alone by default.
        dated_by: who vouches for the dates; the column alone by default.
        date_column: the user's name of the column with the dates.
        keys: TOML file with the keys of watermarks to look for; without it none is.
        trust_anchors: certificates (PEM) of those whose content credentials are trusted.

    Raises:
        ConfigError: the keys cannot be used.
        MissingExtraError: a key needs a package that is not installed.
        StoreError: the generation ledger, or what was imported, is damaged.
    """
    readers: list[EvidenceReader] = [TextCredentialReader(trust_anchors)]
    if keys is not None:
        readers.append(WatermarkReader(load_keys(keys)))
    readers.append(OwnOutputReader(GeneratedLedger(store)))
    if origin:
        readers.append(OriginColumnReader(attested_by or "the origin column"))
    readers += [
        PartyAttestations.of(store),
        DateReader(dated_by or f"the column {date_column!r}"),
        SourceTypeReader(),
        GeneratorTagReader(),
        ChatResidueReader(),
    ]
    return readers
