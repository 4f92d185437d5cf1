"""Pure measures of models and of the data they are trained on."""

from headwater.measure.coding import bits_per_byte
from headwater.measure.diversity import distinct_n, rare_recall, rare_types, support

__all__ = ["bits_per_byte", "distinct_n", "rare_recall", "rare_types", "support"]
