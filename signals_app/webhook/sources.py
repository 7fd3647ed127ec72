"""Webhook sources: who may send alerts, under which token."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

from django.conf import settings
from django.core.validators import slug_re
from django.db import IntegrityError, transaction
from django.db.models import Q

from kernel.actors import SYSTEM, Actor
from kernel.audit import differences, record
from kernel.canonical import sha256_hex
from kernel.errors import DomainError
from kernel.events import SOURCE_CHANGED, SOURCE_CREATED, SOURCE_DISABLED, SOURCE_ENABLED, SOURCE_ROTATED
from signals_app.alerts.admission import invalid_addresses
from signals_app.models import BareSell, WebhookSource
from signals_app.watch_models import WatchMode
from signals_app.watching.watches import watch_from_now, watch_unless_settled

MIN_TOKEN_CHARACTERS = 16
MAX_TOKEN_CHARACTERS = 200
MAX_SLUG_CHARACTERS = 50
# What a URL carries without escapes.
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
# An address that nobody guesses is all the credential that TradingView can send.
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
    bare_sell: str = BareSell.ENTRY_SHORT,
    replay: bool = False,
    actor: Actor = SYSTEM,
) -> tuple[WebhookSource, str]:
    """Create a source; return it with its token, which is stored nowhere. Raise DomainError.

    A replay source has no maximum age, whatever is given.
    """
    addresses = list(allowed_addresses)
    max_age_seconds = 0 if replay else max_age_seconds
    if len(slug) > MAX_SLUG_CHARACTERS or not slug_re.fullmatch(slug):
        raise DomainError(
            "slug_invalid", f"Enter a slug of at most {MAX_SLUG_CHARACTERS} letters, digits, hyphens or underscores."
        )
    _check_settings(max_age_seconds, rate_limit_per_minute, addresses, bare_sell, replay=replay)
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
                bare_sell=bare_sell,
                replay=replay,
            )
            watch_unless_settled(source)
            record(actor, "source.created", f"source {slug}")
    except IntegrityError:
        raise DomainError("slug_taken", f"A webhook source with the slug {slug} already exists.") from None
    SOURCE_CREATED.log(source=slug)
    return source, token


def rotate_source(slug: str, token: str | None = None, *, actor: Actor = SYSTEM) -> tuple[WebhookSource, str]:
    """Give the source a new token and return both; the previous one stays valid until the next rotation."""
    token = _new_token(token)
    with transaction.atomic():
        source = _locked(slug)
        source.previous_token_hash = source.token_hash
        source.token_hash = sha256_hex(token.encode())
        source.save(update_fields=["previous_token_hash", "token_hash"])
        record(actor, "source.rotated", f"source {slug}")
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
    bare_sell: str,
    replay: bool,
    body_secret: str | None = None,
    actor: Actor = SYSTEM,
) -> WebhookSource:
    """Change what a source may send; a body secret of None keeps the current one, "" requires none.

    The slug is part of every signal's identity and stays. Signals that are there stay replayed, or live. Raise
    DomainError.
    """
    addresses = list(allowed_addresses)
    max_age_seconds = 0 if replay else max_age_seconds
    _check_settings(max_age_seconds, rate_limit_per_minute, addresses, bare_sell, replay=replay)
    changes: dict[str, object] = {
        "name": name.strip() or slug,
        "max_age_seconds": max_age_seconds,
        "allowed_addresses": addresses,
        "client_certificate_subject": client_certificate_subject,
        "rate_limit_per_minute": rate_limit_per_minute,
        "bare_sell": bare_sell,
        "replay": replay,
    }
    if body_secret is not None:
        changes["body_secret_hash"] = hash_of_secret(body_secret)
    with transaction.atomic():
        source = _locked(slug)
        before = {field: getattr(source, field) for field in changes}
        for field, value in changes.items():
            setattr(source, field, value)
        # By field: a rotation at the same moment must not be undone.
        source.save(update_fields=list(changes))
        watch_unless_settled(source)
        changed = differences(before, changes)
        if "body_secret_hash" in changed:
            del changed["body_secret_hash"]
            changed["body_secret"] = ("as it was", "changed")
        record(actor, "source.changed", f"source {slug}", changes=changed)
    SOURCE_CHANGED.log(source=slug)
    return source


def set_source_active(slug: str, *, is_active: bool, actor: Actor = SYSTEM) -> WebhookSource:
    """Enable or disable a source; alerts of a disabled one get 401, like those with an unknown token."""
    with transaction.atomic():
        source = _locked(slug)
        source.is_active = is_active
        source.save(update_fields=["is_active"])
        watch_from_now(source)
        action = "source.enabled" if is_active else "source.disabled"
        record(actor, action, f"source {slug}", changes={"is_active": (str(not is_active), str(is_active))})
    if is_active:
        SOURCE_ENABLED.log(source=slug)
    else:
        SOURCE_DISABLED.log(source=slug)
    return source


def webhook_path(token: str) -> str:
    """The path that TradingView must call; it contains the token, so it belongs in no log."""
    return f"/webhooks/tradingview/{token}/"


def hash_of_secret(secret: str) -> str:
    """What is stored of a body secret; "" stays "", which means that none is required."""
    return sha256_hex(secret.encode()) if secret else ""


def _locked(slug: str) -> WebhookSource:
    try:
        return WebhookSource.objects.select_for_update().get(slug=slug)
    except WebhookSource.DoesNotExist:
        raise DomainError(
            "source_unknown", f"No webhook source has the slug {slug}; run `manage.py source list`."
        ) from None


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
    # Each column is unique by itself; only this look keeps the token of one out of the other.
    if WebhookSource.objects.filter(Q(token_hash=digest) | Q(previous_token_hash=digest)).exists():
        raise DomainError("token_taken", "This token is already in use. Leave it blank to generate one.")
    return token


def _check_settings(
    max_age_seconds: int,
    rate_limit_per_minute: int | None,
    addresses: Iterable[object],
    bare_sell: str,
    *,
    replay: bool,
) -> None:
    if replay and settings.APP_MODE == "LIVE":
        raise DomainError("replay_not_live", "A source cannot be a replay while APP_MODE is LIVE.")
    if not 0 <= max_age_seconds < 2**31:
        raise DomainError("max_age_invalid", "Enter the maximum age in seconds, or 0 to disable the check.")
    if rate_limit_per_minute is not None and not 0 < rate_limit_per_minute < 2**31:
        raise DomainError("rate_limit_invalid", "Enter at least 1 alert per minute, or leave it blank for no limit.")
    if bare_sell not in BareSell.values:
        raise DomainError("bare_sell_invalid", f"Enter what a bare sell means: {' or '.join(BareSell.values)}.")
    if wrong := invalid_addresses(addresses):
        raise DomainError(
            "address_invalid", f"{', '.join(wrong)}: enter IP addresses or networks such as 203.0.113.0/24."
        )


def wants_of(source: WebhookSource | None) -> set[str]:
    """What the source expects of every message: a secret, a sequence number."""
    if source is None:
        return set()
    watch = getattr(source, "watch", None)
    counted = {"sequence"} if watch is not None and watch.mode == WatchMode.SEQUENCE else set()
    return counted | ({"secret"} if source.body_secret_hash else set())
