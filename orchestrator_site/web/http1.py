"""HTTP/1.1 on an event loop: the senders' connections of an alert process.

A request is handed on once it is whole, or once more of its body has come than anybody reads: then it is answered at
once, and the rest is taken off the wire, or the sender would miss the answer. Half-closed senders get theirs, too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Any, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from kernel.errors import DomainError
from orchestrator_site.web.heads import (
    ADDRESSES,
    HEAD_BYTES,
    HEAD_END,
    NOTHING_MAY_LOAD,
    Environ,
    Headers,
    Heard,
    RequestError,
    head_of,
    keeps_alive,
    length_of,
    parse_head,
)  # fmt: skip

# What is taken off the wire of a body that nobody reads; more ends the connection.
TAKEN_BYTES = 64 * 1024 * 1024
# What a sender may send ahead while its last request is answered.
AHEAD_BYTES = 64 * 1024
# TradingView itself gives up after three.
BODY_SECONDS = 10.0
IDLE_SECONDS = 75.0
# How long a refused sender may go on sending before the connection is cut.
LINGER_SECONDS = 2.0
# A sender who takes nothing of his answer for so long is gone.
STALL_SECONDS = 30.0
# Of all senders together, until each has his answer; whoever comes beyond that is refused.
HELD_BYTES = 256 * 1024 * 1024
PATROL_SECONDS = 1.0
PROBLEM_JSON, RETRY_SECONDS = "application/problem+json", "5"
# A parser that is about to read a chunked body.
_CHUNKED_HEAD = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


class Site(Protocol):
    """What answers the requests of all connections."""

    # In the order in which they came.
    connections: dict[Connection, None]
    most_connections: int
    held_bytes: int
    is_draining: bool

    def kept_bytes(self, environ: Environ) -> int:
        """How much of this request's body anybody reads; one byte more shows that there is more."""

    def serve(
        self, environ: Environ, body: bytes, connection: Connection, cut_short: DomainError | None = None
    ) -> None:
        """Begin to answer; the answer ends with `connection.answer` or `connection.finish`.

        `cut_short` says why this body is only the beginning of what was announced: nobody's request, to be refused so.
        """


class Connection(asyncio.Protocol):
    """One sender: reads its requests one after the other, and writes the answers."""

    def __init__(self, site: Site, heard: bytes | None = None) -> None:
        """Take a new connection, or one that somebody else has had, with what he has heard of its next request."""
        self._site = site
        self._heard_before = heard
        self._buffer = bytearray()
        self._read: Callable[[], bool] = self._read_head
        self._environ: Environ = {}
        self._body = bytearray()
        self._kept = self._left = self._size = self._held = 0
        self._is_paused = self._is_choked = self._is_advancing = self._ends = self._has_ended = False
        # Of an answer, what the sender had not taken when it was last looked at.
        self._unsent = 0
        # From handing the request on until its answer is out; whether any of the answer is out.
        self.is_served = self.has_answered = False
        # Where the site notes what to do when the sender cannot take more, can again, or is gone.
        self.on_pause: Callable[[], object] | None = None
        self.on_resume: Callable[[], object] | None = None
        self.on_lost: Callable[[], object] | None = None
        self.on_deadline: Callable[[], object] = self._too_late
        self.deadline = monotonic() + (BODY_SECONDS if heard is None else IDLE_SECONDS)
        self.keeps_alive = False
        # For the site to note: whether it carries something else than whole calls of the API.
        self.is_mixed = bool(heard)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self.transport = cast("asyncio.Transport", transport)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not peer:
            self.transport.abort()  # gone already
            return
        self._addresses = dict(zip(ADDRESSES, (peer[0], own[0], str(own[1])), strict=True))
        others = self._site.connections
        others[self] = None
        if len(others) > self._site.most_connections:
            # Who has come first and says nothing, or never comes to an end, makes room.
            oldest = next((one for one in others if not one.is_served), self)
            del others[oldest]
            oldest.transport.abort()
        if self._heard_before:
            self.data_received(self._heard_before)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._site.connections.pop(self, None)
        self._release()
        self._read = self._discard
        if self.on_lost is not None:
            self.on_lost()

    def pause_writing(self) -> None:
        """Hold back whoever produces the answer, and the sender's next requests: he reads too slowly."""
        self._is_choked = True
        if self.on_pause is not None:
            self.on_pause()

    def resume_writing(self) -> None:
        """Let the answer go on, and the next requests."""
        self._is_choked = False
        if self.on_resume is not None:
            self.on_resume()
        self._take_up()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if not self._buffer and self._read == self._read_head:
            self.deadline = monotonic() + BODY_SECONDS
        self._buffer += data
        self._advance()

    def eof_received(self) -> bool:
        """Tell whether the connection stays open for an answer: the sender may have closed its own half only."""
        self._has_ended = True
        if self.is_served or self._is_choked:
            return True
        if self._read in {self._read_length, self._read_chunks}:
            # The sender may be gone: what it began to say is nobody's request.
            self._cut_short("body_incomplete", "The body ended before its announced length; send it again.")
            return True
        return False

    def _advance(self) -> None:
        # An answer given at once comes back here: the loop below goes on by itself then.
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._buffer and not self._is_choked and self._read():
                pass
            if self._is_choked:
                self._wait()
        except RequestError as error:
            self._refuse(error.document)
        finally:
            self._is_advancing = False
        if self._has_ended and not self._is_choked and self._read == self._read_head:
            # Nothing more will come: what has begun is nobody's request.
            self.close()

    # Each reader takes what it can of the buffer, and says whether another one may go on.

    def _read_head(self) -> bool:
        end = self._buffer.find(HEAD_END)
        if end < 0 or end > HEAD_BYTES:
            if len(self._buffer) > HEAD_BYTES:
                raise RequestError("too_large", f"The headers are longer than {HEAD_BYTES} bytes.")
            return False
        environ = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + len(HEAD_END)]
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ
        length = length_of(environ)
        self._environ = environ | self._addresses
        self._size = 0
        self._kept = self._site.kept_bytes(environ)
        self.deadline = monotonic() + BODY_SECONDS
        self.keeps_alive = keeps_alive(environ)
        if not is_chunked and length == 0:
            return self._hand_on(0, is_last=False)
        if environ.get("HTTP_EXPECT", "").lower() == "100-continue" and environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._left = length
        self._read = self._read_length
        if is_chunked:
            self._heard = Heard()
            self._parser = HttpRequestParser(self._heard)
            self._parser.feed_data(_CHUNKED_HEAD)
            self._read = self._read_chunks
        return True

    def _read_length(self) -> bool:
        announced = self._left + self._size
        part = self._buffer[: self._left]
        del self._buffer[: self._left]
        self._left -= len(part)
        self._keep(part)
        if self._left and len(self._body) < self._kept:
            return False
        return self._hand_on(announced, is_last=bool(self._left))

    def _read_chunks(self) -> bool:
        heard, part = self._heard, bytes(self._buffer)
        self._buffer.clear()
        try:
            self._parser.feed_data(part)
        except (HttpParserError, HttpParserUpgrade) as error:
            # What follows the body is not looked at: where it ends, only the parser knows.
            if not heard.is_whole:
                raise RequestError("invalid", f"The chunks of the body are not HTTP/1.1: {error}.") from error
        # The sizes of the chunks and what follows the last one are nobody's, but the parser keeps them.
        self._left = 0 if heard.body else self._left + len(part)
        self._keep(heard.body)
        heard.body = bytearray()
        if self._left > HEAD_BYTES:
            raise RequestError("too_large", f"More than {HEAD_BYTES} bytes between the chunks of the body.")
        if not heard.is_whole and len(self._body) < self._kept:
            return False
        return self._hand_on(self._size, is_last=True)

    def _keep(self, part: bytearray) -> None:
        """Keep as many of these bytes of the body as anybody reads."""
        kept = part[: self._kept - len(self._body)]
        self._held += len(kept)
        self._site.held_bytes += len(kept)
        if self._site.held_bytes > HELD_BYTES:
            raise RequestError("unavailable", "The site holds too many unfinished requests; try again.")
        self._body += kept
        self._size += len(part)

    def _cut_short(self, code: str, detail: str) -> None:
        """Have a request answered of which no more will come."""
        self._hand_on(self._size, is_last=True, cut_short=DomainError(code, detail))

    def _hand_on(self, size: int, *, is_last: bool, cut_short: DomainError | None = None) -> bool:
        """Have the request answered; the last one where its end, and so the next one's beginning, is not known."""
        self._environ["CONTENT_LENGTH"] = str(size)
        self._ends = is_last
        self._read = self._discard if is_last else self._wait
        self.is_served, self.has_answered = True, False
        if is_last:
            self._discard()
        self.deadline = float("inf")
        self._site.serve(self._environ, bytes(self._body), self, cut_short)
        return self._read == self._read_head

    def _wait(self) -> bool:
        """Read nothing more until the answer is out."""
        if len(self._buffer) > AHEAD_BYTES and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        return False

    def _discard(self) -> bool:
        self._size += len(self._buffer)
        self._buffer.clear()
        if self._size > TAKEN_BYTES:
            self.transport.abort()
        return False

    # The answer.

    @property
    def is_idle(self) -> bool:
        """Whether no request has begun."""
        return self._read == self._read_head and not self._buffer

    def answer(self, status: int, headers: Headers, content: bytes) -> None:
        """Write a whole answer, which is no page."""
        headers = [*headers, ("Content-Security-Policy", NOTHING_MAY_LOAD), ("Content-Length", str(len(content)))]
        head = head_of(status, headers, keep_alive=self.stays_open())
        self.write(head if self._environ.get("REQUEST_METHOD") == "HEAD" else head + content)
        self.finish()

    def stays_open(self) -> bool:
        """Whether another request may follow on this connection."""
        return self.keeps_alive and not self._ends and not self._site.is_draining

    def can_leave(self) -> bool:
        """Whether the connection can go elsewhere: all is answered, and nothing of it is in here."""
        is_clear = self.is_idle and not self.transport.get_write_buffer_size()
        return is_clear and self.stays_open() and not self._has_ended and not self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write a part of the answer as it stands; the site has asked `stays_open` for its head."""
        self.has_answered = True
        if not self.transport.is_closing():
            self.transport.write(data)

    def finish(self) -> None:
        """The answer is out: read the next request, or end."""
        self.is_served = False
        self._release()
        self.on_pause = self.on_resume = self.on_lost = None
        self.on_deadline = self._too_late
        if self.stays_open():
            self._read = self._read_head
            self.deadline = monotonic() + IDLE_SECONDS
            self._take_up()
        elif self._ends and not self.transport.is_closing():
            # Closed now, what is still on its way would be answered with a reset that overtakes our answer.
            self.transport.write_eof()
            self.deadline = monotonic() + LINGER_SECONDS
            self._read = self._discard
        else:
            self.close()

    def close(self) -> None:
        """End the connection once the sender has taken what is written."""
        self._read = self._discard
        self.deadline = monotonic() + STALL_SECONDS
        self.transport.close()

    def _take_up(self) -> None:
        """Read on after an answer, or after a sender has caught up."""
        if self._is_paused and not self._is_choked and not self.transport.is_closing():
            self._is_paused = False
            self.transport.resume_reading()
        self._advance()

    def _release(self) -> None:
        """The body is nobody's any more."""
        self._site.held_bytes -= self._held
        self._held = 0
        self._body = bytearray()

    def _refuse(self, document: dict[str, Any]) -> None:
        self._ends = True
        self._discard()
        self._environ.setdefault("REQUEST_METHOD", "")
        headers = [("Content-Type", PROBLEM_JSON)]
        if document["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(("Retry-After", RETRY_SECONDS))
        self.answer(document["status"], headers, json.dumps(document).encode())

    def _too_late(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if self._read in {self._read_length, self._read_chunks}:
            self._cut_short("body_too_slow", f"The body did not arrive within {BODY_SECONDS:.0f} s; send it again.")
        elif unsent and unsent != self._unsent:
            # Slowly, but he takes his answer.
            self._unsent = unsent
            self.deadline = monotonic() + STALL_SECONDS
        elif unsent or self._ends or self.transport.is_closing():
            self.transport.abort()
        else:
            self.close()


def patrol(site: Site) -> None:
    """Call those whose time is up; one timer for all, because one for each costs as much as reading a request."""
    now = monotonic()
    for connection in [one for one in site.connections if one.deadline < now]:
        connection.on_deadline()
    asyncio.get_running_loop().call_later(PATROL_SECONDS, patrol, site)
