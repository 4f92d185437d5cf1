"""Models that are fitted, sampled and scored through one interface."""

import headwater.kernel_cache  # noqa: F401  (before the first kernel)
from headwater.models.boosting import BoostingLearner, BoostingModel
from headwater.models.categorical import CategoricalLearner, CategoricalModel, CategoricalSource
from headwater.models.chain import ChainLearner, ChainModel, Text
from headwater.models.copula import CopulaLearner, CopulaModel
from headwater.models.external import CommandLearner, CommandModel
from headwater.models.gaussian import GaussianLearner, GaussianModel, GaussianSource, Moments
from headwater.models.kde import KernelLearner, KernelModel, PointSource
from headwater.models.learner import Learner, Losses, Model
from headwater.models.mixture import HumanReference, MixtureLearner, MixtureModel
from headwater.models.neural import NeuralLearner, NeuralModel, NeuralSettings
from headwater.models.ngram import NgramLearner, NgramModel
from headwater.models.regression import Design, RegressionLearner, RegressionModel, RegressionSource
from headwater.models.samples import Counts, Points, Samples
from headwater.models.table_form import TableForm
from headwater.models.transformer import TransformerLearner, TransformerModel, TransformerSettings
from headwater.models.vae import VaeLearner, VaeModel
from headwater.models.warming import warm

__all__ = [
    "BoostingLearner",
    "BoostingModel",
    "CategoricalLearner",
    "CategoricalModel",
    "CategoricalSource",
    "ChainLearner",
    "ChainModel",
    "CommandLearner",
    "CommandModel",
    "CopulaLearner",
    "CopulaModel",
    "Counts",
    "Design",
    "GaussianLearner",
    "GaussianModel",
    "GaussianSource",
    "HumanReference",
    "KernelLearner",
    "KernelModel",
    "Learner",
    "Losses",
    "MixtureLearner",
    "MixtureModel",
    "Model",
    "Moments",
    "NeuralLearner",
    "NeuralModel",
    "NeuralSettings",
    "NgramLearner",
    "NgramModel",
    "PointSource",
    "Points",
    "RegressionLearner",
    "RegressionModel",
    "RegressionSource",
    "Samples",
    "TableForm",
    "Text",
    "TransformerLearner",
    "TransformerModel",
    "TransformerSettings",
    "VaeLearner",
    "VaeModel",
    "warm",
]
