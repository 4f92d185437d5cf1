"""What the worlds of rows share: tables, images and windows of series are counted, chosen and measured alike."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.gate import AdmitAll, LowestPerplexity, RandomShare, Selection
from headwater.lineage import heterozygosity
from headwater.loop.world import GenerationRecord, World


class RowWorld(World):
    """The shared ground of all arms whose documents count one token each."""

    @property
    def least_items(self) -> int:
        """Rows a recipe needs before it is tested: one where a text needs twenty tokens."""
        return max(self.settings.gate.least_tokens // 20, 1)

    def selections(self) -> tuple[Selection, ...]:
        """Return what the gate is compared with."""
        return AdmitAll(), RandomShare(), LowestPerplexity(self.learner)

    def most_likely(self) -> Selection:
        """Return the choice of the rows that a model of the human ones finds most likely."""
        return LowestPerplexity(self.learner)

    def record(
        self,
        arm: str,
        generation: int,
        training_set: pa.Table,
        *,
        recall: float,
        support: int,
        counts: list[NDArray[np.int64]],
    ) -> GenerationRecord:
        """Return the measures of a training set; bits per byte have no meaning for rows and are no number.

        Args:
            arm: part of the run.
            generation: generation of the set.
            training_set: the rows.
            recall: share of what is rare in the human rows that the set still holds.
            support: distinct values it holds.
            counts: how often each value of each column occurs, for the chance that two of them differ.
        """
        texts = training_set["text"].to_pylist()
        machine = np.array([recipe is not None for recipe in training_set["recipe"].to_pylist()], bool)
        return GenerationRecord(
            arm=arm,
            generation=generation,
            loss_nats=self.final.mean_loss(self.final_losses(training_set)),
            bits_per_byte=float("nan"),
            rare_word_recall=recall,
            support=support,
            distinct_2=len(set(texts)) / max(len(texts), 1),
            training_tokens=training_set.num_rows,
            machine_share=float(machine.mean()) if len(machine) else 0.0,
            heterozygosity=float(np.mean([heterozygosity(count) for count in counts])),
        )

    def record_of_bins(
        self,
        arm: str,
        generation: int,
        training_set: pa.Table,
        held: list[NDArray[np.int64]],
        rare: list[list[int]],
    ) -> GenerationRecord:
        """Return the measures of a training set whose columns are counted in bins.

        Args:
            arm: part of the run.
            generation: generation of the set.
            training_set: the rows.
            held: bin of every row, column by column; negative where a value is missing.
            rare: bins of each column that are rare in the human rows.
        """
        wanted = [(i, one) for i, ones in enumerate(rare) for one in ones]
        kept = sum(bool((held[i] == one).any()) for i, one in wanted)
        counts = [np.bincount(bins[bins >= 0]) for bins in held]
        return self.record(
            arm,
            generation,
            training_set,
            recall=kept / len(wanted) if wanted else float("nan"),
            support=int(sum(np.count_nonzero(count) for count in counts)),
            counts=counts,
        )
