"""Pure measures of models and of the data they are trained on."""

from headwater.measure.coding import bits_per_byte
from headwater.measure.collapse import (
    Evidence,
    Finding,
    Phases,
    Scaling,
    Thresholds,
    Trend,
    Verdict,
    definitions,
    phases,
)
from headwater.measure.coverage import Likeness, hallucinated_share, likeness, sample_coverage, tail_survival
from headwater.measure.detection import auroc, calibration_error, threshold_at_fpr, tpr_at_fpr
from headwater.measure.diversity import distinct_n, rare_recall, rare_types, support
from headwater.measure.gaussian_distance import (
    gaussian_kl,
    gaussian_squared_w2,
    mixture_squared_l2,
    normal_kl,
    normal_squared_w2,
)
from headwater.measure.modes import separate_modes
from headwater.measure.selection import curated, fisher_gain

__all__ = [
    "Evidence",
    "Finding",
    "Likeness",
    "Phases",
    "Scaling",
    "Thresholds",
    "Trend",
    "Verdict",
    "auroc",
    "bits_per_byte",
    "calibration_error",
    "curated",
    "definitions",
    "distinct_n",
    "fisher_gain",
    "gaussian_kl",
    "gaussian_squared_w2",
    "hallucinated_share",
    "likeness",
    "mixture_squared_l2",
    "normal_kl",
    "normal_squared_w2",
    "phases",
    "rare_recall",
    "rare_types",
    "sample_coverage",
    "separate_modes",
    "support",
    "tail_survival",
    "threshold_at_fpr",
    "tpr_at_fpr",
]
