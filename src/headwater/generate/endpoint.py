"""Any endpoint that speaks OpenAI's protocol, through the official client: many requests at once, patiently.

Attempts that fail in passing (429, 500, 502, 503, 504, 408, 409, broken connections, timeouts, streams that end in the
middle, bodies that are no JSON) are repeated after a wait that doubles and is drawn at random up to its full length;
where the endpoint says how long to wait, that is what is waited, by all requests when it is overloaded. Every attempt
at a request carries the same ``Idempotency-Key``, the request's key, so that an endpoint that knows the header bills it
once. Keys are read from the environment and written nowhere.
"""

import asyncio
import json
import math
import os
import queue
import random
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from headwater.errors import InputError, MissingExtraError
from headwater.generate.budget import Cost, Prices
from headwater.generate.rate import Bucket
from headwater.generate.recipe_file import BudgetSettings, DecodingSettings, EndpointSettings, LimitSettings
from headwater.generate.request import Answer, Finish, Request
from headwater.schema import digest

_AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_OVERLOADED = frozenset({429, 503, 529})  # everybody waits, not the one request alone
_HOPELESS = {
    401: "it does not accept the key",
    403: "it does not allow this",
    404: "it knows no such model or address",
}
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  (compared with, not bound to)
_SAID = 300
_POOL = 16
"""Connections of one pool, at least."""
_MOST_POOLS = 16  # each loads the certificates of its own, which takes some ten milliseconds
_TICK_SECONDS = 0.01
TICK = Answer("", "", Finish.UNKNOWN)
"""Handed out where nothing more is there yet, so that what came before can be kept."""


class Journal(Protocol):
    """Keeps account of what is sent; see :mod:`headwater.generate.produce`."""

    under_way: dict[str, tuple[Request, Cost]]

    def reserve(self, request: Request) -> Cost | None:
        """Return the reservation for a request, or None where there is no room for it."""
        ...

    def record_asked(self, taken: Sequence[tuple[Request, Cost]]) -> None:
        """Record requests that are about to be sent."""
        ...

    def record_lost(self, request: Request, most: Cost, why: str) -> bool:
        """Record an attempt that may have been billed without an answer; say whether there is room for another."""
        ...

    def release(self, requests: Sequence[Request]) -> None:
        """Record requests that were not sent after all."""
        ...

    def out_of_budget(self) -> None:
        """Say that the budget has ended the asking."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Asks an endpoint, ``limits.concurrency`` requests at once."""

    settings: EndpointSettings
    decoding: DecodingSettings = field(default_factory=DecodingSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.settings.model

    @property
    def id(self) -> str:
        """Return the digest of address or deployment, model and decoding."""
        decoding = self.decoding.model_dump(mode="json")
        return digest([self.settings.identity(), decoding])

    def answer(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield answers as they come; nothing is recorded, and no budget is kept.

        Raises:
            InputError: the endpoint refuses the key or the model, or nothing but failures comes.
            MissingExtraError: the client is not installed.
        """
        for one in self.answer_within(requests, _Nobody(Prices.of(self.budget))):
            if one.key:
                yield one

    def answer_within(self, requests: Iterable[Request], journal: Journal) -> Iterator[Answer]:
        """Yield answers as they come, and ``TICK`` where no more is there yet.

        What is under way when the requests end is awaited. Closing the iterator breaks off what is under way.

        Args:
            requests: taken a few at a time, shortly before they are sent, in another thread.
            journal: is told what is sent before it is.

        Raises:
            InputError: the endpoint refuses the key or the model, or nothing but failures comes.
            MissingExtraError: the client is not installed.
        """
        _client_library()
        key = _api_key(self.settings)
        asking = _Asking(self, iter(requests), journal, key)
        thread = threading.Thread(target=asking.run, name="asking the endpoint", daemon=True)
        thread.start()
        try:
            while True:
                try:
                    found = asking.out.get(timeout=_TICK_SECONDS)
                except queue.Empty:
                    yield TICK
                    continue
                if found is None:
                    break
                yield found
        finally:
            asking.cancel()
            thread.join()
        if asking.trouble is not None:
            raise asking.trouble


class _Asking:
    """One use of an endpoint: a feeder, as many workers as requests may be under way, and a queue of answers."""

    def __init__(self, endpoint: Endpoint, requests: Iterator[Request], journal: Journal, key: str) -> None:
        self.endpoint, self.requests, self.journal, self.key = endpoint, requests, journal, key
        self.limits = endpoint.limits
        self.out: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self.trouble: BaseException | None = None
        self._held: Request | None = None
        self._ended = False
        self._paused_until = 0.0
        self._failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._files = ThreadPoolExecutor(1, "requests")  # what touches the disk or renders prompts stays off the loop
        # The order of waits is no part of any result.
        self._random = random.Random()  # noqa: S311

    def run(self) -> None:
        """Work until everything is answered; exceptions are kept in ``trouble``."""
        try:
            asyncio.run(self._work())
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self.trouble = self.trouble or error
        finally:
            self._files.shutdown()
            self.out.put(None)

    def cancel(self) -> None:
        """Break off what is under way; nothing happens where all is done."""
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not task.done():
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:  # it ended meanwhile
                return

    async def _work(self) -> None:
        import openai

        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        limits = self.limits
        self._per_minute = Bucket(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = Bucket(limits.tokens_per_minute) if limits.tokens_per_minute else None
        ahead = max(limits.concurrency // 4, 4)
        self._ready: asyncio.Queue[tuple[Request, Cost] | None] = asyncio.Queue(ahead)
        # A pool looks through all its connections for every request; several small ones have less to look through.
        size = max(_POOL, -(-limits.concurrency // _MOST_POOLS))
        pools = -(-limits.concurrency // size)
        async with AsyncExitStack() as open_clients:
            clients = [
                await open_clients.enter_async_context(
                    openai.AsyncOpenAI(
                        api_key=self.key,
                        base_url=self.endpoint.settings.base_url,
                        timeout=limits.timeout_seconds,
                        max_retries=0,
                        http_client=_http_client(size, limits.timeout_seconds),
                    )
                )
                for _ in range(pools)
            ]
            workers = [asyncio.create_task(self._worker(clients[i % pools])) for i in range(limits.concurrency)]
            try:
                await self._feed(ahead)
                await asyncio.gather(*workers)
            finally:
                for one in workers:
                    one.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        unsent = []
        while not self._ready.empty():
            item = self._ready.get_nowait()
            unsent += [item[0]] if item is not None else []
        if unsent:
            self.journal.release(unsent)

    async def _feed(self, ahead: int) -> None:
        loop = asyncio.get_running_loop()
        while not self._ended and self.trouble is None:
            taken, full = await loop.run_in_executor(self._files, self._take, ahead)
            for one in taken:
                await self._ready.put(one)
            if full and not taken:
                if not self.journal.under_way:  # nothing that comes back can make room
                    self.journal.out_of_budget()
                    break
                await asyncio.sleep(0.05)
        for _ in range(self.limits.concurrency):
            await self._ready.put(None)

    def _take(self, most: int) -> tuple[list[tuple[Request, Cost]], bool]:
        """Return the next requests, reserved and recorded, and whether the budget has no room for more right now."""
        taken: list[tuple[Request, Cost]] = []
        full = False
        while len(taken) < most:
            request = self._held or next(self.requests, None)
            if request is None:
                self._ended = True
                break
            cost = self.journal.reserve(request)
            if cost is None:
                self._held, full = request, True
                break
            self._held = None
            taken.append((request, cost))
        self.journal.record_asked(taken)
        return taken, full

    async def _worker(self, client: Any) -> None:
        while (item := await self._ready.get()) is not None:
            if self.trouble is not None:
                await asyncio.get_running_loop().run_in_executor(self._files, self.journal.release, [item[0]])
                continue
            answer = await self._answer(client, *item)
            self._failures = self._failures + 1 if answer.error else 0
            self.out.put(answer)
            if self._failures >= max(self.limits.concurrency, 10):
                self._give_up(
                    f"the last {self._failures} requests to {self.endpoint.settings.base_url} all failed: "
                    f"{answer.error}"
                )

    async def _answer(self, client: Any, request: Request, most: Cost) -> Answer:
        wait, attempt, started = self.limits.first_wait_seconds, 0, time.monotonic()
        said = ""
        partial = Answer(request.key, "", Finish.UNKNOWN, error="not asked")
        while attempt < self.limits.attempts and self.trouble is None:
            attempt += 1
            await self._turn(most)
            started = time.monotonic()
            found = await self._attempt(client, request)
            if isinstance(found, Answer):
                if self._tokens is not None:
                    used = (found.prompt_tokens or most.prompt_tokens) + (
                        found.completion_tokens or most.completion_tokens
                    )
                    self._tokens.give_back(most.tokens - used)
                return replace(found, attempts=attempt, seconds=time.monotonic() - started)
            said, partial = found.said, found.partial or partial
            if found.hopeless:
                self._give_up(said)
            if not found.again:
                break
            last = attempt == self.limits.attempts
            if found.lost and not (last and found.partial is not None):  # kept as an answer, it is paid for as one
                fits = await asyncio.get_running_loop().run_in_executor(
                    self._files, self.journal.record_lost, request, most, said
                )
                if not fits:
                    return Answer(
                        request.key, "", Finish.UNKNOWN, attempts=attempt, error=f"{said}; the budget ends here"
                    )
            pause = found.wait if found.wait is not None else self._random.uniform(0, wait)
            wait = min(2 * wait, self.limits.longest_wait_seconds)
            if pause > self.limits.longest_wait_seconds:
                said = f"{said}; it asks to wait {pause:.0f} seconds (limits.longest_wait_seconds)"
                break
            if found.everybody:
                self._paused_until = max(self._paused_until, time.monotonic() + pause)
            if not last:
                await asyncio.sleep(pause)
        if partial.finish in {Finish.CUT, Finish.MALFORMED}:
            return replace(partial, attempts=attempt, seconds=time.monotonic() - started)
        return Answer(request.key, "", Finish.UNKNOWN, attempts=attempt, error=said or "given up")

    async def _turn(self, most: Cost) -> None:
        """Wait until another request may be sent."""
        if self._per_minute is not None:
            await asyncio.sleep(self._per_minute.take())
        if self._tokens is not None:
            await asyncio.sleep(self._tokens.take(most.tokens))
        while (pause := self._paused_until - time.monotonic()) > 0:  # noqa: ASYNC110  (it may be put off meanwhile)
            await asyncio.sleep(pause)

    async def _attempt(self, client: Any, request: Request) -> "Answer | _Failure":
        import httpx2
        import openai

        try:
            async with asyncio.timeout(self.limits.timeout_seconds):
                return await (self._streamed if self.endpoint.settings.stream else self._whole)(client, request)
        except openai.APIStatusError as error:
            status = error.status_code
            said = f"HTTP {status}: {_message(error)}"
            if status in _HOPELESS:
                return _Failure(f"{self.endpoint.settings.base_url} says {_HOPELESS[status]} ({said})", hopeless=True)
            return _Failure(
                said,
                again=status in _AGAIN,
                wait=_retry_after(error.response.headers),
                everybody=status in _OVERLOADED,
            )
        except (openai.APITimeoutError, TimeoutError):
            return _Failure(f"no answer within {self.limits.timeout_seconds:g} seconds", again=True, lost=True)
        except (openai.APIConnectionError, openai.APIError, httpx2.HTTPError) as error:
            cause = error.__cause__ or error
            lost = not isinstance(cause, httpx2.ConnectError)  # what was never connected was never billed
            return _Failure(f"connection: {cause or type(cause).__name__}", again=True, lost=lost)

    async def _whole(self, client: Any, request: Request) -> "Answer | _Failure":
        import httpx2

        # The client's general call: its methods for chats check every field of what is sent and of what comes, at twice
        # the processor time (measured with benchmarks/endpoint.py).
        path, asked, headers = self._asked(request)
        raw: Any = await client.post(path, cast_to=httpx2.Response, body=asked, options={"headers": headers})
        try:
            body = json.loads(raw.content)
            return _parsed(request.key, body, self.endpoint.settings.api)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return _Failure(
                f"the body is no answer: {error}",
                again=True,
                lost=True,
                partial=Answer(request.key, raw.text[:2000], Finish.MALFORMED),
            )

    async def _streamed(self, client: Any, request: Request) -> "Answer | _Failure":
        import httpx2
        import openai

        pieces: list[str] = []
        finish, model, usage, fault = "", "", None, "it ended without saying why"
        kind = Finish.CUT
        _, asked, headers = self._asked(request)
        extra = self.endpoint.settings.extra
        sent = {name: value for name, value in asked.items() if name not in extra}
        chats = self.endpoint.settings.api == "chat"
        made: Any = client.chat.completions if chats else client.completions
        stream = await made.create(
            **sent, stream=True, stream_options={"include_usage": True}, extra_headers=headers, extra_body=extra or None
        )
        try:
            async for part in stream:
                model = part.model or model
                usage = part.usage or usage
                for choice in part.choices[:1]:
                    text = choice.text if self.endpoint.settings.api == "completions" else choice.delta.content
                    pieces.append(text or "")
                    finish = choice.finish_reason or finish
        except (openai.APIError, httpx2.HTTPError) as error:
            fault = str(error)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            fault, kind = str(error), Finish.MALFORMED
        finally:
            await stream.close()
        text = "".join(pieces)
        if not finish:
            return _Failure(
                f"the stream broke off: {fault}", again=True, lost=True, partial=Answer(request.key, text, kind)
            )
        read, written = (None, None) if usage is None else (usage.prompt_tokens, usage.completion_tokens)
        return Answer(request.key, text, _finish(finish), read, written, model)

    def _asked(self, request: Request) -> tuple[str, dict[str, Any], dict[str, str]]:
        """Return the path, the body and the headers of a request."""
        settings, decoding = self.endpoint.settings, self.endpoint.decoding
        asked: dict[str, Any] = {"model": settings.model, "temperature": decoding.temperature}
        if decoding.top_p < 1:
            asked["top_p"] = decoding.top_p
        if decoding.stop:
            asked["stop"] = list(decoding.stop)
        if decoding.send_seed:
            asked["seed"] = request.seed
        if settings.api == "completions":
            path = "/completions"
            asked["prompt"] = f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
            asked["max_tokens"] = request.max_tokens
        else:
            path = "/chat/completions"
            before = [{"role": "system", "content": request.system}] if request.system else []
            asked["messages"] = [*before, {"role": "user", "content": request.prompt}]
            asked[settings.token_limit] = request.max_tokens
        return path, asked | settings.extra, {"Idempotency-Key": request.key}

    def _give_up(self, why: str) -> None:
        if self.trouble is None:
            self.trouble = InputError(
                f"{why}. What was answered is kept; repeat the command when the endpoint works, or correct the recipe."
            )


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that gave no answer."""

    said: str
    again: bool = False
    """Another attempt may help."""
    lost: bool = False
    """It may have been billed."""
    hopeless: bool = False
    """No request will be answered."""
    wait: float | None = None
    """What the endpoint asks to wait, in seconds."""
    everybody: bool = False
    """All requests should wait."""
    partial: Answer | None = None
    """What came of an answer."""


class _Nobody:
    """A journal that keeps nothing."""

    def __init__(self, prices: Prices) -> None:
        self.under_way: dict[str, tuple[Request, Cost]] = {}
        self._prices = prices

    def reserve(self, request: Request) -> Cost | None:
        return self._prices.most(request)

    def record_asked(self, taken: Sequence[tuple[Request, Cost]]) -> None:
        pass

    def record_lost(self, request: Request, most: Cost, why: str) -> bool:  # noqa: ARG002  (a Journal takes them)
        return True

    def release(self, requests: Sequence[Request]) -> None:
        pass

    def out_of_budget(self) -> None:
        pass


def _parsed(key: str, body: Any, api: str) -> Answer:
    choice = body["choices"][0]
    text = choice["text"] if api == "completions" else choice["message"].get("content")
    if text is not None and not isinstance(text, str):
        raise TypeError("its content is no text")
    usage = body.get("usage") or {}
    return Answer(
        key,
        text or "",
        _finish(choice.get("finish_reason")),
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        model=str(body.get("model") or ""),
    )


def _finish(value: object) -> Finish:
    return {"stop": Finish.STOP, "length": Finish.LENGTH, "content_filter": Finish.FILTERED}.get(
        str(value), Finish.UNKNOWN
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _message(error: Any) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    return str(body.get("message") or error.message)[:_SAID]


def _retry_after(headers: Any) -> float | None:
    """Return the seconds an endpoint asks to wait: milliseconds, seconds, or a date; None where it does not say."""
    from email.utils import parsedate_to_datetime

    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) / unit
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except (ValueError, TypeError, OverflowError):
                continue
        if not math.isnan(seconds):
            return max(seconds, 0.0)
    return None


def _api_key(settings: EndpointSettings) -> str:
    key = os.environ.get(settings.api_key_env, "")
    if key:
        return key
    if urlsplit(settings.base_url).hostname in _LOCAL:
        return "none"  # servers on this machine seldom want one, and the client insists on something
    raise InputError(
        f"there is no key for {settings.base_url}: the environment variable {settings.api_key_env} is not set. Set it, "
        "or name another one in generator.api_key_env."
    )


def _http_client(connections: int, timeout_seconds: float) -> Any:
    import httpx2

    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx2.AsyncClient(limits=limits, timeout=timeout_seconds, follow_redirects=True)


def _client_library() -> None:
    try:
        import openai  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("asking an endpoint", "generate") from error
