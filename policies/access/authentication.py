"""Who is calling: API keys in the `Authorization: Api-Key <key>` header."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_api_key.permissions import KeyParser

from policies.models import ApiKey

# last_used_at is for people; to the minute is enough and saves a write per request.
LAST_USED_STEP = timedelta(minutes=1)


class ApiKeyAuthentication(BaseAuthentication):
    """Set `request.auth` to the `ApiKey` of the header; the hash is compared in constant time."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        """Return no user and the key; None when there is no key at all; raise 401 for a wrong one."""
        raw = KeyParser().get(request._request)  # noqa: SLF001 (the library wants Django's request)
        if not raw:
            return None
        if not (raw.isascii() and raw.isprintable()):
            # No key of ours; the database would refuse to look it up (U+0000).
            raise exceptions.AuthenticationFailed("The API key is unknown, expired or revoked.")
        try:
            key = ApiKey.objects.get_from_key(raw)
        except (ApiKey.DoesNotExist, ValueError):
            raise exceptions.AuthenticationFailed("The API key is unknown, expired or revoked.") from None
        assert isinstance(key, ApiKey)
        if key.has_expired:
            raise exceptions.AuthenticationFailed("The API key is unknown, expired or revoked.")
        self._note_use(key)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme, so that a missing key is a 401 and not a 403."""
        return "Api-Key"

    @staticmethod
    def _note_use(key: ApiKey) -> None:
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > LAST_USED_STEP:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
