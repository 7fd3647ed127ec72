"""The Settings page: what a desk sets up once, each with how many there are and the way to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django_q.models import Failure, Schedule

from admin_kit.options import render_page
from policies.models import ApiKey
from signals_app.models import WebhookSource


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of thing to set up; `count` is how many there are."""

    title: str
    what: str
    address: str
    count: int


KINDS: tuple[tuple[type[Model], str, str, dict[str, Any]], ...] = (
    (WebhookSource, "Webhook sources", "Where alerts come from: URL, secret, addresses, limits.", {"is_active": True}),
    (ApiKey, "API keys", "Who may call the API: engines, feeders, analysts.", {"revoked": False}),
    (User, "Users", "Who may sign in here.", {"is_active": True}),
    (Group, "Groups", "What each role may see and do.", {}),
    (Schedule, "Schedules", "What the worker does by the clock.", {}),
    (Failure, "Failed tasks", "Tasks of the worker that ended with an error.", {}),
)


def page(request: HttpRequest) -> HttpResponse:
    """Show what the user may see of it."""
    shown = []
    for model, title, what, counted in KINDS:
        label, name = model._meta.app_label, model._meta.model_name  # noqa: SLF001 (documented)
        if request.user.has_perm(f"{label}.view_{name}"):
            count = model._default_manager.filter(**counted).count()  # noqa: SLF001 (documented)
            shown.append(Setting(title, what, reverse(f"admin:{label}_{name}_changelist"), count))
    return render_page(request, "console/settings.html", "Settings", kinds=shown, app_mode=settings.APP_MODE)
