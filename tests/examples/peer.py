"""A peer on a real socket that answers as told, for what the true server does only in trouble."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DROP = -1  # close the connection without an answer


@dataclass
class Peer:
    """What to answer, one after the other (the last one stays), and what was asked."""

    answers: list[tuple[int, Any, dict[str, str]]]
    url: str = ""
    requests: list[tuple[str, str, bytes, str]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def next_answer(self) -> tuple[int, Any, dict[str, str]]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def peer(*answers: tuple[int, Any] | tuple[int, Any, dict[str, str]]) -> Iterator[Peer]:
    """Serve on a free port until the block ends."""
    told = Peer([(status, body, *headers) if headers else (status, body, {}) for status, body, *headers in answers])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.requests.append((self.command, self.path, content, self.headers.get("Authorization", "")))
            told.connections.add(self.client_address)
            status, body, headers = told.next_answer()
            if status == DROP:
                self.close_connection = True
                return
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 (the base class's name)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
