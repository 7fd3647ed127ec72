"""The verdict's page: the sentence first, then what it rests on, how to doubt it and how to cite it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from admin_kit.charts import csv_answer
from admin_kit.options import render_page
from kernel.actors import actor_of
from kernel.sql import load
from kernel.values import instant_text
from outcomes.admin.verdict_charts import charts_of
from outcomes.admin.verdict_doubts import assumptions, outlook, prospects, undone_by
from outcomes.admin.verdict_words import beside_rows, content_lines, reason_rows, slice_rows, standing_rows, unit_of
from outcomes.core.sentences import FLAGS
from outcomes.evaluations.documents import evaluation_document
from outcomes.models import Evaluation, KeptReport
from outcomes.models.evaluation import APPROVED, DRAFT, RunState
from outcomes.services.case import database_time
from outcomes.services.kept_reports import keep_report

MISSING_SIDES = load(__file__, "verdict_missing.sql")
VIEW, KEEP = "outcomes.view_evaluation", "outcomes.add_keptreport"
WRITE, APPROVE, RUN = "outcomes.add_evaluation", "outcomes.approve_evaluation", "outcomes.run_evaluation"
COLOURS = {
    "DRAFT": "info", "APPROVED": "info", "RUNNING": "success", "ENDED_BY_CHANGE": "danger", "FINISHED": "neutral",
}  # fmt: skip
MOST_NOTE = 150


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that can be done with an evaluation."""

    text: str
    url: str


@require_safe
@permission_required(VIEW, raise_exception=True)
def latest(request: HttpRequest) -> HttpResponse:
    """The page of the evaluation that runs, else of the last that did, else of the newest draft; or how to begin."""
    found = Evaluation.objects.select_related("run").order_by("run__attempt").filter(run__isnull=False).last()
    found = found or Evaluation.objects.order_by("pk").last()
    if found is not None:
        return redirect("admin:outcomes_evaluation_verdict", found.name)
    return render_page(request, "outcomes/verdict_none.html", "Verdict", may_write=request.user.has_perm(WRITE))


@require_safe
@permission_required(VIEW, raise_exception=True)
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Everything about one evaluation as it stands."""
    evaluation = _evaluation(name)
    return _shown(request, evaluation_document(evaluation), None, evaluation=evaluation)


@require_safe
@permission_required(VIEW, raise_exception=True)
def reasons(request: HttpRequest, name: str) -> HttpResponse:
    """Why sides have no value, for the page to fetch: read from every signal of the blocks, seconds of a million."""
    evaluation = _evaluation(name)
    counts = evaluation_document(evaluation)["counts"]
    found = reason_rows(counts, _missing_because(evaluation)) if counts else ()
    return render(request, "outcomes/verdict_reasons.html", {"reasons": found})


@require_POST
@permission_required(KEEP, raise_exception=True)
def keep(request: HttpRequest, name: str) -> HttpResponse:
    """Keep the page as it is, if it still says what was looked at."""
    evaluation = _evaluation(name)
    document = evaluation_document(evaluation)
    if document["report_hash"] != request.POST.get("report_hash"):
        messages.warning(request, "The evaluation has moved on since you opened the page. This is what it says now.")
        return redirect("admin:outcomes_evaluation_verdict", name)
    told = {"as_of": instant_text(database_time()), "missing_because": _missing_because(evaluation)}
    note = " ".join((f"Evaluation {name}.", request.POST.get("note", "").strip()[:MOST_NOTE])).strip()[:200]
    kept_report = keep_report(actor_of(request), document | told, note=note)
    messages.success(request, "Kept. The address of this page is its permalink.")
    return redirect("admin:outcomes_evaluation_kept", kept_report.report_hash)


@require_safe
@permission_required(VIEW, raise_exception=True)
def kept(request: HttpRequest, report_hash: str) -> HttpResponse:
    """A kept page as it was."""
    found = get_object_or_404(KeptReport, pk=report_hash)
    if "sentence" not in found.report:
        raise Http404
    return _shown(request, found.report, found.report["missing_because"], kept_report=found)


def _shown(
    request: HttpRequest, document: Mapping[str, Any], because: Mapping[str, Mapping[str, int]] | None, **more: Any
) -> HttpResponse:
    name, unit = document["content"]["name"], unit_of(document)
    charts = charts_of(document, unit)
    file = csv_answer(request, charts)
    if file is not None:
        return file
    has_run = document["phase"] is not None
    evaluation = more.get("evaluation")
    expected = prospects(document) if has_run else None
    return render_page(
        request,
        "outcomes/verdict.html",
        f"Verdict: {name}",
        found=document,
        name=name,
        unit=unit,
        is_replayed=document["content"]["clock"] == "EVENT",
        colour=COLOURS[document["state"]],
        flags=[(flag, FLAGS[flag]) for flag in document["flags"]],
        charts=charts,
        assumed=assumptions(document) if has_run else (),
        undone_by=list(undone_by(document)) if has_run else (),
        prospects=expected,
        outlook=outlook(document, expected) if has_run else None,
        standings=standing_rows(document["counts"]) if has_run else (),
        reasons=reason_rows(document["counts"], because) if has_run and because is not None else None,
        beside=beside_rows(document) if has_run else (),
        slices=slice_rows(document) if has_run else (),
        content=content_lines(document["content"]),
        citation=_citation(request, document),
        buttons=list(_buttons(request, evaluation)) if evaluation else (),
        may_keep=evaluation is not None and has_run and request.user.has_perm(KEEP),
        **more,
    )


def _citation(request: HttpRequest, document: Mapping[str, Any]) -> str:
    name, report_hash = document["content"]["name"], document["report_hash"]
    # What is kept has an address at which it stays.
    is_kept = KeptReport.objects.filter(pk=report_hash).exists()
    where = reverse(
        f"admin:outcomes_evaluation_{'kept' if is_kept else 'verdict'}", args=(report_hash if is_kept else name,)
    )
    as_of = document.get("as_of") or instant_text(database_time())
    attempt = f", attempt {document['attempt']}" if document["attempt"] else ""
    return (
        f"“{document['sentence']}” Evaluation {name}{attempt}, content {document['content_hash']}, report"
        f" {report_hash}, as of {as_of}. {request.build_absolute_uri(where)}"
    )


def _buttons(request: HttpRequest, evaluation: Evaluation) -> list[Button]:
    """What this person may do with it as it is."""
    may, state = request.user.has_perm, evaluation.state
    # The service refuses an author; without this he would be offered a button that never works.
    is_author = evaluation.author == actor_of(request).person
    found = [
        ("Approve", "approve", state == DRAFT and may(APPROVE) and not is_author),
        ("Start", "start", state == APPROVED and may(RUN)),
        ("Finish", "finish", state == RunState.RUNNING and may(RUN)),
    ]
    return [
        Button(text, reverse(f"admin:outcomes_evaluation_{step}", args=(evaluation.pk,)))
        for text, step, is_offered in found
        if is_offered
    ]


def _missing_because(evaluation: Evaluation) -> dict[str, dict[str, int]]:
    """Why sides have no value, by engine."""
    found: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(MISSING_SIDES, {"evaluation": evaluation.pk})
        for engine, because, number in cursor.fetchall():
            found.setdefault(engine, {})[because] = number
    return found


def _evaluation(name: str) -> Evaluation:
    chosen = Evaluation.objects.select_related("approval", "run", "run__policy_version")
    return get_object_or_404(chosen, name=name)
