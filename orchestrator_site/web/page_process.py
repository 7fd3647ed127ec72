"""A page process: threads that answer everything but alerts, few at once (`turns.py`).

All page processes accept on one Unix socket, and a process that stands still accepts nothing, so that the others get
its share. A request comes as a document and a body. What goes back to the door are parts: first the call of the API
that it was, nothing for a page; then HTTP/1.1 as the sender will get it; an empty part says that this was all, or a
process that died would look like one that is done. Engines' connections are answered without the door (`intake.py`).
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from time import monotonic, sleep
from typing import Any

from django.http import StreamingHttpResponse

from kernel.events import PAGE_FAILED
from kernel.processes import beat
from orchestrator_site.web.handling import ROUTE
from orchestrator_site.web.heads import KEEP_ALIVE, Headers, head_of
from orchestrator_site.web.intake import Intake, Request
from orchestrator_site.web.turns import Turns

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
END = b""
STOP_SECONDS = 4.0
# A statement may take 60, and the door waits no longer for the beginning of an answer.
STUCK_SECONDS = 75.0
LOOK_SECONDS = 0.5
# Answers that say no length (RFC 9110).
WITHOUT_CONTENT = {204, 304}


def answer_parts(application: WSGIApplication, environ: dict[str, Any]) -> Iterator[list[bytes]]:
    """Run the application; method, status and route of a call of the API, then what the sender gets, in parts.

    Those that are there at once come together: whatever is sent alone wakes the door up once more.
    """
    status, headers = 500, []

    def start_response(line: str, fields: Headers, _: object = None) -> None:
        nonlocal status, headers
        status, headers = int(line[:3]), fields

    keep_alive = bool(environ[KEEP_ALIVE])
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    response = application(environ, start_response)
    try:
        route = environ.get(ROUTE, "")
        method = environ["REQUEST_METHOD"] if status != 405 else "ANY"
        label = f"{method} {status} {route}".encode() if route else b""
        if not isinstance(response, StreamingHttpResponse):
            content = b"".join(response)
            if status not in WITHOUT_CONTENT and not any(name.lower() == "content-length" for name, _ in headers):
                headers.append(("Content-Length", str(len(content))))
            head = head_of(status, headers, keep_alive=keep_alive)
            yield [label, head if is_head else head + content, END]
            return
        # HTTP/1.0 knows no chunks: the end of the connection is the end of the answer.
        is_chunked = environ["SERVER_PROTOCOL"] == "HTTP/1.1" and not response.has_header("Content-Length")
        coding = [("Transfer-Encoding", "chunked")] if is_chunked else []
        yield [label, head_of(status, [*headers, *coding], keep_alive=keep_alive)]
        for part in response if not is_head else ():
            if part:
                yield [b"%x\r\n%s\r\n" % (len(part), part) if is_chunked else part]
        yield [b"0\r\n\r\n", END] if is_chunked and not is_head else [END]
    finally:
        if (close := getattr(response, "close", None)) is not None:
            close()


def wsgi_members(body: bytes) -> dict[str, Any]:
    """What WSGI asks for beside the request itself (PEP 3333)."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


class PageProcess:
    """The threads of this process, and when each of them last came on with the request that it has."""

    def __init__(
        self, application: WSGIApplication, listener: socket.socket, threads: int, doors: str | None = None
    ) -> None:
        self._application = application
        self._intake = Intake(listener, doors)
        self._threads = threads
        self._turns = Turns()
        self._progress: dict[int, float] = {}
        self._is_stopping = False

    def run(self) -> None:
        """Serve until SIGTERM, and let what has begun come to its end."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.start()
        while not self._is_stopping:
            if self.is_coming_on():
                beat()
            self._intake.look_after(is_full=len(self._progress) >= self._threads)
            sleep(LOOK_SECONDS)
        self._intake.stop()
        deadline = monotonic() + STOP_SECONDS
        while self._progress and monotonic() < deadline:
            sleep(0.02)

    def start(self) -> None:
        """Start the threads."""
        threading.Thread(target=self._turns.watch, name="turns", daemon=True).start()
        for number in range(self._threads):
            threading.Thread(target=self._serve, args=(number,), name=f"page-{number}", daemon=True).start()

    def is_coming_on(self) -> bool:
        """Whether a thread is free, or has come on with its request lately."""
        busy = list(self._progress.values())
        return len(busy) < self._threads or monotonic() - max(busy) < STUCK_SECONDS

    def _stop(self, signum: int, frame: object) -> None:
        self._is_stopping = True

    def _serve(self, number: int) -> None:
        while not self._is_stopping:
            self._turns.wait(number)
            source = self._intake.wait()
            self._progress[number] = monotonic()
            self._turns.begin(number)
            try:
                if (request := self._intake.read(source)) is not None:
                    self._answer(request, number)
            except Exception as error:  # noqa: BLE001 (nothing that anybody sends may end a thread)
                source.close()
                PAGE_FAILED.log(error=repr(error))
            del self._progress[number]

    def _answer(self, request: Request, number: int) -> None:
        environ = request.environ | wsgi_members(request.body)
        try:
            request.line.answer(self._watched(answer_parts(self._application, environ), number))
        except OSError:
            # The sender, or the door itself, has gone: nobody waits for this answer.
            request.line.close()
        except Exception as error:  # noqa: BLE001 (of a part that is streamed; Django answers all else itself)
            # Without its last part the sender sees that the answer broke off.
            request.line.close()
            PAGE_FAILED.log(error=repr(error))

    def _watched(self, answer: Iterator[list[bytes]], number: int) -> Iterator[list[bytes]]:
        for parts in answer:
            yield parts
            self._progress[number] = monotonic()
