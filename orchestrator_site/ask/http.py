"""MCP over streamable HTTP, for the bearer of an analyst's key."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import uvicorn
from django.conf import settings
from django.db import close_old_connections
from django.http.request import validate_host
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kernel.problems import problem_body
from orchestrator_site.api_errors import OPERATIONAL, PROBLEM_JSON, RETRY_AFTER
from orchestrator_site.ask.server import asker, few_threads
from policies.access import known_key
from policies.models import ApiKey, KeyOwner

# More than any question, and little enough that nobody fills the memory.
LARGEST_BODY = 64 * 1024
SCHEMES = ("bearer ", "api-key ")


class AnalystsOnly:
    """Lets through whoever sends an analyst's key, judged anew for every request, from a host name of the site."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a problem, or pass the request on."""
        if scope["type"] == "http":
            found = await anyio.to_thread.run_sync(_key_or_refusal, Headers(scope=scope))
            if isinstance(found, JSONResponse):
                await found(scope, receive, send)
                return
            # Whatever answers this request begins with a copy of this context.
            asker.set((f"API key {found.name}", found.prefix))
        await self._app(scope, receive, send)


def _key_or_refusal(headers: Headers) -> ApiKey | JSONResponse:
    """The analyst's key of a request that may pass, or what is wrong with it, as the API says it."""
    hosts = [headers.get("host", ""), *(urlsplit(origin).netloc for origin in headers.getlist("origin"))]
    # A page of another site in somebody's browser has his network, whatever it lacks.
    if not all(validate_host(_name(host), settings.ALLOWED_HOSTS) for host in hosts):
        return _problem("host_not_allowed", "This host name is not in ALLOWED_HOSTS; add it there.")
    sent = headers.get("authorization", "")
    scheme = next((one for one in SCHEMES if sent.lower().startswith(one)), None)
    if scheme is None:
        return _problem("unauthorized", "Send an analyst's API key: `Authorization: Bearer <key>`.")
    close_old_connections()
    try:
        key = known_key(sent[len(scheme) :].strip(), reads_only=True)
    except OPERATIONAL:
        return _problem("database_unavailable", "The database is unavailable; try again.")
    if key is None:
        return _problem("unauthorized", "The API key is unknown, expired or revoked.")
    if key.owner != KeyOwner.ANALYST:
        return _problem("permission_denied", "This server takes an analyst's key.")
    return key


def _name(host: str) -> str:
    """A host without its port."""
    return urlsplit(f"//{host}").hostname or ""


def _problem(code: str, detail: str) -> JSONResponse:
    body = problem_body(code, detail)
    headers = {"WWW-Authenticate": "Bearer"} if code == "unauthorized" else {}
    if code in RETRY_AFTER:
        headers["Retry-After"] = RETRY_AFTER[code]
    return JSONResponse(body, status_code=body["status"], headers=headers, media_type=PROBLEM_JSON)


async def serve(server: MCPServer[Any], address: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; every request stands for itself, so that a revoked key ends with its next one."""
    few_threads()
    app = server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=LARGEST_BODY,
        # The host name is judged in front, by the same rule as the site's.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        host=address,
    )
    config = uvicorn.Config(
        AnalystsOnly(app), host=address, port=port, log_config=None, access_log=False, server_header=False,
        timeout_graceful_shutdown=3,
    )  # fmt: skip
    await uvicorn.Server(config).serve()
