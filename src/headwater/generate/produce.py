"""Carrying a recipe out: ask what is not answered yet, then write what was answered, in the order of the requests.

Answers are kept in the ledger as they come; documents are made from the ledger alone. A run that was stopped and one
that was not therefore end in the same documents, and nothing that was answered is asked for again.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from headwater.errors import InputError
from headwater.generate.answers import Bad, Judged, judge_answers
from headwater.generate.batches import batched
from headwater.generate.budget import Budget, Cost, Prices, Spending
from headwater.generate.generator import Generator
from headwater.generate.prompting import Parents, count_requests, requests_of
from headwater.generate.recipe_file import RecipeFile
from headwater.generate.request import Answer, Request
from headwater.generate.request_ledger import Kept, RequestLedger
from headwater.schema import Origin, content_id, documents
from headwater.sources import document_writer

Progress = Callable[[int, int, str], None]
Verify = Callable[[pa.Table, Mapping[str, str]], Sequence[str | None]]
"""Takes documents and the texts of their parents by id; returns for each why it does not pass, or None."""

REJECTED = ".rejected.jsonl"
"""What follows the name of the output in the name of the file with the answers that were refused."""

_CHUNK = 2048
_LOOKED_UP = 512
_REJECTS = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("recipe", pa.string()),
        pa.field("parents", pa.list_(pa.string())),
        pa.field("style", pa.string()),
        pa.field("sample", pa.int32()),
        pa.field("text", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What carrying a recipe out would ask and cost."""

    requests: int
    """Requests the recipe makes of its parents."""
    known: int
    """Of them, those that are answered already."""
    prompts: tuple[Request, ...]
    """The first requests."""
    likely: Cost
    """What the others probably cost: four bytes per token of the prompts, answers of half the most tokens."""
    most: Cost
    """The most they can cost."""
    before: Spending
    """What the recipe spent before."""


@dataclass(slots=True)
class Counts:
    """What became of the requests; they add up."""

    requests: int = 0
    """Requests the recipe makes of its parents, or as many as were wanted."""
    written: int = 0
    """Documents."""
    rejected: Counter[Bad] = field(default_factory=Counter)
    """Answers that are no document, by reason."""
    verifiers: Counter[str] = field(default_factory=Counter)
    """What verifiers said of those they did not pass."""
    failed: int = 0
    """Requests that were asked without an answer; a later run asks again."""
    not_asked: int = 0
    """Requests that were not asked: the budget or an interruption ended the asking."""
    trimmed: int = 0
    """Documents that were cut back to their last sentence."""

    @property
    def adds_up(self) -> bool:
        """Whether every request is accounted for once."""
        return self.requests == self.written + self.rejected.total() + self.failed + self.not_asked


@dataclass(frozen=True, slots=True)
class Asked:
    """What asking ended with."""

    answered: int
    failed: Mapping[str, int]
    """Requests without an answer by what was said."""
    stopped: str
    """Why not everything was asked; empty: it was."""
    seconds: float
    failed_keys: frozenset[str]


class Production:
    """One recipe, its parents, its generator and the ledger, ready to be planned, asked and written."""

    def __init__(
        self,
        recipe: RecipeFile,
        parents: Parents,
        generator: Generator,
        ledger: RequestLedger,
        limit: int | None = None,
        *,
        named: bool = True,
    ) -> None:
        """Bring them together.

        Args:
            recipe: the recipe.
            parents: documents it is applied to.
            generator: answers the requests.
            ledger: the project's, opened.
            limit: most requests; None: all.
            named: record the recipe's name, and say what is known of it; not for a plan.
        """
        self.recipe, self.parents, self.generator, self.ledger = recipe, parents, generator, ledger
        self.total = min(count_requests(recipe, parents), limit or count_requests(recipe, parents))
        self.notes: list[str] = []
        self.labels = self._labels(named=named)
        self._generator_id = generator.id
        self.before = ledger.spending(recipe.asking_id)
        self.prices = Prices.of(recipe.budget)

    def _labels(self, *, named: bool) -> dict[str, str]:
        labels = {}
        for style in self.recipe.templates:
            name = f"{self.recipe.name}/{style}" if style else self.recipe.name
            identity = self.recipe.style_id(style)
            first, said = self.ledger.name_recipe(identity, name) if named else (name, "")
            self.notes += [said] if said else []
            labels[style] = f"{first}@{identity[:8]}"
        return labels

    def requests(self) -> Iterator[Request]:
        """Yield the requests in the order of the output."""
        for request in requests_of(self.recipe, self.parents, self._generator_id):
            if request.row >= self.total:
                return
            yield request

    def plan(self, shown: int = 3) -> Plan:
        """Return what would be asked; nothing is."""
        known, prompts, likely, most = 0, list[Request](), Cost(), Cost()
        for part in batched(self.requests(), _LOOKED_UP):
            prompts += part[: max(shown - len(prompts), 0)]
            answered = self.ledger.known([one.key for one in part])
            known += int(answered.sum())
            for one, there in zip(part, answered.tolist(), strict=True):
                if not there:
                    size = len(f"{one.system}{one.prompt}".encode("utf-8", "replace"))
                    likely += self.prices.cost(-(-size // 4), -(-one.max_tokens // 2))
                    most += self.prices.most(one)
        return Plan(self.total, known, tuple(prompts), likely, most, self.before)

    def ask(self, progress: Progress) -> Asked:
        """Ask whatever is not answered yet, and keep the answers. Ctrl-C ends the asking; what is under way is awaited.

        Raises:
            InputError: the generator cannot work.
            StoreError: the ledger cannot be written.
        """
        asking = _Asking(self, progress)
        return asking.run()

    def write(
        self,
        rejects: Path,
        counts: Counts,
        *,
        verify: Verify | None = None,
        failed: frozenset[str] = frozenset(),
        record: Callable[[pa.Table, pa.Table], object] = lambda made, sources: None,
        progress: Progress = lambda done, total, what: None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the documents of all answered requests, schema ``DOCUMENT``, and count what became of each request.

        Args:
            rejects: file for answers that are no document; always written, so that none of an earlier run stays.
            counts: filled.
            verify: the recipe's verifiers.
            failed: keys of requests that were asked without an answer.
            record: is given documents and their parents (``id``, ``text``) before they are yielded.
            progress: told what is being done.
        """
        with document_writer(rejects, _REJECTS) as reject:
            for part in batched(self.requests(), _CHUNK):
                progress(counts.requests, self.total, "writing documents")
                counts.requests += len(part)
                found = self.ledger.answers([one.key for one in part])
                for request, kept in zip(part, found, strict=True):
                    if kept is None:
                        counts.failed += request.key in failed
                        counts.not_asked += request.key not in failed
                pairs = [(one, kept) for one, kept in zip(part, found, strict=True) if kept is not None]
                judged = judge_answers(self.recipe, [(one, kept.answer) for one, kept in pairs])
                rows = [(*pair, one) for pair, one in zip(pairs, judged, strict=True)]
                good = [row for row in rows if row[2].bad is None]
                table = self._documents(good)
                reasons = self._verified(table, good, verify)
                refused = [(request, one) for request, _, one in rows if one.bad is not None]
                refused += [
                    (good[i][0], replace(good[i][2], bad=Bad.VERIFIER, detail=why)) for i, why in reasons.items()
                ]
                counts.verifiers.update(reasons.values())
                counts.rejected.update(one.bad for _, one in refused if one.bad is not None)
                if refused:
                    reject(self._refused(sorted(refused, key=lambda one: one[0].row)))
                kept_rows = [i for i in range(len(good)) if i not in reasons]
                counts.trimmed += sum(good[i][2].trimmed for i in kept_rows)
                if kept_rows:
                    table = table.take(pa.array(kept_rows))
                    record(table, _sources([good[i][0] for i in kept_rows]))
                    counts.written += table.num_rows
                    yield from table.combine_chunks().to_batches()
        if not counts.adds_up:
            raise InputError(
                f"{counts.requests:,} requests are not {counts.written:,} documents, {counts.rejected.total():,} "
                f"refused answers, {counts.failed:,} failures and {counts.not_asked:,} not asked. Repeat the command."
            )

    def _verified(
        self, table: pa.Table, good: Sequence[tuple[Request, Kept, Judged]], verify: Verify | None
    ) -> dict[int, str]:
        if verify is None or not good:
            return {}
        parents = {key: text for request, _, _ in good for key, text in _parents(request)}
        reasons = verify(table, parents)
        return {i: why for i, why in enumerate(reasons) if why is not None}

    def _documents(self, rows: Sequence[tuple[Request, Kept, Judged]]) -> pa.Table:
        labels = [self.labels[request.style] for request, _, _ in rows]
        # Recipe, parents and sample are part of the id: two requests may be answered with the same words.
        ids = [
            content_id("\n".join([label, *request.parents, request.style, str(request.sample), request.key, one.text]))
            for label, (request, _, one) in zip(labels, rows, strict=True)
        ]
        return documents(
            [one.text for _, _, one in rows],
            id=ids,
            origin=Origin.MACHINE.value,
            evidence="own generation ledger",
            source=[f"recipe {label}" for label in labels],
            created=[kept.time[:10] for _, kept, _ in rows],
            group=[request.group or key for key, (request, _, _) in zip(ids, rows, strict=True)],
            generator=[kept.answer.model or self.generator.name for _, kept, _ in rows],
            recipe=labels,
            parents=[list(request.parents) for request, _, _ in rows],
            generation=[request.generation for request, _, _ in rows],
            meta=[_meta(request, one) for request, _, one in rows],
        )

    def _refused(self, rows: Sequence[tuple[Request, Judged]]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist(
            [
                {"key": request.key, "reason": str(one.bad), "detail": one.detail,
                 "recipe": self.labels[request.style], "parents": list(request.parents), "style": request.style,
                 "sample": request.sample, "text": one.text}
                for request, one in rows
            ],
            schema=_REJECTS,
        )  # fmt: skip


class _Asking:
    """The asking of one run: gives the generator what is not answered, and keeps what it answers."""

    _COMMIT_SECONDS = 0.01  # what came in this time is written down together
    _COMMIT_ROWS = 256
    _TELL_SECONDS = 0.1

    def __init__(self, production: Production, progress: Progress) -> None:
        self.made, self.progress = production, progress
        self.recipe = production.recipe
        self.budget = Budget(self.recipe.budget, production.before)
        self.stop = ""
        self.under_way: dict[str, tuple[Request, Cost]] = {}
        self.passed = self.answered = 0
        self.failed: Counter[str] = Counter()
        self.failed_keys: set[str] = set()
        self.spent = Cost()
        self.start = time.monotonic()

    def run(self) -> Asked:
        interrupted: KeyboardInterrupt | None = None
        waiting: list[Answer] = []
        last, told = time.monotonic(), 0.0
        answers = self._answers()
        while True:
            try:
                answer = next(answers, None)
                if answer is not None and answer.key:
                    waiting.append(answer)
                now = time.monotonic()
                if answer is None or len(waiting) >= self._COMMIT_ROWS or now - last >= self._COMMIT_SECONDS:
                    waiting, done = [], waiting
                    self._keep(done)
                    last = now
                    if interrupted is None and now - told >= self._TELL_SECONDS:
                        told = now
                        self._tell()
                if answer is None:
                    break
            except KeyboardInterrupt as stop:
                if interrupted is not None:  # the second ends it at once
                    raise
                interrupted, self.stop = stop, "interrupted"
        if interrupted is not None:
            raise interrupted
        return Asked(self.answered, dict(self.failed), self.stop, time.monotonic() - self.start,
                     frozenset(self.failed_keys))  # fmt: skip

    def _answers(self) -> Iterator[Answer]:
        concurrent = getattr(self.made.generator, "answer_within", None)
        if concurrent is not None:  # it reserves, sends and records by itself, request by request
            return iter(concurrent(self._todo(), self))
        return iter(self.made.generator.answer(self._recorded(self._todo())))

    def _todo(self) -> Iterator[Request]:
        for part in batched(self.made.requests(), _LOOKED_UP):
            known = self.made.ledger.known([one.key for one in part])
            self.passed += int(known.sum())
            for one, there in zip(part, known.tolist(), strict=True):
                if self.stop:
                    return
                if not there:
                    yield one

    def _recorded(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Yield requests that are reserved and recorded as asked, a few at a time."""
        for part in batched(requests, self._COMMIT_ROWS):
            taken = []
            for one in part:
                most = self.budget.reserve(one)
                if most is None:
                    self.stop = self.stop or "budget"
                    break
                taken.append((one, most))
            self.record_asked(taken)
            for one, _ in taken:
                yield one
            if self.stop:
                return

    # What a concurrent generator calls; from one thread at a time.

    def reserve(self, request: Request) -> Cost | None:
        """Return the reservation for an attempt, or None where the budget has no room."""
        return self.budget.reserve(request)

    def record_asked(self, taken: Sequence[tuple[Request, Cost]]) -> None:
        """Record requests that are about to be sent."""
        self.under_way.update({one.key: (one, most) for one, most in taken})
        self.made.ledger.asked(
            [(one, self._booked(most)) for one, most in taken],
            recipe=self.made.labels,
            book=self.recipe.asking_id,
            generator=self.made.generator.name,
        )

    def record_lost(self, request: Request, most: Cost, why: str) -> bool:
        """Record an attempt that may have been billed; its reservation stays spent. Say whether another one fits."""
        self.made.ledger.ended("lost", [(request.key, most, why)], book=self.recipe.asking_id)
        if self.budget.reserve(request) is not None:
            return True
        self.budget.settle(Cost(), most)
        return False

    def release(self, requests: Sequence[Request]) -> None:
        """Record requests that were not sent after all."""
        left = [self.under_way.pop(one.key) for one in requests]
        ends = [(one.key, self._booked(most), "") for one, most in left]
        self.made.ledger.ended("released", ends, book=self.recipe.asking_id)
        for _, most in left:
            self.budget.settle(most, Cost())

    def out_of_budget(self) -> None:
        """Say that the budget has ended the asking."""
        self.stop = self.stop or "budget"

    def _keep(self, answers: Sequence[Answer]) -> None:
        kept, ends = [], []
        for one in answers:
            request, most = self.under_way.pop(one.key)
            if one.error:
                ends.append((one.key, self._booked(most), one.error))
                self.failed[one.error] += 1
                self.failed_keys.add(one.key)
                self.budget.settle(most, Cost())
                continue
            known = one if self._paid(one) else replace(one, prompt_tokens=0, completion_tokens=0)
            actual = self.made.prices.actual(request, known)
            kept.append((known, self._booked(most), actual))
            self.spent += actual
            self.budget.settle(most, actual)
            self.answered += 1
        if kept:
            self.made.ledger.answered(kept, book=self.recipe.asking_id)
        if ends:
            self.made.ledger.ended("failed", ends, book=self.recipe.asking_id)

    def _booked(self, most: Cost) -> Cost:
        """Return what the ledger holds as reserved: an endpoint may bill what it did not answer, nobody else does."""
        return most if self.recipe.generator.kind == "endpoint" else Cost()

    def _paid(self, answer: Answer) -> bool:
        """Say whether an answer costs tokens: of files and programs, those do whose tokens are counted."""
        return self.recipe.generator.kind == "endpoint" or answer.completion_tokens is not None

    def _tell(self) -> None:
        done = self.passed + self.answered + sum(self.failed.values())
        seconds = max(time.monotonic() - self.start, 1e-9)
        rate = (self.answered + sum(self.failed.values())) / seconds
        words = f"{self.answered:,} answers, {rate:.1f}/s"
        if self.spent.pico:
            words += f", {self.spent.money:.4f} {self.recipe.budget.currency}"
        if rate and self.made.total > done:
            words += f", {_span((self.made.total - done) / rate)} left"
        if self.failed:
            words += f", {sum(self.failed.values()):,} failed"
        self.progress(done, self.made.total, words)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _meta(request: Request, judged: Judged) -> str:
    values: dict[str, Any] = {"request": request.key}
    if request.style:
        values["style"] = request.style
    if judged.trimmed:
        values["trimmed"] = True
    if judged.fields is not None:
        values["fields"] = dict(judged.fields)
    return json.dumps(values, ensure_ascii=False)


def _parents(request: Request) -> Iterator[tuple[str, str]]:
    if len(request.parents) == len(request.texts):  # a seed has texts, but need not have been made from documents
        yield from zip(request.parents, request.texts, strict=True)


def _sources(requests: Sequence[Request]) -> pa.Table:
    texts = {key: text for request in requests for key, text in _parents(request)}
    return pa.table({"id": pa.array(list(texts), pa.string()), "text": pa.array(list(texts.values()), pa.string())})
