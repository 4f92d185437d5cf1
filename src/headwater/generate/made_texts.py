"""Texts that somebody made already, joined with their parents: by the parent's id, or in their order."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from headwater.errors import InputError
from headwater.generate.recipe_file import FilesSettings
from headwater.generate.request import Answer, Finish, Request
from headwater.schema import digest
from headwater.sources import Columns, Reject, RejectKind, RejectLog, expand_paths, read_documents


@dataclass(frozen=True, slots=True)
class MadeTexts:
    """Answers requests with texts from files.

    With a column of parents the n-th text of a parent answers its n-th request, whatever the order of the files; with
    none the n-th text answers the n-th request, so the files need a row for every one. Memory: the texts.
    """

    settings: FilesSettings
    rejects: RejectLog = field(default_factory=RejectLog, compare=False)
    """Where rows that cannot be used, and texts that no request asked for, are kept."""

    @property
    def name(self) -> str:
        """Return the name documents carry where the texts name no generator."""
        return self.settings.name or "files"

    @property
    def id(self) -> str:
        """Return the digest of the settings and of the files' content: other texts are other answers."""
        files = [(path.name, path.stat().st_size, _content(path)) for path in expand_paths(self.settings.paths)]
        return digest([self.settings.model_dump(mode="json", exclude={"paths"}), files])

    def answer(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield the answers in the order of the requests; a request without a text has an empty one.

        Raises:
            InputError: the files cannot be read, or hold no column of parents where one is named.
        """
        if not self.settings.parent:
            yield from self._in_order(requests)
            return
        texts = self._by_parent()
        for request in requests:
            waiting = texts.get("\n".join(sorted(request.parents)), [])
            yield self._answer(request, *(waiting.pop(0) if waiting else ("", "")))
        for parent, left in texts.items():
            for text, _ in left:
                detail = f"no request is left for this text of parent {parent!r}"
                self.rejects.add(
                    Reject(self.settings.paths[0], None, None, RejectKind.UNREADABLE_ROW, detail, text[:200])
                )

    def _in_order(self, requests: Iterable[Request]) -> Iterator[Answer]:
        rows = self._rows(every_row=True)
        for request in requests:
            text, generator, _ = next(rows, ("", "", ()))
            yield self._answer(request, text, generator)

    def _answer(self, request: Request, text: str, generator: str) -> Answer:
        model = self.settings.name or generator or self.name
        return Answer(request.key, text, Finish.UNKNOWN if text else Finish.NONE, model=model)

    def _by_parent(self) -> dict[str, list[tuple[str, str]]]:
        texts: dict[str, list[tuple[str, str]]] = {}
        for text, generator, parents in self._rows(every_row=False):
            texts.setdefault("\n".join(sorted(parents)), []).append((text, generator))
        if set(texts) <= {""}:
            raise InputError(
                f"no text in {', '.join(self.settings.paths)} names a parent in column {self.settings.parent!r}. Name "
                'the column in generator.parent, or set it to "" to take the texts in the order of the parents.'
            )
        return texts

    def _rows(self, *, every_row: bool) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        columns = replace(Columns(text=self.settings.text), parents=self.settings.parent or None, as_written=True)
        stream = read_documents(self.settings.paths, replace(columns, id=None), self.rejects, every_row=every_row)
        for batch in stream:
            rows = zip(*(batch[name].to_pylist() for name in ("text", "generator", "parents")), strict=True)
            for text, generator, parents in rows:
                yield text, generator or "", tuple(parents or ())


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
