"""Errors as `application/problem+json` (RFC 9457); codes and statuses stand in `kernel.problems`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import DisallowedHost, ObjectDoesNotExist, PermissionDenied
from django.db import Error, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.defaults import bad_request as bad_request_page
from django.views.defaults import page_not_found
from psycopg.errors import DeadlockDetected, LockNotAvailable, ReadOnlySqlTransaction
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from kernel.errors import DomainError
from kernel.events import DATABASE_UNAVAILABLE, HISTORY_INCOMPLETE
from kernel.field_errors import field_errors, first_of
from kernel.problems import PROBLEMS, problem_body
from policies.access import count_error

# Seconds; those of other errors come with them.
RETRY_AFTER = {"busy": "1", "database_unavailable": "5"}
OPERATIONAL = (OperationalError, InterfaceError)
PROBLEM_JSON = "application/problem+json"


def problem(request: HttpRequest, code: str, detail: str, *, retry_after: int | None = None) -> JsonResponse:
    """A problem+json response outside DRF."""
    body = problem_body(code, detail, request_id=request.META.get("request_id", ""))
    response = JsonResponse(body, status=body["status"], content_type=PROBLEM_JSON)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def _invalid(errors: list[dict[str, str]]) -> tuple[str, str, list[dict[str, str]]]:
    # All that is wrong, and no mistake in writing.
    if [one["code"] for one in errors] == ["period_empty"]:
        return "period_empty", errors[0]["detail"], errors
    return "invalid", first_of(errors), errors


def _judge(exc: Exception) -> tuple[str, str, list[dict[str, str]]] | None:
    """Code, detail and field errors; None for what no client has caused."""
    match exc:
        case DomainError():
            errors = [{"pointer": exc.pointer, "code": exc.code, "detail": exc.detail}] if exc.pointer else []
            return exc.code, exc.detail, errors
        case Http404():
            return "not_found", "Not found.", []
        case PermissionDenied():
            return "permission_denied", "This key does not permit this call.", []
        # Not an outage: the database is there, and another call has the lock.
        case OperationalError() if isinstance(exc.__cause__, LockNotAvailable | DeadlockDetected):
            return "busy", "Another call is at work on the same experiment; try again.", []
        # Whatever else a call cannot find must exist: somebody has deleted it past all triggers.
        case ObjectDoesNotExist():
            HISTORY_INCOMPLETE.log(error=str(exc))
            return "history_incomplete", f"A stored row is missing: {exc}", []
        # Not every error: a wrong statement of ours is no outage, and must be seen as a 500. A standby is read-only
        # after a failover, and so is a server that saves the rest of its disk.
        case Error() if isinstance(exc, OPERATIONAL) or isinstance(exc.__cause__, ReadOnlySqlTransaction):
            return "database_unavailable", "The database is unavailable; try again.", []
        case exceptions.ValidationError():
            return _invalid(field_errors(exc.detail))
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return "unauthorized", str(exc.detail), []
        case exceptions.APIException():
            return str(exc.get_codes()), str(exc.detail), []
        case _:
            return None


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error a client can cause becomes a problem document."""
    judged = _judge(exc)
    if judged is None:
        return None
    code, detail, errors = judged
    if PROBLEMS[code].status < 500:
        try:
            count_error(context["request"], code)
        except OPERATIONAL as outage:
            # It went away since: the caller tries again, and is told then.
            code, detail, errors = _judge(outage) or judged
    body = problem_body(code, detail, errors=errors, request_id=context["request"].META.get("request_id", ""))
    headers = {}
    if (wait := getattr(exc, "wait", None)) is not None:
        # Rounded up: whoever came back on the exact second would be refused again.
        headers["Retry-After"] = str(int(wait) + 1)
    if code in RETRY_AFTER:
        headers["Retry-After"] = RETRY_AFTER[code]
    if (challenge := getattr(exc, "auth_header", None)) is not None:
        headers["WWW-Authenticate"] = challenge
    # A problem is JSON whatever was negotiated; the documentation pages have renderers of their own.
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM_JSON)


# What people read; the page links to no form, because what was typed is still behind them.
OUTAGES = {
    "busy": (
        "Busy right now",
        "Somebody else is changing this right now. Nothing of yours was stored: go back, and try again in a moment.",
    ),
    "database_unavailable": (
        "The database is away",
        "It cannot be reached, or stores nothing just now. Nothing was half done: go back, and try again in a moment.",
    ),
}


def outage(request: HttpRequest, exc: BaseException | None) -> HttpResponse | None:
    """Answer what the database does not take now: JSON for machines, a page for people; None for any other error."""
    judged = _judge(exc) if isinstance(exc, Error) else None
    if judged is None:
        return None
    # TradingView sends an alert again after 5xx alone, whatever was in its way.
    code = "database_unavailable" if _wants_json(request) else judged[0]
    if code == "database_unavailable":
        DATABASE_UNAVAILABLE.log(error=str(exc))
    if _wants_json(request):
        return problem(request, code, "The database is unavailable; try again.", retry_after=int(RETRY_AFTER[code]))
    title, text = OUTAGES[code]
    said = {"title": title, "text": text, "request_id": request.META.get("request_id", "")}
    # No context processor: one may ask the database.
    page = HttpResponse(render_to_string("plain_error.html", said), status=PROBLEMS[code].status)
    page["Retry-After"] = RETRY_AFTER[code]
    return page


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/webhooks/"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses before any view, such as a host name that is not in ALLOWED_HOSTS."""
    if not _wants_json(request):
        return bad_request_page(request, exception)
    if isinstance(exception, DisallowedHost):
        return problem(request, "host_not_allowed", "This host name is not in ALLOWED_HOSTS; add it there.")
    return problem(request, "invalid", "The request cannot be understood; check its URL and headers.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown URL: JSON for machines, a page for people."""
    if _wants_json(request):
        return problem(request, "not_found", "No such URL. Ids of experiments, trades and signals are UUIDs.")
    return page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected error with its request id, so that it can be found in the log.

    A database that goes away while no view is at work, such as when it is asked who is signed in, ends here as well.
    """
    if (answer := outage(request, sys.exc_info()[1])) is not None:
        return answer
    request_id = request.META.get("request_id", "")
    if _wants_json(request):
        return problem(request, "internal_error", "An unexpected error; look for the request id in the log.")
    return render(request, "500.html", {"request_id": request_id}, status=500)
