"""Somebody who is told: an HTTP server in a thread, with what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.db.models.functions import Now

from kernel.actors import Actor
from notifications.models import Notification, Recipient
from notifications.services import create_recipient

ADMINISTRATOR = Actor("jo")


class Receiver:
    """Takes whatever is posted; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"

    @property
    def messages(self) -> list[Any]:
        """The bodies, read."""
        return [json.loads(body) for _, body in self.taken]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the time of the block."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def make_recipient(url: str, **chosen: Any) -> Recipient:
    return create_recipient(ADMINISTRATOR, name=chosen.pop("name", "Desk"), url=url, **chosen)[0]


def make_due() -> None:
    """Let all that waits be due now."""
    Notification.objects.filter(state="WAITING").update(due_at=Now())
