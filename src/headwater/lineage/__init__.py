"""Who was made from what: the events a family tree of data sets and models is built from."""

from headwater.lineage.events import ancestors, data_set_made, data_set_sampled, model_trained

__all__ = ["ancestors", "data_set_made", "data_set_sampled", "model_trained"]
