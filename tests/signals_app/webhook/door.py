"""The alert process's event loop in a thread of the tests: what a test replaces or travels through holds there."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from orchestrator_site.web.door import Door
from orchestrator_site.web.heads import Environ
from orchestrator_site.web.page_process import PageProcess
from orchestrator_site.web.server import bound
from signals_app.webhook import writer
from tests.processes.patience import ALL_THE_TIME, LIMITS

NOWHERE = "/nonexistent/pages"


class ToldDoor(Door):
    """Believes a header about where a request comes from: all tests send from this machine."""

    def serve(self, environ: Environ, *rest: Any) -> None:
        environ["REMOTE_ADDR"] = environ.pop("HTTP_X_TOLD_ADDRESS", environ["REMOTE_ADDR"])
        super().serve(environ, *rest)


def take_all_the_time(patch: pytest.MonkeyPatch) -> None:
    """Let the database answer as late as a busy machine makes it."""
    for name in LIMITS:
        patch.setattr(writer, name, ALL_THE_TIME)


@contextmanager
def open_door(pages: str = NOWHERE, returned: socket.socket | None = None) -> Iterator[int]:
    """Serve on a free port, and what comes back there; the connections to the database end with the block.

    With all the time of the world: a test that asks for an answer in time has processes of its own.
    """
    with pytest.MonkeyPatch.context() as patch, returned or socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as doors:
        take_all_the_time(patch)
        with open_hasty_door(pages, doors) as port:
            yield port


@contextmanager
def open_hasty_door(pages: str, returned: socket.socket) -> Iterator[int]:
    """Serve with the limits that hold meanwhile."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop: list[Any] = []
    started = threading.Event()

    async def serve() -> None:
        stopping = asyncio.Event()
        stop.extend((asyncio.get_running_loop(), stopping))
        started.set()
        await ToldDoor(pages).serve_until(stopping, listener, returned)

    thread = threading.Thread(target=uvloop.run, args=(serve(),), name="door")
    thread.start()
    started.wait()
    try:
        yield int(listener.getsockname()[1])
    finally:
        loop, stopping = stop
        loop.call_soon_threadsafe(stopping.set)
        thread.join(15)


def open_pages(folder: Path, application: Any) -> str:
    """Answer pages in one thread of this process, to its end; return the address of its socket."""
    listener = bound(folder / "pages", socket.SOCK_STREAM)
    listener.listen()
    PageProcess(application, listener, 1).start()
    return str(listener.getsockname())


class Answer:
    """What came back, with what tests ask of Django's responses."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status_code = response.status
        self.content = response.read()
        self.headers = response.headers

    def __getitem__(self, name: str) -> str:
        return str(self.headers[name])

    def json(self) -> Any:
        return json.loads(self.content)


def post(port: int, path: str, body: bytes, content_type: str, **meta: Any) -> Answer:
    """Send a request with the headers that an environ would hold."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", path, skip_host="HTTP_HOST" in meta, skip_accept_encoding=True)
    meta = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body)), **meta}
    if "REMOTE_ADDR" in meta:
        meta["HTTP_X_TOLD_ADDRESS"] = meta.pop("REMOTE_ADDR")
    for key, value in meta.items():
        connection.putheader(key.removeprefix("HTTP_").replace("_", "-"), str(value).encode("latin-1"))
    connection.endheaders(body)
    answer = Answer(connection.getresponse())
    connection.close()
    return answer
