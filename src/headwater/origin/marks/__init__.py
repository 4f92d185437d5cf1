"""Evidence that was put on a document: content credentials, declared source types, page tags, chat residue, dates."""

from headwater.origin.marks.c2pa_files import read_file_credentials
from headwater.origin.marks.c2pa_sign import SigningKey, sign_text
from headwater.origin.marks.c2pa_text import TextCredentialReader, find_marks, write_block, write_selectors
from headwater.origin.marks.dates import DateReader
from headwater.origin.marks.html import GeneratorTagReader
from headwater.origin.marks.residue import ChatResidueReader
from headwater.origin.marks.source_type import SourceTypeReader

__all__ = [
    "ChatResidueReader",
    "DateReader",
    "GeneratorTagReader",
    "SigningKey",
    "SourceTypeReader",
    "TextCredentialReader",
    "find_marks",
    "read_file_credentials",
    "sign_text",
    "write_block",
    "write_selectors",
]
