"""What helps to write an evaluation and changes nothing: proposals from history, and rehearsals on it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from admin_kit.form_fields import filter_text
from admin_kit.options import render_page
from admin_kit.steps import Tell, answer_in_steps
from outcomes.admin.verdict_charts import charts_of
from outcomes.admin.verdict_page import VIEW
from outcomes.admin.verdict_words import choices_of, label_of, unit_of
from outcomes.core.evaluation import CHOICES, ENGINES, MAX_BLOCK_DAYS, NEUTRAL
from outcomes.core.sentences import FLAGS
from outcomes.evaluations.proposals import propose
from outcomes.evaluations.rehearsal import rehearsal_document, rehearse
from outcomes.models import Evaluation
from outcomes.services.pricing import feeder_is_active


class ProposalForm(forms.Form):
    """The terms to propose for; the true difference is the one to plan for."""

    metric = forms.ChoiceField(choices=choices_of("metric"), widget=UnfoldAdminSelectWidget)
    estimand = forms.ChoiceField(
        choices=choices_of("estimand"), label=label_of("estimand"), widget=UnfoldAdminSelectWidget
    )
    prices = forms.ChoiceField(choices=choices_of("prices"), label=label_of("prices"), widget=UnfoldAdminSelectWidget)
    clock = forms.ChoiceField(choices=choices_of("clock"), widget=UnfoldAdminSelectWidget)
    max_hold_days = forms.IntegerField(
        min_value=0, max_value=MAX_BLOCK_DAYS // 2, label=label_of("max_hold_days"), widget=UnfoldAdminTextInputWidget
    )
    difference = forms.FloatField(
        min_value=1e-6, max_value=1e9, label="Target difference per signal", widget=UnfoldAdminTextInputWidget
    )


def first_terms() -> dict[str, Any]:
    """What a proposal begins with: neutral prices where a feeder sends quotes."""
    prices = NEUTRAL if feeder_is_active() else ENGINES
    return {name: CHOICES[name][0] for name in CHOICES} | {"prices": prices, "max_hold_days": 3, "difference": 0.2}


class PeriodForm(forms.Form):
    """The stretch of history to rehearse on; blank: all of it."""

    since = forms.DateField(required=False, label="Since", widget=filter_text(placeholder="2026-03-16").widget)
    until = forms.DateField(required=False, label="Until", widget=filter_text(placeholder="2026-09-16").widget)

    def instants(self) -> dict[str, datetime | None]:
        """Both ends as midnights, UTC."""
        days = {name: self.cleaned_data.get(name) for name in ("since", "until")}
        return {name: None if day is None else datetime.combine(day, time.min, UTC) for name, day in days.items()}


@require_safe
@permission_required(VIEW, raise_exception=True)
def propose_run(request: HttpRequest) -> HttpResponseBase:
    """What each length of blocks would cost, step by step."""
    form = ProposalForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    terms = dict(form.cleaned_data)
    difference = terms.pop("difference")

    def work(tell: Tell) -> str:
        found = propose(terms, difference=difference, progress=tell)
        choices = [
            choice
            | {"is_proposed": choice == found["proposed"], "link": _draft_link(terms, choice)}
            | {name: _weeks(choice[name]) for name in ("weeks_to_better", "weeks_to_equivalent")}
            for choice in found["choices"]
        ]
        unit = "R" if terms["metric"] == "R" else "of the policy's currency"
        context = {"choices": choices, "difference": difference, "margin": difference / 2, "unit": unit}
        return render_to_string("outcomes/proposal.html", context)

    return answer_in_steps(work)


def _weeks(found: dict[str, float | None]) -> str:
    """Weeks until half, and four fifths, of the plays have an answer."""
    told = ("beyond reach" if weeks is None else f"{weeks:,.0f}" for weeks in (found["half"], found["most"]))
    return " / ".join(told)


def _draft_link(terms: dict[str, Any], choice: dict[str, Any]) -> str:
    """The form of a new evaluation with the choice filled in; its horizon gives four fifths an answer."""
    fixed = terms | {name: choice[name] for name in ("block_days", "worst_block", "margin")}
    most = choice["weeks_to_better"]["most"]
    if most is not None:
        fixed["horizon_blocks"] = math.ceil(most * 7 / choice["block_days"])
    return f"{reverse('admin:outcomes_evaluation_write')}?{urlencode(fixed)}#fixed"


@require_safe
@permission_required(VIEW, raise_exception=True)
def rehearse_page(request: HttpRequest, name: str) -> HttpResponse:
    """Stored history judged as if the plan had been fixed then; the page fetches what was found by itself."""
    evaluation = get_object_or_404(Evaluation, name=name)
    form = PeriodForm(request.GET)
    return render_page(
        request,
        "outcomes/rehearsal.html",
        f"Rehearsal of {name}",
        name=evaluation.name,
        form=form,
        ready=form.is_valid(),
        query=request.GET.urlencode(),
    )


@require_safe
@permission_required(VIEW, raise_exception=True)
def rehearse_run(request: HttpRequest, name: str) -> HttpResponseBase:
    """The rehearsal, step by step."""
    evaluation = get_object_or_404(Evaluation, name=name)
    form = PeriodForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    period, plan = form.instants(), evaluation.plan

    def work(tell: Tell) -> str:
        found = rehearse(plan, **period, progress=lambda number: tell(f"{number} blocks read"))
        document = rehearsal_document(plan, found)
        context = {
            "found": document,
            "unit": unit_of(document),
            "charts": charts_of(document, unit_of(document)),
            "flags": [(flag, FLAGS[flag]) for flag in document["flags"]],
        }
        return render_to_string("outcomes/rehearsal_result.html", context)

    return answer_in_steps(work)
