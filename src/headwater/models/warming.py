"""Compiling the numeric kernels before they are needed."""

import numpy as np

from headwater.models.chain import ChainLearner, Text
from headwater.models.kde import KernelLearner
from headwater.models.mixture import MixtureLearner
from headwater.models.ngram import NgramLearner
from headwater.models.samples import Points
from headwater.schema import documents
from headwater.text import END, Vocabulary
from headwater.text import warm as warm_text


def warm() -> None:
    """Compile and cache every kernel of text and models by running it on a little data (a minute the first time)."""
    warm_text()
    rng = np.random.default_rng(0)
    texts = ["a b a", "b"]
    model = NgramLearner(Vocabulary.from_texts(texts, min_count=1)).fit(documents(texts), rng)
    model.loss(model.sample(2, rng))
    model.log_probabilities([END + 1])
    for dimensions in (1, 2, 3):
        points = Points(rng.standard_normal((2, 20, dimensions)))
        mixture = MixtureLearner(2).fit(points, rng)
        mixture.loss(mixture.sample(20, rng))
    MixtureLearner(2).fit(points.weighted(1.0), rng)
    kernels = KernelLearner(0.5).fit(Points(rng.standard_normal((2, 20, 1))), rng)
    kernels.loss(kernels.sample(5, rng))
    for order in (1, 2, 3):
        text = Text(rng.integers(5, size=(2, 50), dtype=np.int32))
        for learner in (ChainLearner(order, 5), ChainLearner(order, 5, temperature=0.9, top_p=0.9)):
            chain = learner.fit(text, rng)
            chain.loss(chain.sample(50, rng))
