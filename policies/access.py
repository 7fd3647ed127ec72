"""Who calls the API and what they may call: keys in the `Authorization: Api-Key <key>` header."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework_api_key.permissions import KeyParser

from kernel.canonical import sha256_hex
from kernel.events import API_KEY_REFUSED
from kernel.rows import trust_quiet_connection
from policies.models import ApiKey, KeyOwner

if TYPE_CHECKING:
    # DRF's views import the default permissions: a real import would be circular.
    from rest_framework.views import APIView

    _View = APIView
else:
    _View = object

ENGINE_OF_OWNER = {KeyOwner.ENGINE_A.value: "A", KeyOwner.ENGINE_B.value: "B"}
# last_used_at is for people; to the minute is enough and saves a write per request.
LAST_USED_STEP = timedelta(minutes=1)
# Engines call many times a second. A key that is revoked stops everywhere within this time.
REMEMBERED_SECONDS = 1.0
# When a refused key of an address may be told of again (monotonic), and of how many addresses that is remembered.
_told_until: dict[str, float] = {}
TOLD_SECONDS, ADDRESSES = 60.0, 10_000
# By the digest of the text, so that no key stands in memory: the key as stored, and until when that counts (monotonic).
_remembered: dict[str, tuple[ApiKey, float]] = {}


def forget_keys() -> None:
    """Read every key from the database again; for a process that has just changed one."""
    _remembered.clear()


class ApiKeyAuthentication(BaseAuthentication):
    """Set `request.auth` to the `ApiKey` of the header; the hash is compared in constant time."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        """No user and the key; None when none was sent; raises AuthenticationFailed for a wrong one."""
        raw = KeyParser().get_from_authorization(request._request)  # noqa: SLF001 (the library wants Django's request)
        if not raw:
            return None
        key = known_key(raw)
        # One answer for all three, so that whoever tries keys does not learn which prefixes exist.
        if key is None:
            _tell_refused(raw, str(request.META.get("client_address", "")))
            raise exceptions.AuthenticationFailed("The API key is unknown, expired or revoked.")
        return None, key

    def authenticate_header(self, request: Request) -> str:
        """The scheme; with it a missing key is a 401 and not a 403."""
        return "Api-Key"


def known_key(raw: str, *, reads_only: bool = False) -> ApiKey | None:
    """The key that is neither unknown, expired nor revoked, as it stood within the last second; None for other text.

    That it was used is kept; `reads_only` where the session must be told that it may write this.
    """
    key = _read_key(raw)
    if key is None or key.has_expired:
        return None
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
        with _writing() if reads_only else nullcontext():
            # Not save(): it writes every column as it was read, and would undo a revocation that came in between.
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        key.last_used_at = now
    return key


def _tell_refused(raw: str, address: str) -> None:
    """Log it, once a minute for each address: an engine that goes on with a dead key calls many times a second."""
    now = monotonic()
    if now < _told_until.get(address, 0.0):
        return
    if len(_told_until) >= ADDRESSES:
        _told_until.clear()
    _told_until[address] = now + TOLD_SECONDS
    # Of a text that is no key of ours nothing is kept: it may be a secret of somewhere else.
    prefix = raw.partition(".")[0]
    is_ours = prefix.isascii() and prefix.isprintable() and ApiKey.objects.filter(prefix=prefix).exists()
    API_KEY_REFUSED.log(address=address, prefix=prefix if is_ours else "")


@contextmanager
def _writing() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ WRITE")
        yield


def _read_key(raw: str) -> ApiKey | None:
    # PostgreSQL would raise on a lookup with U+0000; a key of ours has no such character.
    if not (raw.isascii() and raw.isprintable()):
        return None
    digest, now = sha256_hex(raw.encode()), monotonic()
    found, until = _remembered.get(digest, (None, 0.0))
    if found is not None and now < until:
        return found
    try:
        key = ApiKey.objects.get_from_key(raw)
    except (ApiKey.DoesNotExist, ValueError):
        _remembered.pop(digest, None)
        return None
    assert isinstance(key, ApiKey)
    _remembered[digest] = key, now + REMEMBERED_SECONDS
    return key


def engine_of(request: Request) -> str:
    """The engine, A or B, that the request's key belongs to."""
    assert isinstance(request.auth, ApiKey)
    # A view without IsEngine fails here with a KeyError, rather than serve an analyst as one of the engines.
    return ENGINE_OF_OWNER[request.auth.owner]


# Without waiting for the disk: the last counts before a crash are worth less than an fsync with every error.
COUNT_ERROR = """
WITH quietly AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO engine_errors AS known (engine, day, code, count)
SELECT %s, (statement_timestamp() AT TIME ZONE 'UTC')::date, %s, 1 FROM quietly
    ON CONFLICT (engine, day, code) DO UPDATE SET count = known.count + 1
"""


def count_error(request: Request, code: str) -> None:
    """Count an error that the caller is answered with, if it is an engine: one statement, and a row a day and code."""
    try:
        key = request.auth
    except exceptions.AuthenticationFailed:
        # The call was refused before anybody asked whose it is, for what it accepts.
        return
    if isinstance(key, ApiKey) and key.owner in ENGINE_OF_OWNER:
        with connection.cursor() as cursor:
            cursor.execute(COUNT_ERROR, (ENGINE_OF_OWNER[key.owner], code))


class HasKnownKey(BasePermission):
    """Any valid key of one of `owners`; subclasses narrow them."""

    message = "Send an API key: `Authorization: Api-Key <key>`."
    owners = frozenset(KeyOwner.values)

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the request came with a valid key of an admitted owner."""
        return isinstance(request.auth, ApiKey) and request.auth.owner in self.owners


class IsEngine(HasKnownKey):
    """A key of engine A or B."""

    message = "This call requires an engine's API key."
    owners = frozenset(ENGINE_OF_OWNER)


class IsAnalyst(HasKnownKey):
    """A key of an analyst."""

    message = "This call requires an analyst's API key."
    owners = frozenset({KeyOwner.ANALYST.value})


class CallNegotiation(DefaultContentNegotiation):
    """DRF's own; but of a call that answers in one form alone, `format` is a parameter like any other."""

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:  # noqa: A002 (DRF's)
        """Those of the form that was asked for; raise Http404 when none is."""
        found = list(renderers)
        return found if len(found) == 1 else super().filter_renderers(found, format)


class JsonNegotiation(CallNegotiation):
    """JSON for whoever sends and takes it, as every engine does; anything else is negotiated."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> Any:
        """The parser of a body; None where there is none for its media type."""
        (parser,) = parsers
        return parser if request.content_type == parser.media_type else super().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        """The renderer, and the media type of the answer."""
        meta = request.META
        if meta.get("HTTP_ACCEPT", "*/*") in {"*/*", "application/json"} and not meta["QUERY_STRING"]:
            (renderer,) = renderers
            return renderer, renderer.media_type
        return super().select_renderer(request, renderers, format_suffix)


class EngineCall(_View):
    """What views share that take an engine's key: engines call many times a second. Stands before APIView."""

    permission_classes = (IsEngine,)
    content_negotiation_class = JsonNegotiation

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Judge the call before its handler, as DRF does, without a trip to ask whether the database is there."""
        trust_quiet_connection()
        super().initial(request, *args, **kwargs)
