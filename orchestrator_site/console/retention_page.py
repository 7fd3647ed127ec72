"""The Retention page: how long what stays, what has gone into archives, and the legal holds that keep the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextInputWidget

from admin_kit.form_fields import reason_field
from admin_kit.options import render_page
from archives.holds import lift_hold, place_hold
from archives.keeping import ARCHIVING_SECONDS, archived_until, kept_days, oldest
from archives.kinds import KINDS
from archives.models import LIFT_HOLDS, PLACE_HOLDS, Archive, LegalHold, UnfinishedWork
from kernel.actors import actor_of
from kernel.errors import DomainError
from orchestrator_site.console.attention import what_asks

SHOWN = 10
# What Now says of keeping, with the work that has not succeeded since; the template has what to do.
TROUBLES = {
    "worker": "",
    "archiving": UnfinishedWork.ARCHIVES,
    "archive_replay": "",
    "months": UnfinishedWork.MONTHS,
}


class _Day(UnfoldAdminTextInputWidget):
    input_type = "date"


class HoldForm(forms.Form):
    """What to keep, and why."""

    symbol = forms.CharField(
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocapitalize": "characters", "autofocus": True}),
        help_text="Signals of this symbol. Leave blank for every symbol.",
    )
    experiment_id = forms.UUIDField(
        required=False,
        label="Experiment ID",
        widget=UnfoldAdminTextInputWidget,
        help_text="One signal's experiment. Leave blank for every experiment.",
    )
    starts_on = forms.DateField(
        required=False, label="Received from", widget=_Day, help_text="First UTC day. Leave blank for the beginning."
    )
    ends_on = forms.DateField(
        required=False, label="Received until", widget=_Day, help_text="Last UTC day. Leave blank for no end."
    )
    reason = reason_field("Such as the matter's number. Recorded with your name and the time.", focused=False)


class LiftForm(forms.Form):
    """Why it ends."""

    reason = reason_field("Recorded with your name and the time.")


@permission_required("archives.view_legalhold", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show what stays how long, the holds in force and the latest archives."""
    kinds = [
        {
            "past": _days_past(kept_days(kind), oldest(kind)),
            "name": kind.name.replace("_", " "),
            "what": kind.what,
            "setting": kind.setting,
            "days": kept_days(kind),
            "oldest": oldest(kind),
            "archived_until": archived_until(kind),
        }
        for kind in KINDS
    ]
    goes = any(kind["days"] for kind in kinds)
    return render_page(
        request,
        "console/retention.html",
        "Retention",
        kinds=kinds,
        goes=goes,
        is_past=any(kind["past"] for kind in kinds),
        troubles=list(_troubles(goes=goes)),
        folder=settings.ARCHIVE_DIR,
        minutes=int(ARCHIVING_SECONDS // 60),
        holds=LegalHold.objects.filter(lifted_at=None),
        archives=Archive.objects.all()[:SHOWN],
        may_place=request.user.has_perm(PLACE_HOLDS),
        may_lift=request.user.has_perm(LIFT_HOLDS),
    )


def _troubles(*, goes: bool) -> Iterator[dict[str, Any]]:
    """What Now says of keeping, each since when it lasts; that no worker runs matters where anything goes."""
    since = dict(UnfinishedWork.objects.values_list("what", "since"))
    for one in what_asks():
        if one.kind in TROUBLES and (goes or one.kind != "worker"):
            yield {"kind": one.kind, "text": one.text, "since": since.get(TROUBLES[one.kind])}


def _days_past(days: int, found: datetime | None) -> int:
    """For how many whole days the oldest should have gone; 0 where all are younger or nothing goes."""
    if not days or found is None:
        return 0
    return max((timezone.now() - found - timedelta(days=days)).days, 0)


@permission_required(PLACE_HOLDS, raise_exception=True)
def place(request: HttpRequest) -> HttpResponse:
    """Ask what to keep, and keep it."""
    form = HoldForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            hold = place_hold(actor_of(request), **form.cleaned_data)
        except DomainError as error:
            form.add_error(error.pointer.lstrip("/") or None, error.detail)
        else:
            messages.success(request, f"Legal hold {hold.pk} placed on {hold.covers}.")
            return redirect("admin:retention")
    lead = (
        "What it covers stays in the database until the hold is lifted. What is archived already stays in its files. "
        "Rows that belong to no signal stay, too, for the same days."
    )
    return _form(request, "Place legal hold", form, lead=lead, submit="Place hold")


@permission_required(LIFT_HOLDS, raise_exception=True)
def lift(request: HttpRequest, hold_id: int) -> HttpResponse:
    """Ask why, and end the hold."""
    hold = LegalHold.objects.filter(pk=hold_id, lifted_at=None).first()
    if hold is None:
        raise Http404
    form = LiftForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            lift_hold(actor_of(request), hold_id, **form.cleaned_data)
        except DomainError as error:
            form.add_error(None, error.detail)
        else:
            messages.success(request, f"Legal hold {hold_id} lifted.")
            return redirect("admin:retention")
    lead = f"Placed by {hold.placed_by} on {hold.covers}: {hold.reason} What it kept may be archived from now on."
    return _form(request, "Lift legal hold", form, lead=lead, submit="Lift hold", danger=True)


def _form(request: HttpRequest, title: str, form: forms.Form, **context: Any) -> HttpResponse:
    back = reverse("admin:retention")
    return render_page(request, "admin_kit/form_page.html", title, form=form, back=back, **context)
