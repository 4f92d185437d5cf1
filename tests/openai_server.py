"""A server that speaks OpenAI's protocol, in a process of its own, with faults on demand.

    python tests/openai_server.py PORT SETTINGS.json LOG.jsonl

Settings: ``latency`` seconds, ``usage`` (false: answers carry no token counts), ``honours_keys`` (bill an idempotency
key once), ``faults``: list of [kind, times] that the first requests meet, one after another; ``always``: a kind that
every request meets; ``texts``: substring of the prompt to answer. Every billed request is one line of the log, written
before the answer is sent. GET /stats: requests under way, highest and mean number of them, all requests.
"""

import asyncio
import hashlib
import json
import sys
import time
from pathlib import Path

WORDS = [
    "river",
    "stone",
    "light",
    "paper",
    "window",
    "garden",
    "engine",
    "market",
    "winter",
    "bridge",
    "letter",
    "music",
    "forest",
    "harbour",
    "village",
]


def answer_to(prompt, key, texts):
    for part, text in texts.items():
        if part in prompt:
            return text
    seed = hashlib.blake2b(f"{key}{prompt}".encode(), digest_size=32).digest()
    words = [WORDS[byte % len(WORDS)] for byte in seed]
    return (
        f"The {' and the '.join(words[:6])} were seen in the {words[7]}. Later the {words[8]} of the {words[9]} went."
    )


class Server:
    def __init__(self, settings, log):
        self.settings, self.log = settings, log
        self.faults = [kind for kind, times in settings.get("faults", []) for _ in range(times)]
        self.under_way = self.highest = self.requests = 0
        self.area = 0.0
        self.at = self.first = self.last = None

    def count(self, change):
        now = time.monotonic()
        if self.at is not None:
            self.area += self.under_way * (now - self.at)
        self.first = self.first or now
        self.at = self.last = now
        self.under_way += change
        self.highest = max(self.highest, self.under_way)

    async def connected(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *rest = head.decode().split("\r\n")
                headers = {k.strip().lower(): v.strip() for k, v in (one.split(":", 1) for one in rest if ":" in one)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if first.startswith("GET /stats"):
                    span = (self.last or 0) - (self.first or 0)
                    stats = {
                        "highest": self.highest,
                        "requests": self.requests,
                        "seconds": span,
                        "mean": self.area / span if span else 0.0,
                    }
                    self.send(writer, 200, stats)
                    continue
                self.requests += 1
                self.count(+1)
                try:
                    await self.ask(writer, headers, json.loads(body))
                finally:
                    self.count(-1)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def ask(self, writer, headers, body):
        settings = self.settings
        await asyncio.sleep(settings.get("latency", 0.0))
        kind = self.faults.pop(0) if self.faults else settings.get("always", "")
        if kind == "slow":
            await asyncio.sleep(settings.get("slow", 5.0))
        if kind.isdigit():
            extra = {"retry-after": str(settings["retry_after"])} if "retry_after" in settings else {}
            return self.send(writer, int(kind), {"error": {"message": f"fault {kind}"}}, extra)
        if kind == "reset":
            writer.transport.abort()
            return None
        chat = "messages" in body
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        key = headers.get("idempotency-key", "")
        text = answer_to(prompt, key, settings.get("texts", {}))
        finish = {"length": "length", "filter": "content_filter"}.get(kind, "stop")
        if kind == "empty":
            text = ""
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        with self.log.open("a") as log:
            log.write(
                json.dumps({"key": key, "auth": headers.get("authorization"), "seed": body.get("seed"), **usage}) + "\n"
            )
        if kind == "malformed":
            return self.send(writer, 200, b'{"choices": [{"mess')
        usage = usage if settings.get("usage", True) else None
        choice = {"index": 0, "finish_reason": finish}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        base = {"id": "x", "object": "chat.completion", "created": 0, "model": "served-model"}
        if body.get("stream"):
            return await self.stream(writer, base, text, finish, usage, chat, kind)
        if kind == "cut":
            data = json.dumps(base | {"choices": [choice]}).encode()
            writer.write(
                f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode()
            )
            writer.write(data[: len(data) // 2])
            await writer.drain()
            writer.transport.abort()
            return None
        return self.send(writer, 200, base | {"choices": [choice], **({"usage": usage} if usage else {})})

    async def stream(self, writer, base, text, finish, usage, chat, kind):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        pieces = text.split(" ")
        for i, piece in enumerate(pieces):
            if kind == "cut" and i == len(pieces) // 2:
                break
            word = piece if i == 0 else f" {piece}"
            choice = {"index": 0, "finish_reason": None} | ({"delta": {"content": word}} if chat else {"text": word})
            writer.write(b"data: " + json.dumps(base | {"choices": [choice]}).encode() + b"\n\n")
            await writer.drain()
        if kind != "cut":
            end = {"index": 0, "finish_reason": finish} | ({"delta": {}} if chat else {"text": ""})
            writer.write(b"data: " + json.dumps(base | {"choices": [end]}).encode() + b"\n\n")
            if usage:
                writer.write(b"data: " + json.dumps(base | {"choices": [], "usage": usage}).encode() + b"\n\n")
            writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        writer.close()

    @staticmethod
    def send(writer, status, body, extra=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in (extra or {}).items())
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n{more}\r\n".encode()
            + data
        )


async def main(port, settings, log):
    server = Server(settings, Path(log))
    listening = await asyncio.start_server(server.connected, "127.0.0.1", int(port), backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), sys.argv[3]))
