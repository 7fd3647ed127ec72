"""What a browser may load and run for a page; the API's calls do not come by here."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_OURS = "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
# A browser takes the way to the identity provider, where the sign-in form leads, for a part of the form.
_PROVIDER = " {0.scheme}://{0.netloc}".format(urlsplit(settings.OIDC_ISSUER)) if settings.OIDC_ISSUER else ""
# Unfold's Alpine makes functions of attributes, and its colours, like the widths of bars, stand in the page.
ADMIN = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"form-action 'self'{_PROVIDER}; {_OURS}"
)
# Swagger brings its own style and icons; what it calls is this site.
API_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"connect-src 'self'; font-src 'self' data:; form-action 'none'; {_OURS}"
)
PLAIN = f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; {_OURS}"
POLICIES = (("/admin/", ADMIN), ("/api/v1/docs", API_PAGE), ("/", PLAIN))


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
