"""allauth's description of the one identity provider, from the environment."""

from __future__ import annotations

from typing import Any

# Part of the redirect URI that the provider knows.
PROVIDER = "oidc"


def providers(issuer: str, client_id: str, secret: str, name: str) -> dict[str, Any]:
    """What goes into SOCIALACCOUNT_PROVIDERS; no provider without an issuer."""
    app = {
        "provider_id": PROVIDER,
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {"server_url": issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app] if issuer else []}}
