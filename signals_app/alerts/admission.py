"""Whether a request may be read at all, and what its alert means for its source (R8.1)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from kernel.canonical import sha256_hex
from kernel.errors import DomainError
from signals_app.alerts.alert import Understood, open_envelope, understand
from signals_app.alerts.decoding import (
    MASK,
    MAX_BODY_BYTES,
    decode_alert,
    mask_body,
    refuse_size,
    split_secrets,
)
from signals_app.alerts.refusals import shown_text

# From TradingView's help page "About webhooks"; it does not send over IPv6.
TRADINGVIEW_ADDRESSES = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")

Address = IPv4Address | IPv6Address
MINUTE = timedelta(minutes=1)

_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A webhook source as the webhook needs it; hashes are SHA-256 in hexadecimal.

    Every change of the source makes another ``version``.
    """

    pk: int
    slug: str
    token_hash: str
    previous_token_hash: str | None
    is_active: bool
    body_secret_hash: str
    client_certificate_subject: str
    max_age_seconds: int
    rate_limit_per_minute: int | None
    bare_sell: str
    replay: bool
    version: str
    allowed_addresses: list[object]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it came in.

    ``started`` is a reading of the performance counter, ``size`` the announced length in bytes;
    ``body`` has at most the first 64 KiB and one byte. ``certificate_subject`` is "" unless a trusted
    proxy reported one. ``must_be_https`` says that it came over plain HTTP where only HTTPS is allowed, and
    ``cut_short`` why the body is only the beginning of what was announced.
    """

    received_at: datetime
    started: float
    address: Address | None
    certificate_subject: str
    content_type: str
    body: bytes
    size: int
    content_encoding: str = ""
    must_be_https: bool = False
    cut_short: DomainError | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a request turned out to be: understood, or an error; never both.

    ``payload`` has no secrets in it, nor has ``kept_body``, the bytes fit to be stored.
    """

    kept_body: bytes
    payload: dict[str, Any]
    understood: Understood | None
    error: DomainError | None = None


def unauthorized() -> DomainError:
    """Token, sender or secret is not what the source expects; the answer never says which."""
    return DomainError("unauthorized", "The webhook URL or the secret is not valid.")


def holds_token(source: KnownSource, token_hash: str) -> bool:
    """Whether the source is active and the token one of its two, in constant time."""
    given = token_hash.encode()
    # Both are compared whichever matches, so that the time tells nobody which one did.
    is_current = hmac.compare_digest(source.token_hash.encode(), given)
    is_previous = hmac.compare_digest((source.previous_token_hash or "").encode(), given)
    return (is_current or is_previous) and source.is_active


def judge(source: KnownSource, arrival: Arrival) -> Judgement:
    """Check sender, size, form and secret in that order, then read the alert (R8.1)."""
    # The byte beyond was read only to see that there is more.
    kept = arrival.body[:MAX_BODY_BYTES]
    if _is_encoded(arrival.content_encoding) and kept:
        # Nothing in there can be found, so nothing could be masked.
        kept = MASK.encode()
    presented: tuple[str, ...] = ()

    def is_secret(text: str) -> bool:
        digest = sha256_hex(text.encode())
        return hmac.compare_digest(digest.encode(), source.body_secret_hash.encode())

    try:
        _check_sender(source, arrival)
        if arrival.cut_short is not None:
            raise arrival.cut_short
        # The announced length counts as well: of a large body only the beginning was read.
        refuse_size(max(arrival.size, len(arrival.body)))
        expects_secret = bool(source.body_secret_hash)
        payload, presented = split_secrets(decode_alert(arrival.body), is_secret if expects_secret else None)
        if expects_secret and not any(map(is_secret, presented)):
            raise unauthorized()
        payload = open_envelope(payload)
        understood = understand(
            payload,
            received_at=arrival.received_at,
            max_age_seconds=source.max_age_seconds,
            bare_sell=source.bare_sell,
        )
    except DomainError as error:
        return Judgement(mask_body(kept, presented), {}, None, error)
    return Judgement(mask_body(kept, presented), payload, understood)


def seconds_to_wait(latest: Sequence[datetime], at: datetime, limit: int) -> float | None:
    """How long a source must wait that has sent alerts at these times, oldest first; None when it may send now."""
    # The alert that must first be a minute old; with a limit of 0 none ever is.
    if len(latest) < limit:
        return None
    blocking = latest[-limit] if limit else at
    wait = (blocking + MINUTE - at).total_seconds()
    return wait if wait > 0 else None


def _is_encoded(content_encoding: str) -> bool:
    return content_encoding.strip().lower() not in {"", "identity"}


def refuse_encoded(content_encoding: str) -> None:
    """Raise DomainError for a body that is not sent as it was written, by its Content-Encoding."""
    if _is_encoded(content_encoding):
        detail = f"The body is encoded as {shown_text(content_encoding)}; send it without Content-Encoding."
        raise DomainError("content_encoding", detail)


def _check_sender(source: KnownSource, arrival: Arrival) -> None:
    """Raise DomainError for what may not come at all, before its size and body are looked at."""
    # First of all: behind a proxy that hides how the alert came, the address is not the sender's either.
    if arrival.must_be_https:
        detail = "The alert came over plain HTTP, or through a proxy that does not send X-Forwarded-Proto; use https."
        raise DomainError("https_required", detail)
    # Before the size and the body: a stranger learns nothing about what this source accepts.
    if source.allowed_addresses and not is_allowed(arrival.address, source.allowed_addresses):
        raise unauthorized()
    # As bytes: compare_digest raises for text that is not ASCII.
    subject, given = source.client_certificate_subject, arrival.certificate_subject
    if subject and not hmac.compare_digest(subject.encode(), given.encode(errors="replace")):
        raise unauthorized()
    refuse_encoded(arrival.content_encoding)


# What proxies add to a request, as WSGI names it.
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA")


@lru_cache(maxsize=256)
def client_address(remote: str, forwarded_for: str, trusted_proxies: int) -> Address | None:
    """The sender's address; None when nothing usable is known, as behind a Unix socket.

    ``remote`` is the connection's other end. Each trusted proxy has appended one entry to
    X-Forwarded-For, so that many are counted from its right end; anything further left is what the
    sender claims, and believed by nobody.
    """
    chain = [*(entry for entry in forwarded_for.split(",") if entry.strip()), remote]
    text = chain[max(0, len(chain) - 1 - trusted_proxies)].strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        # A zone such as %eth0 names an interface of this host, not the sender.
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A server that listens on IPv6 sees an IPv4 sender as ::ffff:1.2.3.4, which no list of addresses names.
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def is_allowed(address: Address | None, allowed: Iterable[object]) -> bool:
    """Whether the address is, or lies in, one of these addresses and networks."""
    # An entry that is no network lets nobody in; the admin refuses to save one.
    return address is not None and any(
        _is_network(entry) and address in ip_network(str(entry), strict=False) for entry in allowed
    )


def invalid_addresses(entries: Iterable[object]) -> list[str]:
    """The entries that are neither an IP address nor a network such as 203.0.113.0/24."""
    return [str(entry) for entry in entries if not _is_network(entry)]


def _is_network(entry: object) -> bool:
    if not isinstance(entry, str):
        return False
    try:
        ip_network(entry, strict=False)
    except ValueError:
        return False
    return True
