"""The inbox: every alert that came, also those that made no signal, and those that should have come and did not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminSelectWidget

from admin_kit.charts import Chart, Series, csv_answer
from admin_kit.filters import PERIODS
from admin_kit.form_fields import UTCTimeField, filter_choice, filter_text, reason_field
from admin_kit.options import render_page
from experiments.models import Experiment
from kernel.actors import actor_of
from kernel.sql import load
from kernel.values import whole_number
from signals_app.alerts.gist import gist
from signals_app.inbox.redriving import MOST, Fate, can_be_redriven, foresee, redrive
from signals_app.inbox.searching import Asked, find
from signals_app.models import DeliveryOutcome, WebhookDelivery
from signals_app.watch_models import MissingAlert, MissingKind

VIEW = "signals_app.view_webhookdelivery"
REDRIVE = "signals_app.redrive_webhookdelivery"
PAGE = 50
BODY_SHOWN = 160
MINUTES = load(__file__, "inbox_minutes.sql")
# Which delivery of its signal each is, counted from 1: the first made it, the others were sent again. None came long
# before its signal, so that earlier months are not looked into.
RESENDS = """
SELECT id, row_number() OVER (PARTITION BY signal_id ORDER BY id) FROM webhook_deliveries
 WHERE signal_id = ANY(%(ids)s)
   AND received_at >= (SELECT min(received_at) - interval '1 day' FROM signals WHERE signal_id = ANY(%(ids)s))
"""
LOOKS = (("accepted", "a"), ("duplicate", "other"), ("recorded", "range"), ("conflict", "b"), ("rejected", "limit"))


class InboxForm(forms.Form):
    """Which deliveries to show."""

    q = filter_text(max_length=200, placeholder="GOOG buy order-4711")
    outcome = filter_choice(DeliveryOutcome.values)
    code = filter_text(max_length=40)
    source = filter_text(max_length=50)
    within = forms.ChoiceField(
        required=False,
        label="Received",
        choices=[("", "Any time"), *((key, title) for key, (title, _) in PERIODS.items())],
        widget=UnfoldAdminSelectWidget,
    )
    since = UTCTimeField(label="Since (UTC)")
    until = UTCTimeField(label="Before (UTC)")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].label = "Alert contains"
        self.fields["code"].label = "Reason code"

    def asked(self) -> Asked:
        """The deliveries asked for; the later of two beginnings counts."""
        entered = self.cleaned_data
        period = PERIODS.get(entered["within"])
        starts = [entered["since"], timezone.now() - period[1] if period else None]
        return Asked(
            entered["q"],
            entered["outcome"],
            entered["code"],
            entered["source"],
            max(filter(None, starts), default=None),
            entered["until"],
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as listed; `why` is the page of its signal's decision, None while there is none."""

    delivery: WebhookDelivery
    gist: str  # "" where it is no alert that could be read
    body: str
    resend: int
    why: str | None


@require_safe
@permission_required(VIEW, raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """List fifty deliveries, newest first, under the minutes of an hour; a wrong filter stands beside its field."""
    form = InboxForm(request.GET)
    query = {name: value for name, value in request.GET.items() if value and name in form.fields}
    context: dict[str, Any] = {}
    if form.is_valid():
        asked = form.asked()
        chart = minutes(asked.until or timezone.now())
        if (file := csv_answer(request, [chart])) is not None:
            return file
        found = find(asked, before=whole_number(request.GET.get("before", "")), size=PAGE)
        context = {
            "rows": _rows(found.rows),
            "chart": chart,
            "latest": None if chart else WebhookDelivery.objects.first(),
            "older": urlencode(query | {"before": found.before}) if found.before is not None else None,
            "first": urlencode(query) if "before" in request.GET else None,
            "searched": bool(asked.text),
        }
    if request.user.has_perm("signals_app.view_missingalert"):
        day = timezone.now() - timedelta(days=1)
        missing = MissingAlert.objects.filter(resolved_at=None, noticed_at__gte=day)
        context["missing"] = missing.exclude(kind=MissingKind.SILENCE)[:5]
        context["silent"] = missing.filter(kind=MissingKind.SILENCE)[:5]
    return render_page(
        request, "console/inbox.html", "Inbox", form=form, query=urlencode(query),
        may_redrive=request.user.has_perm(REDRIVE), is_filtered=bool(query), **context,
    )  # fmt: skip


def minutes(until: datetime) -> Chart | None:
    """What came in the hour up to a moment, by outcome; None where nothing did."""
    with connection.cursor() as cursor:
        cursor.execute(MINUTES, {"until": until})
        labels, *counts = zip(*cursor.fetchall(), strict=True)
    totals = [sum(numbers) for numbers in counts]
    if not any(totals):
        return None
    told = ", ".join(f"{total:,} {name}" for total, (name, _) in zip(totals, LOOKS, strict=True) if total)
    return Chart(
        "inbox",
        "Alerts per minute",
        f"The hour up to {labels[-1]} UTC: {told}.",
        labels,
        [Series(name, numbers, look, "bar") for numbers, (name, look) in zip(counts, LOOKS, strict=True)],
        "Minute, UTC",
        "Alerts per minute",
        stacked=True,
        low=True,
    )


def _rows(deliveries: list[WebhookDelivery]) -> list[Row]:
    signals = [row.signal_id for row in deliveries if row.signal_id]
    with connection.cursor() as cursor:
        cursor.execute(RESENDS, {"ids": signals})
        numbers = dict(cursor.fetchall())
    decided = dict(Experiment.objects.filter(signal_id__in=signals).values_list("signal_id", "experiment_id"))
    return [
        Row(
            row,
            gist(bytes(row.body)),
            " ".join(bytes(row.body[: 2 * BODY_SHOWN]).decode(errors="replace").split())[:BODY_SHOWN],
            numbers.get(row.pk, 1) - 1,
            reverse("admin:experiments_experiment_change", args=(decided[row.signal_id],))
            if row.signal_id in decided
            else None,
        )
        for row in deliveries
    ]


class RedriveForm(forms.Form):
    """Why rejected alerts are re-evaluated."""

    reason = reason_field("Kept with your name on each of them and in the audit log.")


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required([VIEW, REDRIVE], raise_exception=True)
def redrive_page(request: HttpRequest) -> HttpResponse:
    """Show what would become of all rejected alerts that match; a POST with a reason drives through those shown."""
    form = RedriveForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        ids = [number for text in request.POST.get("ids", "").split(",") if (number := whole_number(text)) is not None]
        fates = redrive(actor_of(request), ids, reason=form.cleaned_data["reason"])
        counts = ", ".join(f"{len(kept)} {outcome}" for outcome, kept in _by_outcome(fates).items())
        messages.success(request, f"Re-evaluated: {counts or 'nothing that was still to be done'}.")
        return redirect("admin:inbox")
    filters = InboxForm(request.GET)
    fates = foresee(can_be_redriven(filters.asked())) if filters.is_valid() else []
    return render_page(
        request, "console/redrive.html", "Re-evaluate rejected alerts", form=form, fates=fates[:PAGE],
        count=len(fates), is_most=len(fates) == MOST,
        outcomes=[(name, len(kept)) for name, kept in _by_outcome(fates).items()],
        ids=",".join(str(fate.delivery.pk) for fate in fates), query=request.GET.urlencode(),
    )  # fmt: skip


def _by_outcome(fates: list[Fate]) -> dict[str, list[Fate]]:
    found: dict[str, list[Fate]] = {}
    for fate in fates:
        found.setdefault(f"{fate.outcome}{f' ({fate.code})' if fate.code else ''}", []).append(fate)
    return found
