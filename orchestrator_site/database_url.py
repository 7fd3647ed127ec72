"""The URL of the database in use, for other programs."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from django.db import connection


def database_url(user: str | None = None, password: str | None = None) -> str:
    """The connection URL, for another user if one is given; an embedded server starts for it."""
    connection.ensure_connection()
    parameters = connection.get_connection_params()
    if user is None:
        user, password = parameters.get("user") or "", parameters.get("password")
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    host, port = str(parameters.get("host") or ""), parameters.get("port")
    name = quote(parameters.get("dbname") or "", safe="")
    # A path cannot stand where a URL has its host; libpq takes a socket's folder from the query.
    if host.startswith("/") or not host:
        query = urlencode({key: value for key, value in (("host", host), ("port", port)) if value})
        return f"postgresql://{login}@/{name}?{query}"
    return f"postgresql://{login}@{host}{f':{port}' if port else ''}/{name}"
