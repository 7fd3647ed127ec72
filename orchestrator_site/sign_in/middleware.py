"""What a signed-in person must have shown beside the session: a second factor, and for some steps who he is, again."""

from __future__ import annotations

from time import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.reauthentication import suspend_request
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from requests import RequestException

from kernel.events import IDENTITY_PROVIDER_UNAVAILABLE
from orchestrator_site.console.kill_switch import GO
from orchestrator_site.sign_in.adapters import STRONG, FactorsSealedError
from orchestrator_site.sign_in.crowd import OIDC
from policies.selectors import open_halt

# What is asked for again before it, by the name of the page. The kill switch asks when it releases and never when it
# halts: stopping must not wait.
STEPS = {
    "policies_policydraft_activate",
    "policies_policyramp_start",
    "policies_guardrailtrip_release",
    "policies_apikey_new_key",
    "policies_apikey_rotate",
    "policies_apikey_revoke",
    "signals_app_webhooksource_new_source",
    "signals_app_webhooksource_rotate_token",
}
KILL_SWITCH = "kill_switch"
# Open without a second factor: the way to one, and out.
ALWAYS_OPEN = ("/admin/account/", "/admin/login/", "/admin/logout/", "/admin/password_change/", "/admin/jsi18n/")


def is_fresh(request: HttpRequest) -> bool:
    """Whether this person has proved who he is within the last minutes, by signing in or when asked again."""
    assert isinstance(request.user, User)
    records = get_authentication_records(request, request.user)
    return any(time() - record["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT for record in records)


def signed_in_by_oidc(request: HttpRequest) -> bool:
    """Whether the identity provider has signed this session in; what it asks for is its own to say."""
    assert isinstance(request.user, User)
    return any(record["method"] == "socialaccount" for record in get_authentication_records(request, request.user))


class SignInMiddleware:
    """Ask where the settings want it, before any view is called, so that a POST gets past as little as a GET."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass it on; the view is known later."""
        response: HttpResponse = self.get_response(request)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Lead to what is missing; None where nothing is."""
        if not request.path_info.startswith("/admin/") or request.path_info.startswith(ALWAYS_OPEN):
            return None
        if not request.user.is_staff:
            # A part of a page that is fetched once the session has ended would hold the sign-in page.
            return HttpResponse(headers={"HX-Refresh": "true"}) if "HX-Request" in request.headers else None
        return self._second_factor(request) or self._fresh_login(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Tell of a provider that does not answer, and of factors from before SECRET_KEY changed; others pass."""
        if isinstance(exception, FactorsSealedError):
            messages.error(request, exception.message)
            return redirect("account")
        if not isinstance(exception, RequestException) or not request.path_info.startswith(OIDC):
            return None
        IDENTITY_PROVIDER_UNAVAILABLE.log(error=str(exception))
        return redirect("socialaccount_login_error")

    def _second_factor(self, request: HttpRequest) -> HttpResponse | None:
        if not settings.REQUIRE_SECOND_FACTOR or signed_in_by_oidc(request):
            return None
        assert isinstance(request.user, User)
        if is_mfa_enabled(request.user, STRONG):
            return None
        return redirect("account")

    def _fresh_login(self, request: HttpRequest) -> HttpResponse | None:
        if not settings.REQUIRE_FRESH_LOGIN or not self._is_step(request) or is_fresh(request):
            return None
        assert isinstance(request.user, User)
        methods = get_adapter().get_reauthentication_methods(request.user)
        if methods:
            return suspend_request(request, methods[0]["url"])
        # Neither password nor factor of its own: the identity provider asks.
        query = {"process": "login", "next": request.get_full_path(), "auth_params": "prompt=login"}
        address = reverse("openid_connect_login", args=("oidc",)) if settings.OIDC_ISSUER else reverse("admin:login")
        return redirect(f"{address}?{urlencode(query)}")

    def _is_step(self, request: HttpRequest) -> bool:
        match = request.resolver_match
        name = match.url_name if match else ""
        if name == KILL_SWITCH:
            # By the word that was posted, not by the state: that may change until the view looks at it.
            typed = request.POST.get("confirmation", "").strip()
            return typed == GO if request.method == "POST" else open_halt() is not None
        return name in STEPS
