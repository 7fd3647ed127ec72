"""A process that answers everything but alerts: threads that take whole requests from the door, and nothing else.

All page processes accept on one Unix socket, a thread each request. A process that stands still accepts none, so that
the others get its share. A request comes as a document and a body, the answer goes back in parts of HTTP/1.1 as the
sender will get them; an empty part says that it is complete, or a process that died would look like one that is done.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from time import monotonic, sleep
from typing import Any

from django.http import StreamingHttpResponse

from kernel.events import PAGE_FAILED
from kernel.process_group import beat
from orchestrator_site.web.http1 import Environ, Headers, head_of

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Lengths of the environ's document and of the body; of a part of the answer.
REQUEST, PART = struct.Struct("!II"), struct.Struct("!I")
# The door has the whole request when it connects, and takes what it gets: slower than this it is dead.
SOCKET_SECONDS = 60.0
STOP_SECONDS = 4.0
# Answers that say no length (RFC 9110).
WITHOUT_CONTENT = {204, 304}
# In the environ: whether the sender's connection stays open after the answer.
KEEP_ALIVE = "orchestrator.keep_alive"


def request_frame(environ: Environ, body: bytes) -> bytes:
    """A request as it goes from the door to a page process."""
    document = json.dumps(environ).encode()
    return REQUEST.pack(len(document), len(body)) + document + body


def answer_parts(application: WSGIApplication, environ: dict[str, Any]) -> Iterator[bytes]:
    """Run the application; what the sender gets, part after part."""
    status, headers = 500, []

    def start_response(line: str, fields: Headers, _: object = None) -> None:
        nonlocal status, headers
        status, headers = int(line[:3]), fields

    keep_alive = environ[KEEP_ALIVE] == "yes"
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    response = application(environ, start_response)
    try:
        if not isinstance(response, StreamingHttpResponse):
            content = b"".join(response)
            if status not in WITHOUT_CONTENT and not any(name.lower() == "content-length" for name, _ in headers):
                headers.append(("Content-Length", str(len(content))))
            head = head_of(status, headers, keep_alive=keep_alive)
            yield head if is_head else head + content
            return
        # HTTP/1.0 knows no chunks: the end of the connection is the end of the answer.
        is_chunked = environ["SERVER_PROTOCOL"] == "HTTP/1.1" and not response.has_header("Content-Length")
        coding = [("Transfer-Encoding", "chunked")] if is_chunked else []
        yield head_of(status, [*headers, *coding], keep_alive=keep_alive)
        for part in response if not is_head else ():
            if part:
                yield b"%x\r\n%s\r\n" % (len(part), part) if is_chunked else part
        if is_chunked and not is_head:
            yield b"0\r\n\r\n"
    finally:
        if (close := getattr(response, "close", None)) is not None:
            close()


class PageProcess:
    """The threads of this process, and how many of them are answering."""

    def __init__(self, application: WSGIApplication, listener: socket.socket, threads: int) -> None:
        self._application = application
        self._listener = listener
        self._threads = threads
        self._lock = threading.Lock()
        self._busy = 0
        self._is_stopping = False

    def run(self) -> None:
        """Serve until SIGTERM, and let what has begun come to its end."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.start()
        while not self._is_stopping:
            beat()
            sleep(0.5)
        deadline = monotonic() + STOP_SECONDS
        while self._busy and monotonic() < deadline:
            sleep(0.02)

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._threads):
            threading.Thread(target=self._serve, name=f"page-{number}", daemon=True).start()

    def _stop(self, signum: int, frame: object) -> None:
        self._is_stopping = True

    def _serve(self) -> None:
        while not self._is_stopping:
            connection, _ = self._listener.accept()
            with self._lock:
                self._busy += 1
            try:
                with connection:
                    connection.settimeout(SOCKET_SECONDS)
                    self._answer(connection)
            finally:
                with self._lock:
                    self._busy -= 1

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as stream:
                lengths = stream.read(REQUEST.size)
                if len(lengths) < REQUEST.size:
                    return
                of_environ, of_body = REQUEST.unpack(lengths)
                environ, body = json.loads(stream.read(of_environ)), stream.read(of_body)
            if has_hung_up(connection):
                return
            for part in answer_parts(self._application, environ | wsgi_members(environ, body)):
                connection.sendall(PART.pack(len(part)) + part)
            connection.sendall(PART.pack(0))
        except OSError:
            # The sender, or the door itself, has gone: nobody waits for this answer.
            return
        except Exception as error:  # noqa: BLE001 (of a part that is streamed; Django answers all else itself)
            # Without its last part the sender sees that the answer broke off.
            PAGE_FAILED.log(error=repr(error))


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the door has turned away, because the sender has gone or was told to try again meanwhile."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def wsgi_members(environ: Environ, body: bytes) -> dict[str, Any]:
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
