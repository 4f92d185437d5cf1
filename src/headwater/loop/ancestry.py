"""Lineage events of a run: which model was trained on what, and which data set was sampled from which model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.gate import token_counts
from headwater.lineage import data_set_made, data_set_sampled, model_trained
from headwater.schema import LINEAGE

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Names the nodes of one run and makes its events."""

    run: str

    def founders(self, train: pa.Table, stream: pa.Table) -> pa.Table:
        """Return the events of what the run starts from: the human training set and each recipe of the stream.

        What a recipe's documents descend from stands in their own ``parents``.
        """
        events = [self._founder(self._node("human"), train, 0)]
        names = np.asarray(stream["recipe"].to_pylist(), dtype=object)
        events += [
            self._founder(self._node("stream", name), stream.filter(pa.array(names == name)), 1)
            for name in sorted(set(names.tolist()))
        ]
        return pa.concat_tables(events).cast(LINEAGE)

    def of_regime(self, arm: str, generation: int, training: pa.Table) -> Rows:
        """Return the events of one generation of an arm without a gate; human-only samples nothing."""
        if not generation or arm == "human-only":
            return self._trained(arm, generation, {self._node("human"): 1.0}, training)
        output = self._node(arm, generation, "output")
        sampled = self._sampled(output, arm, generation, training.num_rows, _tokens(training))
        return [*sampled, *self._trained(arm, generation, {output: 1.0}, training)]

    def of_gate(
        self, arm: str, generation: int, training: pa.Table, own: str | None, documents: int, tokens: int
    ) -> Rows:
        """Return the events of one generation of a gated arm.

        Args:
            arm: name of the arm.
            generation: generation, 0 for the model of human documents alone.
            training: its training set.
            own: name of the recipe of the model's own output; None at generation 0.
            documents: documents of that output which passed the hard checks.
            tokens: tokens of those documents.
        """
        counts = token_counts(training)
        names = np.asarray([name or "" for name in training["recipe"].to_pylist()], dtype=object)
        inputs = {
            self._source(arm, name): float(counts[names == name].sum() / max(int(counts.sum()), 1))
            for name in sorted(set(names.tolist()))
        }
        sampled = self._sampled(self._node(arm, own), arm, generation, documents, tokens) if own else []
        return [*sampled, *self._trained(arm, generation, inputs, training)]

    def _source(self, arm: str, recipe: str) -> str:
        if not recipe:
            return self._node("human")
        return self._node(arm, recipe) if recipe.startswith("own-output-") else self._node("stream", recipe)

    def _founder(self, node: str, documents: pa.Table, generation: int) -> pa.Table:
        return data_set_made(
            node,
            [],
            [],
            items=documents.num_rows,
            tokens=_tokens(documents),
            generation=generation,
            arm="",
            run=self.run,
        )

    def _sampled(self, node: str, arm: str, generation: int, items: int, tokens: int) -> Rows:
        model = self._node(arm, generation - 1, "model")
        event = data_set_sampled(
            node, [model], [1.0], items=items, tokens=tokens, generation=generation, arm=arm, run=self.run
        )
        return list(event.to_pylist())

    def _trained(self, arm: str, generation: int, inputs: dict[str, float], training: pa.Table) -> Rows:
        mixed = self._node(arm, generation, "training")
        items, tokens = training.num_rows, _tokens(training)
        made = data_set_made(
            mixed,
            list(inputs),
            list(inputs.values()),
            items=items,
            tokens=tokens,
            generation=generation,
            arm=arm,
            run=self.run,
        )
        trained = model_trained(
            self._node(arm, generation, "model"),
            [mixed],
            [1.0],
            items=items,
            tokens=tokens,
            generation=generation,
            arm=arm,
            run=self.run,
        )
        return [*made.to_pylist(), *trained.to_pylist()]

    def _node(self, *parts: object) -> str:
        return "/".join(map(str, (self.run, *parts)))


def _tokens(table: pa.Table) -> int:
    return int(token_counts(table).sum())
