"""What every page and file passes on its way out: compression, and what a browser may load and run for it.

The API's calls do not come by here; of them only long answers are compressed (`ApiMiddleware`).
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.middleware.gzip import GZipMiddleware

# Fonts and pictures are compressed already. A progress is told line by line, and gzip would hold the lines back.
COMPRESSED = (
    "text/", "application/json", "application/problem+json", "application/vnd.oai.openapi", "application/javascript",
    "image/svg+xml",
)  # fmt: skip

_OURS = "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
# Unfold's Alpine makes functions of attributes, and its colours, like the widths of bars, stand in the page.
ADMIN = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"form-action 'self'; {_OURS}"
)
# Swagger brings its own style and icons; what it calls is this site.
API_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"connect-src 'self'; font-src 'self' data:; form-action 'none'; {_OURS}"
)
PLAIN = f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; {_OURS}"
POLICIES = (("/admin/", ADMIN), ("/api/v1/docs", API_PAGE), ("/", PLAIN))


class CompressionMiddleware(GZipMiddleware):
    """Compress text for whoever takes it; why that gives no secret away stands in docs/adr/0013-compression.md."""

    def process_response(  # type: ignore[override]  # Django's own takes whatever a view returns
        self, request: HttpRequest, response: HttpResponse
    ) -> HttpResponse:
        """Compress a whole answer; a part of a file and an answer without a body stay as they are."""
        if response.status_code == 206 or request.method == "HEAD":
            return response
        if not response.get("Content-Type", "").startswith(COMPRESSED):
            return response
        compressed: HttpResponse = super().process_response(request, response)  # type: ignore[assignment]
        return compressed


class ContentPolicyMiddleware:
    """Tell the browser what a page may load and run; every other answer gets the strictest (`RequestIdMiddleware`)."""

    def __init__(self, get_response: object) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with a policy where the answer is HTML."""
        response: HttpResponse = self.get_response(request)  # type: ignore[operator]
        if response.get("Content-Type", "").startswith("text/html"):
            policy = next(policy for start, policy in POLICIES if request.path_info.startswith(start))
            response.headers["Content-Security-Policy"] = policy
        return response
