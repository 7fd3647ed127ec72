"""Amendments: what engines say brokers corrected and busted, and the two pages on which an operator decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from admin_kit.display import badge, json_of, link, link_to, pretty_json
from admin_kit.filters import recent
from admin_kit.form_fields import ConfirmedReasonForm
from admin_kit.options import AuditAdmin, page_action, render_page
from kernel.actors import actor_of
from kernel.canonical import load_canonical
from kernel.errors import DomainError
from kernel.values import row_id
from outcomes.amendment_rows import Effect, change_of, consequence_of
from outcomes.models import DECIDE_AMENDMENTS, AmendmentState, TradeAmendment
from outcomes.services import accept_amendment, refuse_amendment

STATE_COLOURS = {"PROPOSED": "warning", "ACCEPTED": "success", "REFUSED": ""}
DONE = {"ACCEPT": "accepted", "REFUSE": "refused"}
EFFECTS = {
    Effect.REVISED: "The fill gets another revision, and the trade's P&L, risk and result are computed again.",
    Effect.REOPENED: "The trade is open again, and its result is withdrawn until it closes again.",
    Effect.ENDED: "No fill of the trade is left: it ends UNPRICED, which is counted, and is in no P&L.",
    Effect.SUCCEEDED: "What is open of the contract is held in its successor from then on, at what was paid for it.",
}
KEPT = "What was first reported is kept, and the trade is marked AMENDED."
FOLLOWED = "What its shadow has followed stays as it is"
REFUSE_LEAD = "Everything stays as first reported. The engine is told your reason."
FINAL = "A decision is final."


@admin.register(TradeAmendment)
class TradeAmendmentAdmin(AuditAdmin):
    """Proposed by an engine, decided once by an operator, never changed."""

    list_display = (
        "proposed_at",
        "engine",
        badge("kind", {"BUST": "danger"}),
        "trade_link",
        "fill_ref",
        "reason",
        badge("state", STATE_COLOURS),
        "decided_by",
        "decided_at",
    )
    csv_columns = (
        "id", "proposed_at", "engine", "kind", "experiment_id", "fill_ref", "reason", "evidence", "state", "decided_by",
        "decided_at", "decision_reason",
    )  # fmt: skip
    list_filter = ("state", "kind", "engine", recent("proposed_at"))
    search_fields = ("experiment_id__exact", "real_trade_id__exact", "shadow_trade_id__exact")
    search_help_text = "Experiment ID or trade ID"
    fields = (
        "proposed_at",
        "engine",
        badge("kind", {"BUST": "danger"}),
        "trade_link",
        link_to("experiment_id", "experiments_experiment"),
        "fill_ref",
        "before",
        "stored",
        "proposed",
        json_of("values"),
        "reason",
        "what_proves_it",
        badge("state", STATE_COLOURS),
        "decided_by",
        "decided_at",
        "decision_reason",
    )
    actions_detail = ("accept", "refuse")
    empty_hint = "Engines propose an amendment when their broker corrects or busts a fill, or a contract is renamed."

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Deciding needs a permission of its own."""
        return request.user.has_perm(DECIDE_AMENDMENTS)

    def is_settled(self, row: TradeAmendment) -> bool:
        """A decision is final."""
        return row.state != AmendmentState.PROPOSED

    @admin.display(description="trade")
    def trade_link(self, amendment: TradeAmendment) -> SafeString:
        """The page of the trade that it amends."""
        if amendment.real_trade_id is not None:
            return link("outcomes_realtrade", amendment.real_trade_id, f"real {str(amendment.real_trade_id)[:8]}")
        return link("outcomes_shadowtrade", amendment.shadow_trade_id, f"shadow {str(amendment.shadow_trade_id)[:8]}")

    def get_fields(self, request: HttpRequest, obj: TradeAmendment | None = None) -> Any:
        """Once it was accepted, what it took back is no longer in force."""
        hidden = "stored" if obj is not None and obj.state == AmendmentState.ACCEPTED else "before"
        return [name for name in self.fields if name != hidden]

    @admin.display(description="fill before")
    def before(self, amendment: TradeAmendment) -> SafeString | str:
        """What the amendment took back."""
        return self.stored(amendment)

    @admin.display(description="fill in force")
    def stored(self, amendment: TradeAmendment) -> SafeString | str:
        """The executions that count now, and their fees."""
        return _lines(change_of(amendment).before) or "none"

    @admin.display(description="fill proposed")
    def proposed(self, amendment: TradeAmendment) -> SafeString | str:
        """The executions and fees that it puts in their place."""
        return _lines(change_of(amendment).after) or "none: busted"

    @admin.display(description="evidence")
    def what_proves_it(self, amendment: TradeAmendment) -> SafeString | str:
        """Text as it was sent, a document line by line."""
        text = amendment.evidence
        try:
            return pretty_json(load_canonical(text)) if text.startswith(("{", "[")) else text
        except (ValueError, RecursionError):
            # Text that only looks like a document.
            return text

    @page_action("Accept", permission="decide", url_path="accept", icon="check")
    def accept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason and the typed word, then let the amendment take effect."""
        return self._decide(request, object_id, "ACCEPT", _accepting, accept_amendment)

    @page_action("Refuse", permission="decide", url_path="refuse", icon="close")
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the reason and the typed word, then leave everything as it was."""
        return self._decide(request, object_id, "REFUSE", lambda _: REFUSE_LEAD, refuse_amendment)

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        word: str,
        lead_of: Callable[[TradeAmendment], str],
        decide: Callable[..., None],
    ) -> HttpResponse:
        amendment = TradeAmendment.objects.filter(pk=row_id(object_id)).first()
        if amendment is None:
            raise Http404
        if request.method != "POST" and amendment.state != AmendmentState.PROPOSED:
            messages.warning(request, f"{amendment.decided_by} has already decided it.")
            return HttpResponseRedirect(reverse("admin:outcomes_tradeamendment_change", args=(amendment.pk,)))
        try:
            change, lead = change_of(amendment), lead_of(amendment)
        except ObjectDoesNotExist:
            messages.error(request, "The trade that it amends was deleted from the database.")
            return HttpResponseRedirect(reverse("admin:outcomes_tradeamendment_change", args=(amendment.pk,)))
        form = ConfirmedReasonForm(word, request.POST if request.method == "POST" else None)
        page = reverse("admin:outcomes_tradeamendment_change", args=(amendment.pk,))
        if form.is_bound and form.is_valid():
            try:
                decide(actor_of(request), amendment.pk, reason=form.cleaned_data["reason"])
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, f"Amendment of {amendment.fill_ref}: {DONE[word]}.")
                return HttpResponseRedirect(page)
        title = f"{word.capitalize()}: {amendment}"
        before, after = (", ".join(lines) for lines in (change.before, change.after))
        said = f"Stored: {before or 'nothing'}. Proposed: {after or 'nothing, the fill was busted'}. {lead} {FINAL}"
        context = {"opts": self.opts, "form": form, "lead": said, "submit": word.capitalize(), "back": page}
        return render_page(request, "admin_kit/form_page.html", title, danger=word == "ACCEPT", **context)


def _accepting(amendment: TradeAmendment) -> str:
    """What becomes of trade and pair if it is accepted."""
    found = consequence_of(amendment)
    if not found.is_followed:
        pair = ", so the pair is no longer compared, however the trade goes on; its engine's own figures still count it"
    elif found.effect is Effect.REOPENED:
        pair = ", and the pair is compared again once the trade has a result"
    else:
        pair = ""
    return f"{EFFECTS[found.effect]} {FOLLOWED}{pair}. {KEPT}"


def _lines(lines: list[str]) -> SafeString:
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines))
