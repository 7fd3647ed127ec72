"""Webhook sources: who may send alerts, under which token."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.dispatch import Signal

from kernel.actors import SYSTEM, Actor
from kernel.errors import DomainError
from kernel.events import SOURCE_CHANGED, SOURCE_CREATED, SOURCE_DISABLED, SOURCE_ENABLED, SOURCE_ROTATED
from kernel.hashing import sha256_hex
from signals_app.alerts.admission import invalid_addresses
from signals_app.models import WebhookSource

# Sent with actor, action and subject; the audit log is kept by an app this one does not know.
source_operated = Signal()


MIN_TOKEN_CHARACTERS = 16
MAX_TOKEN_CHARACTERS = 200
MAX_SLUG_CHARACTERS = 50
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
_RANDOM_BYTES = 32


def create_source(
    *,
    slug: str,
    name: str = "",
    token: str | None = None,
    body_secret: str = "",
    max_age_seconds: int = 300,
    allowed_addresses: Iterable[str] = (),
    client_certificate_subject: str = "",
    rate_limit_per_minute: int | None = None,
    actor: Actor = SYSTEM,
) -> tuple[WebhookSource, str]:
    """Make a source and return it with its token, which is stored nowhere; raise DomainError."""
    addresses = list(allowed_addresses)
    _check_slug(slug)
    _check_numbers(max_age_seconds, rate_limit_per_minute)
    check_addresses(addresses)
    token = _new_token(token)
    try:
        with transaction.atomic():
            source = WebhookSource.objects.create(
                slug=slug,
                name=name.strip() or slug,
                token_hash=sha256_hex(token.encode()),
                body_secret_hash=hash_of_secret(body_secret),
                max_age_seconds=max_age_seconds,
                allowed_addresses=addresses,
                client_certificate_subject=client_certificate_subject,
                rate_limit_per_minute=rate_limit_per_minute,
            )
            _tell(actor, "source.created", slug)
    except IntegrityError:
        raise DomainError("slug_taken", f"There is a source {slug} already; choose another slug.") from None
    SOURCE_CREATED.log(source=slug)
    return source, token


def rotate_source(slug: str, token: str | None = None, *, actor: Actor = SYSTEM) -> tuple[WebhookSource, str]:
    """Give the source a new token and return both; the former one stays valid until the next rotation."""
    token = _new_token(token)
    with transaction.atomic():
        source = _locked(slug)
        source.previous_token_hash = source.token_hash
        source.token_hash = sha256_hex(token.encode())
        source.save(update_fields=["previous_token_hash", "token_hash"])
        _tell(actor, "source.rotated", slug)
    SOURCE_ROTATED.log(source=slug)
    return source, token


def change_source(
    slug: str,
    *,
    name: str,
    max_age_seconds: int,
    allowed_addresses: Iterable[str],
    client_certificate_subject: str,
    rate_limit_per_minute: int | None,
    body_secret: str | None = None,
    actor: Actor = SYSTEM,
) -> WebhookSource:
    """Change what a source may send; a body secret of None keeps the present one, "" expects none.

    The slug is part of every signal's identity and stays. Raise DomainError.
    """
    addresses = list(allowed_addresses)
    _check_numbers(max_age_seconds, rate_limit_per_minute)
    check_addresses(addresses)
    changes: dict[str, object] = {
        "name": name.strip() or slug,
        "max_age_seconds": max_age_seconds,
        "allowed_addresses": addresses,
        "client_certificate_subject": client_certificate_subject,
        "rate_limit_per_minute": rate_limit_per_minute,
    }
    if body_secret is not None:
        changes["body_secret_hash"] = hash_of_secret(body_secret)
    with transaction.atomic():
        source = _locked(slug)
        for field, value in changes.items():
            setattr(source, field, value)
        # By field: a rotation at the same moment must not be undone.
        source.save(update_fields=list(changes))
        _tell(actor, "source.changed", slug)
    SOURCE_CHANGED.log(source=slug)
    return source


def set_source_active(slug: str, *, is_active: bool, actor: Actor = SYSTEM) -> WebhookSource:
    """Switch a source on or off; an inactive one is answered like an unknown one."""
    with transaction.atomic():
        source = _locked(slug)
        source.is_active = is_active
        source.save(update_fields=["is_active"])
        _tell(actor, "source.enabled" if is_active else "source.disabled", slug)
    if is_active:
        SOURCE_ENABLED.log(source=slug)
    else:
        SOURCE_DISABLED.log(source=slug)
    return source


def webhook_path(token: str) -> str:
    """Return the path that TradingView must call; it holds the token, so it belongs into no log."""
    return f"/webhooks/tradingview/{token}/"


def hash_of_secret(secret: str) -> str:
    """Return what is stored of a body secret; "" stays "", which means that none is expected."""
    return sha256_hex(secret.encode()) if secret else ""


def check_addresses(addresses: Iterable[object]) -> None:
    """Raise DomainError when one of these is neither an IP address nor a network."""
    if wrong := invalid_addresses(addresses):
        raise DomainError(
            "address_invalid", f"{', '.join(wrong)}: write IP addresses or networks such as 203.0.113.0/24."
        )


def _tell(actor: Actor, action: str, slug: str) -> None:
    """Tell whoever keeps the audit log, in the transaction of the change."""
    source_operated.send(WebhookSource, actor=actor, action=action, subject=f"source {slug}")


def _locked(slug: str) -> WebhookSource:
    try:
        return WebhookSource.objects.select_for_update().get(slug=slug)
    except WebhookSource.DoesNotExist:
        raise DomainError("source_unknown", f"There is no source {slug}; see `manage.py source list`.") from None


def _new_token(token: str | None) -> str:
    if token is None:
        return secrets.token_urlsafe(_RANDOM_BYTES)
    if len(token) < MIN_TOKEN_CHARACTERS:
        raise DomainError("token_short", f"The token is shorter than {MIN_TOKEN_CHARACTERS} characters.")
    if len(token) > MAX_TOKEN_CHARACTERS or not _TOKEN.fullmatch(token):
        raise DomainError(
            "token_invalid",
            f"A token has at most {MAX_TOKEN_CHARACTERS} characters: letters, digits and . _ ~ - only.",
        )
    digest = sha256_hex(token.encode())
    if WebhookSource.objects.filter(Q(token_hash=digest) | Q(previous_token_hash=digest)).exists():
        raise DomainError("token_taken", "This token is in use already; leave it out to get a random one.")
    return token


def _check_slug(slug: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError:
        slug = ""
    if not slug or len(slug) > MAX_SLUG_CHARACTERS:
        raise DomainError(
            "slug_invalid", f"A slug has at most {MAX_SLUG_CHARACTERS} characters: letters, digits, - and _ only."
        )


def _check_numbers(max_age_seconds: int, rate_limit_per_minute: int | None) -> None:
    if not 0 <= max_age_seconds < 2**31:
        raise DomainError("max_age_invalid", "The maximum age is a number of seconds, 0 (no check) or more.")
    if rate_limit_per_minute is not None and not 0 < rate_limit_per_minute < 2**31:
        raise DomainError("rate_limit_invalid", "The rate limit is 1 alert a minute or more; leave it out for none.")
