"""Whose text is this: evidence of origin, the detector, the machine-made share, and the human reserve."""

import headwater.kernel_cache  # noqa: F401  (before the first kernel)
from headwater.origin.annotate import annotate
from headwater.origin.audit import AUDITED, audit
from headwater.origin.detector.card import Card, card_markdown
from headwater.origin.detector.detector import Detector, default_detector, load_detector
from headwater.origin.detector.fit import Fitted, fit_detector
from headwater.origin.detector.lm_models import LanguageModels, load_language_models
from headwater.origin.evidence import Evidence, EvidenceReader, Ruling, Status, rule
from headwater.origin.exchange import export_reserve, import_exchange, trusted_parties
from headwater.origin.judge import Judge, judge_of
from headwater.origin.readers import evidence_readers
from headwater.origin.references import Known, read_references
from headwater.origin.reserve import Attestation, How, list_reserve, reserve_documents
from headwater.origin.reserve_add import add_to_reserve
from headwater.origin.reserve_verify import verify_reserve
from headwater.origin.result import AuditResult, DocumentVerdict, Grade, GroupAudit, ShareEstimate
from headwater.origin.scoring import SCORES, Scoring, fit_files, score_files
from headwater.origin.share import estimate_share

__all__ = [
    "AUDITED",
    "SCORES",
    "Attestation",
    "AuditResult",
    "Card",
    "Detector",
    "DocumentVerdict",
    "Evidence",
    "EvidenceReader",
    "Fitted",
    "Grade",
    "GroupAudit",
    "How",
    "Judge",
    "Known",
    "LanguageModels",
    "Ruling",
    "Scoring",
    "ShareEstimate",
    "Status",
    "add_to_reserve",
    "annotate",
    "audit",
    "card_markdown",
    "default_detector",
    "estimate_share",
    "evidence_readers",
    "export_reserve",
    "fit_detector",
    "fit_files",
    "import_exchange",
    "judge_of",
    "list_reserve",
    "load_detector",
    "load_language_models",
    "read_references",
    "reserve_documents",
    "rule",
    "score_files",
    "trusted_parties",
    "verify_reserve",
]
