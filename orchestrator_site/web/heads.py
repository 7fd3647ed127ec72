"""The first lines of requests and answers, as strict as RFC 9112 allows.

What two readers could read in two ways is refused; alert processes (`http1.py`) and page processes (`intake.py`) read
by these lines alone.
"""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache, partial
from http import HTTPStatus
from time import time
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from kernel.problems import problem_body

Environ = dict[str, str]
Headers = list[tuple[str, str]]

HEAD_BYTES = 32 * 1024
# Of whatever is no page: opened in a browser, it loads and runs nothing.
NOTHING_MAY_LOAD = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
VERSIONS = {"1.0", "1.1"}
# In the environ: whether the sender's connection stays open after the answer, and whether a page process may have it
# then; what it says for each of its requests.
KEEP_ALIVE = "orchestrator.keep_alive"
STAYS_OPEN, IS_OFFERED = "yes", "offered"
ADDRESSES = ("REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT")
HEAD_END = b"\r\n\r\n"
_ABSOLUTE = re.compile(r"\Ahttps?://[^/?#]*", re.IGNORECASE)
_date = lru_cache(maxsize=1)(partial(formatdate, usegmt=True))
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class RequestError(Exception):
    """The request cannot be read on; the connection ends with the answer."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.document = problem_body(code, detail)


class Heard:
    """What the parser tells of a request."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()
        self.is_whole = False

    def on_url(self, part: bytes) -> None:
        """Some of the target."""
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers.append((name, value))

    def on_body(self, part: bytes) -> None:
        """Some of the body."""
        # After its end another request would begin.
        if not self.is_whole:
            self.body += part

    def on_message_complete(self) -> None:
        """The end."""
        self.is_whole = True


@lru_cache(maxsize=1024)
def _key(name: bytes) -> str:
    """The environ's key of a header (PEP 3333), "" for one that must not be passed on."""
    # X_Forwarded_For would become what X-Forwarded-For becomes, past a proxy that sets only the latter.
    if b"_" in name:
        return ""
    key = name.decode("ascii").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


def parse_head(head: bytes) -> Environ:
    """The request line and headers as WSGI has them (PEP 3333); raise RequestError."""
    heard = Heard()
    parser = HttpRequestParser(heard)
    try:
        parser.feed_data(head + b"\r\n\r\n")
    except HttpParserUpgrade:
        # All is told by then; whoever offers another protocol is answered in this one.
        pass
    except HttpParserError as error:
        raise RequestError("invalid", f"The request is not HTTP/1.1: {error}.") from error
    method, version = parser.get_method(), parser.get_http_version()
    # The parser lets pass an empty line before it, more spaces, and other protocols.
    if version not in VERSIONS or not head.startswith(b"%b %b HTTP/1." % (method, heard.target)):
        raise RequestError("invalid", "The request's first line is not one of HTTP/1.1.")
    target = _ABSOLUTE.sub("", heard.target.decode("ascii")) or "/"
    if not target.startswith("/"):
        raise RequestError("invalid", "The request's target is not a path.")
    path, _, query = target.partition("?")
    environ = {
        "REQUEST_METHOD": method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": f"HTTP/{version}",
    }
    for name, value in heard.headers:
        if key := _key(name):
            text = value.strip(b" \t").decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
    if version == "1.1" and "HTTP_HOST" not in environ:
        raise RequestError("invalid", "The request has no Host header.")
    if "," in environ.get("HTTP_HOST", ""):
        raise RequestError("invalid", "The request has two Host headers.")
    # Two lengths, or one that is no number, the parser refuses.
    coding = environ.get("HTTP_TRANSFER_ENCODING", "chunked")
    if coding.lower() != "chunked" or (version == "1.0" and "HTTP_TRANSFER_ENCODING" in environ):
        raise RequestError("invalid", "Transfer-Encoding must be chunked, and the request HTTP/1.1.")
    return environ


def plain_head(heard: bytes) -> tuple[Environ, int] | None:
    """The head of a request as most are, and where its body begins; raise RequestError.

    Most keep the connection and say at once how long they are. None for any other, and for one that is incomplete.
    """
    end = heard.find(HEAD_END)
    if not 0 <= end <= HEAD_BYTES:
        return None
    environ = parse_head(heard[:end])
    if "HTTP_TRANSFER_ENCODING" in environ or "HTTP_EXPECT" in environ or not keeps_alive(environ):
        return None
    environ["CONTENT_LENGTH"] = str(length_of(environ))
    return environ, end + len(HEAD_END)


def length_of(environ: Environ) -> int:
    """How long the body is; of more digits than Python takes all but the last ones are zeros, or the parser refuses."""
    return int(environ.get("CONTENT_LENGTH", "").lstrip("0") or 0)


def keeps_alive(environ: Environ) -> bool:
    """Whether the sender wants to go on with the connection."""
    return environ["SERVER_PROTOCOL"] == "HTTP/1.1" and "close" not in environ.get("HTTP_CONNECTION", "").lower()


def head_of(status: int, headers: Headers, *, keep_alive: bool) -> bytes:
    """The answer's first lines."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}", *(f"{name}: {value}" for name, value in headers)]
    lines.append(f"Date: {_date(int(time()))}")
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1")
