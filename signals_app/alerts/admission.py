"""Whether a request may be read at all, and what its alert means for its source (R8.1).

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.errors import DomainError
from signals_app.alerts.addresses import Address, is_allowed
from signals_app.alerts.alert import Understood, understand
from signals_app.alerts.decoding import MAX_BODY_BYTES, decode_alert
from signals_app.alerts.errors import AlertError, UnauthorizedError
from signals_app.alerts.secret_masking import mask_body, split_secrets


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
    version: str
    allowed_addresses: list[object]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it came in.

    ``started`` is a reading of the performance counter, ``size`` the announced length in bytes;
    ``body`` holds at most the first 64 KiB and one byte. ``certificate_subject`` is "" unless a trusted
    proxy reported one.
    """

    received_at: datetime
    started: float
    address: Address | None
    certificate_subject: str
    content_type: str
    body: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a request turned out to be: understood, or an error; never both.

    ``payload`` has no secrets in it, nor has ``kept_body``, the bytes fit to be stored.
    """

    kept_body: bytes
    payload: dict[str, Any]
    understood: Understood | None
    error: DomainError | None = None


def holds_token(source: KnownSource, token_hash: str) -> bool:
    """Tell whether the source is active and the token one of its two, in constant time."""
    given = token_hash.encode()
    is_current = hmac.compare_digest(source.token_hash.encode(), given)
    is_previous = hmac.compare_digest((source.previous_token_hash or "").encode(), given)
    return (is_current or is_previous) and source.is_active


def judge(source: KnownSource, arrival: Arrival) -> Judgement:
    """Check sender, size, form and secret in that order, then read the alert (R8.1)."""
    kept = arrival.body[:MAX_BODY_BYTES]
    presented: tuple[str, ...] = ()
    try:
        _refuse_sender(source, arrival)
        _refuse_size(arrival)
        is_secret = _secret_check(source.body_secret_hash)
        payload, presented = split_secrets(decode_alert(arrival.body).payload, is_secret)
        if is_secret is not None and not any(map(is_secret, presented)):
            raise UnauthorizedError
        understood = understand(payload, received_at=arrival.received_at, max_age_seconds=source.max_age_seconds)
    except DomainError as error:
        return Judgement(mask_body(kept, presented), {}, None, error)
    return Judgement(mask_body(kept, presented), payload, understood)


def _refuse_sender(source: KnownSource, arrival: Arrival) -> None:
    if source.allowed_addresses and not is_allowed(arrival.address, source.allowed_addresses):
        raise UnauthorizedError
    expected, given = source.client_certificate_subject, arrival.certificate_subject
    if expected and not hmac.compare_digest(expected.encode(), given.encode(errors="replace")):
        raise UnauthorizedError


def _refuse_size(arrival: Arrival) -> None:
    size = max(arrival.size, len(arrival.body))
    if size > MAX_BODY_BYTES:
        raise AlertError("too_large", f"The body has {size} bytes; at most {MAX_BODY_BYTES} are allowed.")


def _secret_check(secret_hash: str) -> Callable[[str], bool] | None:
    """Return what tells whether a text is the expected body secret; None when none is expected."""
    if not secret_hash:
        return None

    def is_secret(text: str) -> bool:
        return hmac.compare_digest(hashlib.sha256(text.encode()).hexdigest().encode(), secret_hash.encode())

    return is_secret
