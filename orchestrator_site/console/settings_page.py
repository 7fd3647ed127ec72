"""The Settings page: what a desk sets up once, what is set and what that means, and one's own time zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_q.models import Failure, Schedule
from unfold.widgets import UnfoldAdminSelectWidget

from admin_kit.form_fields import TIME_ZONES
from admin_kit.options import render_page
from kernel.models import Preference
from policies.core.settings import SETTINGS, parse_settings, side_by_side
from policies.models import ApiKey
from policies.selectors import active_policy
from signals_app.models import WebhookSource

TIME_ZONE = "time_zone"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing to set up; `count` is how many there are."""

    title: str
    what: str
    address: str
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it is here; `changed` where that is not its default."""

    name: str
    value: str
    default: str
    meaning: str
    changed: bool


KINDS: tuple[tuple[type[Model], str, str, dict[str, Any]], ...] = (
    (WebhookSource, "Webhook sources", "Where alerts come from: URL, secret, addresses, limits.", {"is_active": True}),
    (ApiKey, "API keys", "Who may call the API: engines, feeders, analysts.", {"revoked": False}),
    (User, "Users", "Who may sign in here.", {"is_active": True}),
    (Group, "Groups", "What each role may see and do.", {}),
    (Schedule, "Schedules", "What the worker does by the clock.", {}),
    (Failure, "Failed tasks", "Tasks of the worker that ended with an error.", {}),
)


class ZoneForm(forms.Form):
    """The zone in which times are told beside UTC."""

    time_zone = forms.ChoiceField(
        choices=[("", "The browser's"), *((name, name) for name in TIME_ZONES)],
        required=False,
        label="Your time zone",
        widget=UnfoldAdminSelectWidget,
        help_text="Every time is UTC; yours is shown when you point at it. Kept for your account.",
    )


def remember_time_zone(sender: object, request: HttpRequest, user: User, **_: Any) -> None:
    """Let the session know the user's zone from the log-in on: no page asks for it again."""
    chosen = Preference.objects.filter(owner=user).values_list(TIME_ZONE, flat=True).first()
    request.session[TIME_ZONE] = chosen or ""


def page(request: HttpRequest) -> HttpResponse:
    """Show what the user may see of it; a POST keeps the time zone."""
    form = ZoneForm(request.POST or None, initial={TIME_ZONE: request.session.get(TIME_ZONE, "")})
    if form.is_bound and form.is_valid():
        chosen = form.cleaned_data[TIME_ZONE]
        assert request.user.pk is not None  # the site asks everybody to log in
        Preference.objects.update_or_create(owner_id=request.user.pk, defaults={TIME_ZONE: chosen})
        request.session[TIME_ZONE] = chosen
        messages.success(request, "Time zone saved.")
        return redirect("admin:settings")
    shown = []
    for model, title, what, counted in KINDS:
        label, name = model._meta.app_label, model._meta.model_name  # noqa: SLF001 (documented)
        if request.user.has_perm(f"{label}.view_{name}"):
            count = model._default_manager.filter(**counted).count()  # noqa: SLF001 (documented)
            shown.append(Kind(title, what, reverse(f"admin:{label}_{name}_changelist"), count))
    policy = active_policy() if request.user.has_perm("policies.view_policyversion") else None
    usual, _ = parse_settings({setting.name: setting.default for setting in SETTINGS})
    assert usual is not None  # the defaults are allowed
    in_policy = [
        Row(setting.name, change.after, change.before, setting.help_text, change.before != change.after)
        for setting, change in zip(SETTINGS, side_by_side(usual, policy.content) if policy else (), strict=False)
    ]
    # Those of the first policy version say nothing of the one in force.
    of_policy = {setting.variable for setting in SETTINGS}
    installed = [
        Row(one.name, one.value or one.default.strip("`"), one.default.strip("`"), one.meaning, bool(one.value))
        for one in settings.ENVIRONMENT_VARIABLES
        if one.name not in of_policy
    ]
    return render_page(
        request, "console/settings.html", "Settings",
        kinds=shown, form=form, policy=policy, in_policy=in_policy, installed=installed,
    )  # fmt: skip
