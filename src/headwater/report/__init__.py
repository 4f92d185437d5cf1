"""What a reader gets: charts, one self-contained HTML page, and the literature behind it."""

from headwater.report.audit import render_audit_report
from headwater.report.audit_text import audit_verdict
from headwater.report.bibliography import REFERENCES, Reference, Topic, bibtex, references
from headwater.report.curate import render_curate_report
from headwater.report.curate_text import curate_verdict
from headwater.report.document import render_gate_report, render_report
from headwater.report.family_tree import render_lineage_report
from headwater.report.forecast import render_forecast_report
from headwater.report.forecast_charts import forecast_charts
from headwater.report.forecast_files import forecast_document, forecast_files
from headwater.report.forecast_text import forecast_verdict
from headwater.report.lab import render_lab_report
from headwater.report.verdict import gate_verdict, run_verdict

__all__ = [
    "REFERENCES",
    "Reference",
    "Topic",
    "audit_verdict",
    "bibtex",
    "curate_verdict",
    "forecast_charts",
    "forecast_document",
    "forecast_files",
    "forecast_verdict",
    "gate_verdict",
    "references",
    "render_audit_report",
    "render_curate_report",
    "render_forecast_report",
    "render_gate_report",
    "render_lab_report",
    "render_lineage_report",
    "render_report",
    "run_verdict",
]
