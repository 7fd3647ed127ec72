"""Deliveries, market data and market contexts: read-only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from admin_kit.display import OUTCOME_COLOURS, amount, badge, full_hash, hash_of, json_of, link, link_to
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin, page_above
from signals_app.models import MarketContext, MarketData, UnknownTokenAttempt, WebhookDelivery

SEND_ALERT = (
    "curl '<webhook URL of the source>' "
    """-d '{"symbol": "SPY", "action": "buy", "interval": "5", "timenow": "<now, as 2026-03-16T14:30:00Z>"}'"""
)
PUSH_MARKET_DATA = (
    "curl '<address of this site>/api/v1/market-data' -H 'Authorization: Api-Key <key>' "
    """-H 'Content-Type: application/json' """
    """-d '{"symbol": "SPY", "as_of": "2026-03-16T14:30:00Z", "data": {"iv_rank": "0.42"}}'"""
)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(AuditAdmin):
    """Every request with a valid token, how it was handled and why."""

    list_display = (
        "received_at",
        "source",
        badge("outcome", OUTCOME_COLOURS),
        "code",
        "detail",
        link_to("signal_id", "signals_app_signal", short=True),
        "remote_address",
        amount("duration_ms", title="duration (ms)"),
    )
    list_filter = ("outcome", recent("received_at"))
    list_select_related = ("source",)
    search_fields = ("signal_id__exact",)
    search_help_text = "Signal ID; the inbox searches codes and words"
    fields = (
        "received_at",
        "source",
        badge("outcome", OUTCOME_COLOURS),
        "code",
        "detail",
        link_to("signal_id", "signals_app_signal"),
        "remote_address",
        "content_type",
        "duration_ms",
        full_hash("body_sha256"),
        "check_again",
        "judged_again",
        "body_text",
    )
    empty_hint = "Every request with a valid token appears here, including rejected ones."
    empty_commands = (SEND_ALERT,)

    @admin.display(description="Check again")
    def check_again(self, delivery: WebhookDelivery) -> SafeString:
        """A link to what the webhook would make of it today."""
        address = page_above(WebhookDelivery)
        return format_html('<a class="text-link" href="{}?delivery={}">Check this alert</a>', address, delivery.pk)

    @admin.display(description="Re-evaluated")
    def judged_again(self, delivery: WebhookDelivery) -> SafeString | None:
        """The delivery that came of this one, or the one that this came of, with who had it judged again."""
        for name, other, text in (("redrive", "result", "as"), ("redrive_of", "delivery", "from")):
            redrive = getattr(delivery, name, None)
            if redrive is not None:
                found = getattr(redrive, other)
                linked = link("signals_app_webhookdelivery", found.pk, f"delivery {found.pk}")
                return format_html("{} {}, by {}: {}", text, linked, redrive.made_by, redrive.reason)
        return None

    @admin.display(description="Body")
    def body_text(self, delivery: WebhookDelivery) -> SafeString:
        """The body as received, with secrets masked; bytes that are not UTF-8 are shown as �."""
        return format_html('<pre class="to-json">{}</pre>', bytes(delivery.body).decode(errors="replace"))


@admin.register(UnknownTokenAttempt)
class UnknownTokenAttemptAdmin(AuditAdmin):
    """Who tried the webhook with a wrong token: a mistyped URL, a disabled source, or a stranger."""

    list_display = ("hour", "address", "attempts", "last_at")
    list_filter = (recent("hour"),)
    search_fields = ("address__exact",)
    search_help_text = "IP address, exact match"
    fields = ("hour", "address", "attempts", "last_at")
    empty_hint = "Requests with an unknown token are counted here by address and hour; there are none."
    empty_commands = ("manage.py source list",)


@admin.register(MarketData)
class MarketDataAdmin(AuditAdmin):
    """What feeders pushed."""

    list_display = ("as_of", "symbol", "exchange", "source", "received_at")
    list_filter = (recent("as_of"),)
    ordering = ("-id",)
    search_fields = ("symbol__exact",)
    search_help_text = "Symbol, exact match"
    fields = ("as_of", "symbol", "exchange", "source", "received_at", json_of("data"))
    empty_hint = "The orchestrator never fetches data; without a feed, contexts have no market_data."
    empty_commands = ("manage.py apikey create --owner feeder", PUSH_MARKET_DATA)


@admin.register(MarketContext)
class MarketContextAdmin(AuditAdmin):
    """The frozen document that both engines got."""

    list_display = (
        link_to("signal_id", "signals_app_signal"),
        "signal",
        hash_of("context_hash"),
        "created_at",
    )
    list_display_links = (list_display[1],)
    list_select_related = ("signal",)
    # By an indexed column: the contexts themselves have no index by time.
    ordering = ("-signal__received_at",)
    search_fields = ("signal_id__exact", "context_hash__exact", "signal__symbol__exact")
    search_help_text = "Signal ID, context hash or symbol, exact match"
    fields = (
        link_to("signal_id", "signals_app_signal"),
        full_hash("context_hash"),
        "created_at",
        json_of("context"),
    )
    empty_hint = "The worker creates one market context per signal when it decides the signal."
    empty_commands = ("manage.py demo", "manage.py worker")
