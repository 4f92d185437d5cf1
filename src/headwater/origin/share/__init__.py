"""The machine-made share of a corpus: estimators, a bound, and what may be said."""

from headwater.origin.share.bound import dkw_bound, exact_bound
from headwater.origin.share.counting import adjusted_count, classify_and_count
from headwater.origin.share.development import DevelopmentScores
from headwater.origin.share.emq import calibrated_ratio, emq
from headwater.origin.share.estimate import LEAST_HUMAN, estimate_share, ks_distance
from headwater.origin.share.hellinger import hdy
from headwater.origin.share.kde_mix import kde_mix
from headwater.origin.share.word_mle import word_mle

__all__ = [
    "LEAST_HUMAN",
    "DevelopmentScores",
    "adjusted_count",
    "calibrated_ratio",
    "classify_and_count",
    "dkw_bound",
    "emq",
    "estimate_share",
    "exact_bound",
    "hdy",
    "kde_mix",
    "ks_distance",
    "word_mle",
]
