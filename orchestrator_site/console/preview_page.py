"""What-if of a draft: which stored decisions it would have changed, shown while it is computed.

The page asks for the numbers in a second request, which answers one JSON object a line: how far it
has come, and at last the finished table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth.decorators import permission_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from unfold.widgets import UnfoldAdminTextInputWidget

from admin_kit.form_fields import UTCTimeField, filter_text
from admin_kit.options import render_page
from experiments.core.what_if import ExecutedShare
from experiments.history.preview import DEFAULT_LAST, MOST, PreviewSelection
from kernel.events import PREVIEW_FAILED
from outcomes.evaluations.lifecycle import running_evaluation
from outcomes.performance.preview_pnl import PreviewWithPnl, preview_in_steps
from policies.core.settings import PolicySettings
from policies.models import PolicyDraft

VIEW_DRAFTS = "policies.view_policydraft"
ROWS_SHOWN = 100


class PreviewForm(forms.Form):
    """Which stored decisions to decide again; the URL is the permalink."""

    last = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "placeholder": str(DEFAULT_LAST)}),
        help_text=f"Number of most recent decisions, at most {MOST:,}.",
    )
    since = UTCTimeField(label="Since (UTC)")
    until = UTCTimeField(label="Until (UTC)")
    symbol = filter_text(max_length=64, placeholder="Any")
    timeframe = filter_text(max_length=64, placeholder="Any")

    def clean_symbol(self) -> str:
        """In upper case, as signals store it."""
        text: str = self.cleaned_data["symbol"]
        return text.upper()

    def selection(self) -> PreviewSelection:
        """What was chosen; blank means any."""
        chosen = self.cleaned_data
        return PreviewSelection(
            last=chosen["last"] or DEFAULT_LAST,
            since=chosen["since"],
            until=chosen["until"],
            symbol=chosen["symbol"] or None,
            timeframe=chosen["timeframe"] or None,
        )


@permission_required(VIEW_DRAFTS, raise_exception=True)
def page(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Show the form; when it is right, the page fetches the numbers by itself."""
    draft = get_object_or_404(PolicyDraft, pk=draft_id)
    form = PreviewForm(request.GET)
    return render_page(
        request,
        "console/preview.html",
        f"Preview of policy draft {draft.pk}",
        opts=PolicyDraft._meta,  # noqa: SLF001 (Django's public model API)
        draft=draft,
        form=form,
        ready=form.is_valid(),
        query=request.GET.urlencode(),
    )


@permission_required(VIEW_DRAFTS, raise_exception=True)
def run(request: HttpRequest, draft_id: int) -> HttpResponseBase:
    """Answer the preview step by step, one JSON object a line."""
    draft = get_object_or_404(PolicyDraft, pk=draft_id)
    form = PreviewForm(request.GET)
    if not form.is_valid():
        return JsonResponse({"error": "Please correct the errors above.", "fields": form.errors}, status=400)
    # Its errors are answered before the first line; from then on the status is sent.
    lines = _lines(form.selection(), draft.content)
    answer = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    answer["X-Accel-Buffering"] = "no"  # a proxy that collects the answer would hide the progress
    answer["Cache-Control"] = "no-store"
    return answer


def _lines(selection: PreviewSelection, settings: PolicySettings) -> Iterator[str]:
    try:
        for step in preview_in_steps(selection, settings):
            if isinstance(step, PreviewWithPnl):
                html = render_to_string("console/preview_result.html", result_context(step))
                yield json.dumps({"html": html}) + "\n"
            else:
                yield json.dumps({"done": step.done, "total": step.total}) + "\n"
    except DatabaseError as error:
        # The status has been sent already; the page must still learn that nothing more comes.
        PREVIEW_FAILED.log(error=str(error))
        message = "The preview failed in the database. Try again with fewer decisions."
        yield json.dumps({"error": message}) + "\n"


def result_context(found: PreviewWithPnl) -> dict[str, Any]:
    """What the result's template shows."""
    preview = found.preview
    before, after = preview.executed_before, preview.executed_after
    changes = [change for change in preview.transitions if change.before != change.after]
    names = (("Engine A", "engine_a"), ("Engine B", "engine_b"), ("None", "nobody"))
    return {
        "preview": preview,
        "evaluation": running_evaluation(),
        "changes": changes,
        "moved": sum(one.count for one in changes if one.before.executed_engine != one.after.executed_engine),
        "by_symbol": preview.by_symbol[:ROWS_SHOWN],
        "more": max(len(preview.by_symbol) - ROWS_SHOWN, 0),
        "shares": [
            (title, getattr(before, name), _percent(before, name), getattr(after, name), _percent(after, name))
            for title, name in names
        ],
        "recorded": found.recorded,
        "trips": found.trips,
        "tripped": sum(len(one.times) for one in found.trips),
    }


def _percent(share: ExecutedShare, name: str) -> str:
    total = share.engine_a + share.engine_b + share.nobody
    return f"{100 * getattr(share, name) / total:.1f}%" if total else "n/a"
