"""Models that are fitted, sampled and scored through one interface."""

from headwater.models.categorical import CategoricalLearner, CategoricalModel
from headwater.models.learner import Learner, Losses, Model
from headwater.models.ngram import NgramLearner, NgramModel, warm

__all__ = [
    "CategoricalLearner",
    "CategoricalModel",
    "Learner",
    "Losses",
    "Model",
    "NgramLearner",
    "NgramModel",
    "warm",
]
