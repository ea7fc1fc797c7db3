"""A real server on loopback that speaks OpenAI's chat completions, and fails as it is told to.

It answers by a function of the request, so that answers can be foretold; plays faults by the order of requests or by a
function of the request; and remembers what it saw: each request with its time, and the greatest number in flight. It
stops by itself after a time and takes a bounded number of requests.
"""

import base64
import hashlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import trustme
from waiting import NEVER, PATIENCE, RUN_SECONDS

LIFE_SECONDS = 2 * RUN_SECONDS  # longer than any test
AUTHORITY = trustme.CA()  # made anew for each process, so that no key stands in a file


@dataclass(frozen=True)
class Request:
    """A request as it came in; `number` counts from 0."""

    number: int
    at: float  # time.monotonic()
    path: str
    headers: dict[str, str]  # names in lower case
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return "\n".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def images(self) -> list[bytes]:
        """The encoded pictures of its data URLs."""
        urls = [part["image_url"]["url"] for part in self.parts if part["type"] == "image_url"]
        return [base64.b64decode(url.partition(";base64,")[2]) for url in urls]

    @property
    def parts(self) -> list[dict[str, Any]]:
        contents = [message["content"] for message in self.body["messages"]]
        return [
            part
            for content in contents
            for part in ([{"type": "text", "text": content}] if isinstance(content, str) else content)
        ]


def answer_of(request: Request) -> str:
    """An answer that hangs on the text and on each picture."""
    seen = "".join(hashlib.sha256(image).hexdigest() for image in request.images) + request.text
    return f"answer {hashlib.sha256(seen.encode()).hexdigest()[:12]}"


def completion(message: dict[str, Any] | str, finish_reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    """The body of an answer; `more` replaces top-level fields, a field that is None is left out."""
    message = {"content": message} if isinstance(message, str) else message
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "served-model-2026-11-24",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", **message}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        **more,
    }
    return {name: value for name, value in body.items() if value is not None}


Play = Callable[["_Handler", Request], None]
"""Answers a request in some way."""


def reply(message: dict[str, Any] | str, finish_reason: str | None = "stop", **more: Any) -> Play:
    return lambda handler, request: handler.send(200, completion(message, finish_reason, **more))


def status(code: int, error: dict[str, Any] | str | None = None, **headers: str) -> Play:
    """An error status; `headers` with _ for -."""
    error = {"message": "out of order", "code": None} if error is None else error
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, request: handler.send(code, {"error": error}, **named)


def overloaded_until(seconds: float) -> Play:
    """429 with a date to come back at, so many seconds from the request on."""
    return lambda handler, request: handler.send(
        429, {"error": {"message": "slow down"}}, **{"Retry-After": formatdate(time.time() + seconds, usegmt=True)}
    )


def slow(seconds: float) -> Play:
    """The right answer, too late."""

    def play(handler: "_Handler", request: Request) -> None:
        handler.server.fault_server.wait(seconds)
        handler.send(200, completion(handler.server.fault_server.answer(request)))

    return play


def held(until: threading.Event) -> Play:
    """The right answer, after an event that the test sets."""

    def play(handler: "_Handler", request: Request) -> None:
        until.wait(PATIENCE)
        handler.send(200, completion(handler.server.fault_server.answer(request)))

    return play


def in_company(count: int, then: Play | None = None) -> Play:
    """The right answer, or another, once so many requests were in flight at the same time."""

    def play(handler: "_Handler", request: Request) -> None:
        owner = handler.server.fault_server
        with owner.company:
            # no longer than callers wait, whose next call would come into the company of the one they gave up
            owner.company.wait_for(lambda: owner.most_in_flight >= count, PATIENCE / 2)
        (then or slow(0))(handler, request)

    return play


def dripping(seconds: float, pieces: int = 200) -> Play:
    """The right answer, byte after byte, so that no single read takes long."""

    def play(handler: "_Handler", request: Request) -> None:
        data = json.dumps(completion(handler.server.fault_server.answer(request))).encode()
        handler.begin(200, len(data))
        for place in range(pieces):
            handler.wfile.write(data[place : place + 1])
            handler.server.fault_server.wait(seconds / pieces)
        handler.wfile.write(data[pieces:])

    return play


def dropped(handler: "_Handler", request: Request) -> None:
    """The connection ends without a word."""
    handler.close_connection = True


def cut_off(handler: "_Handler", request: Request) -> None:
    """Half of the body that was announced, then the connection ends."""
    data = json.dumps(completion(handler.server.fault_server.answer(request))).encode()
    handler.begin(200, len(data))
    handler.wfile.write(data[: len(data) // 2])
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_WR)


def cut_off_unannounced(handler: "_Handler", request: Request) -> None:
    """Half of a body whose length was not announced; only the JSON shows that something is missing."""
    data = json.dumps(completion(handler.server.fault_server.answer(request))).encode()
    handler.begin(200, None)
    handler.wfile.write(data[: len(data) // 2])
    handler.wfile.flush()


def broken_json(handler: "_Handler", request: Request) -> None:
    handler.send_bytes(200, b'{"choices": [{"message": {"content": "half')


def not_json(handler: "_Handler", request: Request) -> None:
    """The page of some gateway, under status 200."""
    handler.send_bytes(200, b"<html>please log in</html>", content_type="text/html")


def sent(code: int, data: bytes, content_type: str = "application/json", **headers: str) -> Play:
    """Just these bytes; `headers` with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, request: handler.send_bytes(code, data, content_type, **named)


def page(code: int, title: str) -> Play:
    """A web page, of a gateway, a firewall or a login."""
    html = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><p>{'x' * 3000}</p></body></html>"
    return sent(code, html.encode(), "text/html; charset=utf-8")


def no_choices(handler: "_Handler", request: Request) -> None:
    handler.send(200, completion("", choices=[]))


def echoing_headers(code: int) -> Play:
    """An error that tells the caller's own headers, key included."""
    return lambda handler, request: handler.send(
        code, {"error": {"message": f"bad request with {json.dumps(request.headers)}", "code": None}}
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = NEVER  # how long a connection may be idle
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

    def do_POST(self) -> None:
        owner = self.server.fault_server
        data = self.rfile.read(int(self.headers["Content-Length"]))
        with owner.lock:
            request = Request(
                len(owner.requests),
                time.monotonic(),
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(data),
            )
            owner.requests.append(request)
            owner.in_flight += 1
            owner.most_in_flight = max(owner.most_in_flight, owner.in_flight)
            owner.company.notify_all()
        self._counted = True
        try:
            owner.play(request)(self, request)
        except (BrokenPipeError, ConnectionResetError):  # the caller gave up
            self.close_connection = True
        finally:
            self._uncount()

    def do_GET(self) -> None:
        """What a redirect makes of a question."""
        self._counted = False
        self.send_bytes(200, b"<html><title>Welcome</title></html>", "text/html")

    def do_CONNECT(self) -> None:
        """What a proxy is asked for a TLS connection; this one wants a login."""
        self._counted = False
        self.send_bytes(407, b"who are you?", "text/plain", **{"Proxy-Authenticate": "Basic"})

    def send(self, code: int, body: dict[str, Any], **headers: str) -> None:
        self.send_bytes(code, json.dumps(body).encode(), **headers)

    def send_bytes(self, code: int, data: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.begin(code, len(data), content_type, **headers)
        self.wfile.write(data)

    def begin(self, code: int, length: int | None, content_type: str = "application/json", **headers: str) -> None:
        self._uncount()  # before the caller can know of the end, or its next request would be counted beside this one
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.close_connection = length is None

    def _uncount(self) -> None:
        if self._counted:
            self._counted = False
            with self.server.fault_server.lock:
                self.server.fault_server.in_flight -= 1

    def log_message(self, *arguments: Any) -> None:
        """Nothing: the tests look at `requests`."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # where more connect at once, the system lets the rest wait for a second


class FaultServer:
    """The server; as a context it runs in threads of this process, at `base_url`.

    `script` is what to play to the first, second, … request (None: the right answer), or a function of the request that
    says so. `seconds` is how long each right answer takes. With `tls` it shows a certificate that nobody trusts.
    """

    def __init__(
        self,
        script: Iterable[Play | None] | Callable[[Request], Play | None] = (),
        answer: Callable[[Request], Any] = answer_of,
        seconds: float = 0.0,
        most_requests: int = 2000,
        tls: bool = False,
    ) -> None:
        self.requests: list[Request] = []
        self.in_flight = self.most_in_flight = 0
        self.answer = answer
        self.lock = threading.Lock()
        self.company = threading.Condition(self.lock)
        self._script = script if callable(script) else list(script)
        self._seconds = seconds
        self._most_requests = most_requests
        self._ended = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.fault_server = self
        self._end_of_life = threading.Timer(LIFE_SECONDS, self._server.shutdown)
        self._end_of_life.daemon = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.base_url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> "FaultServer":
        self._end_of_life.start()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._end_of_life.cancel()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def play(self, request: Request) -> Play:
        if request.number >= self._most_requests:
            return status(503, "the test asks too much")
        if callable(self._script):
            play = self._script(request)
        else:
            play = self._script[request.number] if request.number < len(self._script) else None
        return play or slow(self._seconds)

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than the server lives."""
        self._ended.wait(seconds)

    @property
    def gaps(self) -> list[float]:
        """Seconds between each request and the next."""
        times = [request.at for request in self.requests]
        return [later - earlier for earlier, later in pairwise(times)]
