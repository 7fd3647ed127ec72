"""The one table from our errors to HTTP: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import DisallowedHost, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.defaults import bad_request as bad_request_page
from django.views.defaults import page_not_found
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from kernel.errors import DomainError

PROBLEM_JSON = "application/problem+json"
# Domain errors carry a code; this is the only place that knows their status.
STATUS_OF_CODE = {
    "unauthorized": 401,
    "too_large": 413,
    "rate_limited": 429,
    "not_found": 404,
    "conflict": 409,
    "double_execution_prevented": 409,
    "context_mismatch": 409,
    "role_mismatch": 409,
    "not_recommended": 409,
    "declined": 409,
    "permit_expired": 409,
    "already_closed": 409,
    "shadow_follows_real": 409,
    "directive_settled": 409,
    "shadow_not_opened": 409,
    "entry_after_real_exit": 409,
    "already_halted": 409,
    "not_halted": 409,
    "policy_conflict": 409,
}
DEFAULT_STATUS = 400


def problem_body(
    status: int, code: str, detail: str, *, errors: list[dict[str, str]] | None = None, request_id: str = ""
) -> dict[str, Any]:
    """Return the problem document of RFC 9457 with our code, field errors and request id."""
    return {
        "type": f"urn:orchestrator:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
        "request_id": request_id,
    }


def problem(
    request: HttpRequest, status: int, code: str, detail: str, *, retry_after: int | None = None
) -> JsonResponse:
    """Return a problem+json response outside DRF."""
    body = problem_body(status, code, detail, request_id=request.META.get("request_id", ""))
    response = JsonResponse(body, status=status, content_type=PROBLEM_JSON)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def _field_errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """Flatten DRF's nested error detail into `{pointer, code, detail}` rows."""
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in _field_errors(value, f"{pointer}/{key}")]
    if isinstance(detail, list):
        if all(isinstance(item, exceptions.ErrorDetail) for item in detail):
            return [{"pointer": pointer, "code": str(item.code), "detail": str(item)} for item in detail]
        return [row for index, item in enumerate(detail) for row in _field_errors(item, f"{pointer}/{index}")]
    return [{"pointer": pointer, "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}]


def _validation(exc: exceptions.ValidationError) -> tuple[int, str, str, list[dict[str, str]]]:
    errors = _field_errors(exc.detail)
    first = errors[0] if errors else {"pointer": "", "code": "invalid", "detail": "The request is not valid."}
    where = first["pointer"].strip("/").replace("/non_field_errors", "")
    text = f"{where}: {first['detail']}" if where and where != "non_field_errors" else first["detail"]
    return 400, "invalid", text, errors


def _judge(exc: Exception) -> tuple[int, str, str, list[dict[str, str]]] | None:
    """Return status, code, detail and field errors; None for what is not ours to answer."""
    if isinstance(exc, DomainError):
        errors = [{"pointer": exc.pointer, "code": exc.code, "detail": exc.detail}] if exc.pointer else []
        return STATUS_OF_CODE.get(exc.code, DEFAULT_STATUS), exc.code, exc.detail, errors
    if isinstance(exc, Http404):
        return 404, "not_found", "There is no such thing here.", []
    if isinstance(exc, PermissionDenied):
        return 403, "permission_denied", "This key may not do that.", []
    if isinstance(exc, OperationalError | InterfaceError):
        return 503, "database_unavailable", "The database cannot be reached; try again.", []
    if isinstance(exc, exceptions.ValidationError):
        return _validation(exc)
    if isinstance(exc, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return 401, "unauthorized", str(exc.detail), []
    if isinstance(exc, exceptions.APIException):
        code = exc.get_codes()
        return exc.status_code, code if isinstance(code, str) else "invalid", str(exc.detail), []
    return None


def problem_response(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every error a client can cause becomes a problem document."""
    judged = _judge(exc)
    if judged is None:
        return None
    set_rollback()
    status, code, detail, errors = judged
    request_id = context["request"].META.get("request_id", "")
    headers = {}
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    if status == 503:
        headers["Retry-After"] = "5"
    if (challenge := getattr(exc, "auth_header", None)) is not None:
        headers["WWW-Authenticate"] = challenge
    body = problem_body(status, code, detail, errors=errors, request_id=request_id)
    # A problem is JSON whatever was negotiated; the documentation pages have renderers of their own.
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    return Response(body, status=status, headers=headers, content_type=PROBLEM_JSON)


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/webhooks/"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses before any view, such as a host name that ALLOWED_HOSTS does not hold."""
    if not _wants_json(request):
        return bad_request_page(request, exception)
    if isinstance(exception, DisallowedHost):
        return problem(request, 400, "host_not_allowed", "ALLOWED_HOSTS does not hold this host name; add it there.")
    return problem(request, 400, "invalid", "The request cannot be understood; check its address and headers.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown address: JSON for machines, a page for people."""
    if _wants_json(request):
        return problem(request, 404, "not_found", "There is no such address.")
    return page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unforeseen error with its request id, so that it can be found in the log."""
    request_id = request.META.get("request_id", "")
    if _wants_json(request):
        return problem(request, 500, "internal_error", "An unforeseen error; the log has it under the request id.")
    return render(request, "500.html", {"request_id": request_id}, status=500)
