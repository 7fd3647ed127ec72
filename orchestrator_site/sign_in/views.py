"""The sign-in page, and where a sign-in by OIDC ends that came to nothing."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.views import LoginView, reauthenticate
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode

from orchestrator_site.sign_in.adapters import BY_PASSWORD


class SignInView(LoginView):
    """allauth's, for staff; who is signed in and no staff may sign in as somebody else."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Lead on who is signed in."""
        if request.method == "GET" and request.user.is_authenticated and request.user.is_staff:
            return redirect(self.get_success_url() or "admin:index")  # type: ignore[no-untyped-call]
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


sign_in = SignInView.as_view()


def confirm_by_password(request: HttpRequest) -> HttpResponseBase:
    """allauth's, for who has no second factor; whoever has one is led to it, whatever he posts."""
    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods or methods[0]["id"] == BY_PASSWORD:
        answer: HttpResponseBase = reauthenticate(request)
        return answer
    asked = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    return redirect(f"{methods[0]['url']}?{urlencode({REDIRECT_FIELD_NAME: asked})}")


def cancelled(request: HttpRequest) -> HttpResponse:
    """Back to the sign-in page."""
    messages.warning(request, "Signing in was cancelled at the identity provider.")
    return redirect("admin:login")


def failed(request: HttpRequest) -> HttpResponse:
    """Likewise, with a reason that is no secret."""
    messages.error(request, "The identity provider could not sign you in. Try again, or use your password.")
    return redirect("admin:login")
