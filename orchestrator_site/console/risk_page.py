"""The Risk page: what stops real trading, what went wrong with real money, what was corrected, and who did what."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse

from admin_kit.options import render_page
from experiments.models import ReplayRun
from kernel.models import PROOFS, AttentionMark, AuditEntry
from orchestrator_site.console.attention import guardrail_bars
from orchestrator_site.console.proofs_page import MAY_PROVE
from outcomes.models import Incident, TradeAmendment
from policies.models import GuardrailTrip, Halt
from policies.selectors import NoPolicyError, state_in_force

SHOWN = 5


@permission_required("policies.view_halt", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the latest of each, with the way to all of them."""
    try:
        guardrails = guardrail_bars(state_in_force())
    except NoPolicyError:
        guardrails = []
    return render_page(
        request,
        "console/risk.html",
        "Risk",
        guardrails=guardrails,
        halts=Halt.objects.all()[:SHOWN],
        last_drill=Halt.objects.filter(drill_seconds__isnull=False).first(),
        proofs=AuditEntry.objects.filter(action__in=PROOFS)[:SHOWN],
        may_prove=request.user.has_perm(MAY_PROVE),
        trips=GuardrailTrip.objects.order_by("-id")[:SHOWN],
        incidents=Incident.objects.select_related("acknowledgement").order_by("-id")[:SHOWN],
        amendments=TradeAmendment.objects.order_by("-id")[:SHOWN],
        replays=ReplayRun.objects.all()[:SHOWN],
        marks=AttentionMark.objects.all()[:SHOWN],
        audit=AuditEntry.objects.all()[: 2 * SHOWN],
    )
