"""Lineage events of a run: which model was trained on what, and which data set was sampled from which model."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.gate import token_counts
from headwater.gate.grouping import rows_by_recipe
from headwater.generate import OWN_MODEL
from headwater.lineage import Graph, data_set_made, data_set_sampled, inbreeding, model_trained
from headwater.loop.result import InbreedingRecord
from headwater.loop.world import GenerationRecord
from headwater.schema import LINEAGE

Rows = list[dict[str, Any]]
_TOLERANCE = 1e-9  # shares are sums of quotients


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Names the nodes of one run and makes its events."""

    run: str

    def founders(self, parts: Mapping[str, pa.Table], stream: pa.Table) -> pa.Table:
        """Return the events of what the run starts from: the human parts and each recipe of the stream.

        A recipe's inputs are the human parts its documents name parents in, by share of documents; what a model of the
        human training text wrote was sampled from that model, after as many retrainings as its generation says. A
        recipe that names nothing is a founder.

        Args:
            parts: the human documents by part; ``train`` is what generation 0 was trained on.
            stream: the documents of the stream.
        """
        events = [self._founder(self._part(name), table, 0) for name, table in parts.items() if table.num_rows]
        part_of = {key: name for name, table in parts.items() for key in table["id"].to_pylist()}
        for name, rows in rows_by_recipe(stream).items():
            documents = stream.take(pa.array(rows))
            if documents["generator"][0].as_py() == OWN_MODEL:
                events += self._of_own_model(name, documents, parts["train"])
                continue
            named = [part_of.get(parents[0]) if parents else None for parents in documents["parents"].to_pylist()]
            shares = {self._part(part): count / len(rows) for part, count in Counter(named).items() if part is not None}
            node = self._node("stream", name)
            if sum(shares.values()) < 1 - _TOLERANCE:
                events.append(self._founder(node, documents, 1))
                continue
            sizes = {"items": documents.num_rows, "tokens": _tokens(documents), "generation": 1}
            events.append(data_set_made(node, list(shares), list(shares.values()), **sizes, arm="", run=self.run))
        return pa.concat_tables(events).cast(LINEAGE)

    def _of_own_model(self, name: str, documents: pa.Table, train: pa.Table) -> list[pa.Table]:
        """Return the events behind documents that a model wrote which was retrained on its own output."""
        last = int(documents["generation"][0].as_py())
        model, events = self._node("human-only", 0, "model"), []
        for generation in range(1, last):
            place = {"items": train.num_rows, "tokens": _tokens(train), "generation": generation}
            output = self._node("stream", name, generation, "output")
            events.append(data_set_sampled(output, [model], [1.0], **place, arm="", run=self.run))
            model = self._node("stream", name, generation, "model")
            events.append(model_trained(model, [output], [1.0], **place, arm="", run=self.run))
        sizes = {"items": documents.num_rows, "tokens": _tokens(documents), "generation": last}
        sampled = data_set_sampled(self._node("stream", name), [model], [1.0], **sizes, arm="", run=self.run)
        return [*events, sampled]

    def _part(self, name: str) -> str:
        return self._node("human") if name == "train" else self._node("human", name)

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


def inbreeding_records(
    events: pa.Table, run: str, generations: Sequence[GenerationRecord]
) -> tuple[InbreedingRecord, ...]:
    """Return the computed and the observed inbreeding coefficient of every generation of every arm.

    The human training text stands for the human source: what generation 0 of the loop that trains on human text alone
    was trained on has an observed F of 0.

    Args:
        events: lineage events of the run.
        run: its id.
        generations: what was measured.
    """
    tree = Graph.from_events(events, "tokens", run)
    human = next((one.heterozygosity for one in generations if one.generation == 0), math.nan)
    records = []
    for arm in dict.fromkeys(one.arm for one in generations):
        own = [one for one in generations if one.arm == arm]
        names = [f"{run}/{arm}/{one.generation}/model" for one in own]
        f = inbreeding(tree.restricted(names)).f  # one arm at a time: memory grows with the square of the nodes
        records += [
            InbreedingRecord(arm, one.generation, f[name], 1 - one.heterozygosity / human)
            for one, name in zip(own, names, strict=True)
        ]
    return tuple(records)


def _tokens(table: pa.Table) -> int:
    return int(token_counts(table).sum())
