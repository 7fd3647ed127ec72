"""Look and navigation of the admin (django-unfold): data only; ten places for the work, and every table."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import lazy

# Neither URLs nor static files are known while Django reads its settings.
_static = lazy(static, str)


def _page(title: str, icon: str, view: str, permission: str) -> dict[str, Any]:
    """The sidebar entry of a page, for those with the permission (see `site.navigation`)."""
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{view}"), "needs": permission}


def _table(title: str, icon: str, model: str) -> dict[str, Any]:
    """The sidebar entry of a table, for those who may view it (model as `app.model`)."""
    app, name = model.split(".")
    return _page(title, icon, f"{app}_{name}_changelist", f"{app}.view_{name}")


NAVIGATION: list[dict[str, Any]] = [
    {
        "items": [
            {"title": "Now", "icon": "monitoring", "link": reverse_lazy("admin:index")},
            _table("Signals", "podcasts", "experiments.experiment"),
            _page("Inbox", "inbox", "inbox", "signals_app.view_webhookdelivery"),
            _table("Policy", "rule", "policies.policyversion"),
            _page("Engines", "memory", "engines", "policies.view_engine"),
            _page("Verdict", "balance", "outcomes_evaluation_latest", "outcomes.view_evaluation"),
            _page("Compare", "compare_arrows", "report", "outcomes.view_report"),
            _page("Rows", "table_rows", "rows", "outcomes.view_report"),
            _page("Risk", "front_hand", "risk", "policies.view_halt"),
            _page("Settings", "settings", "settings", "signals_app.view_webhooksource"),
        ]
    },
    {
        "title": "Records",
        "collapsible": True,
        "items": [
            _table("Signals as received", "podcasts", "signals_app.signal"),
            _page("Check an alert", "fact_check", "check_alert", "signals_app.view_signal"),
            _table("Webhook sources", "link", "signals_app.webhooksource"),
            _table("Webhook deliveries", "inbox", "signals_app.webhookdelivery"),
            _table("Missing alerts", "notifications_off", "signals_app.missingalert"),
            _table("Alert streams", "timeline", "signals_app.alertstream"),
            _table("Unknown tokens", "no_accounts", "signals_app.unknowntokenattempt"),
            _table("Market data", "candlestick_chart", "signals_app.marketdata"),
            _table("Market contexts", "photo_camera", "signals_app.marketcontext"),
            _table("Policy drafts", "edit_note", "policies.policydraft"),
            _table("Policy ramps", "trending_up", "policies.policyramp"),
            _page("As of", "schedule", "as_of", "policies.view_policyversion"),
            _table("Decisions", "gavel", "experiments.executiondecision"),
            _table("Distributions", "outbox", "experiments.signaldistribution"),
            _table("Recommendations", "recommend", "outcomes.recommendation"),
            _table("Permits", "verified_user", "outcomes.permit"),
            _table("Real trades", "paid", "outcomes.realtrade"),
            _table("Shadow trades", "filter_drama", "outcomes.shadowtrade"),
            _table("Trade fills", "receipt_long", "outcomes.tradefill"),
            _table("Exit directives", "logout", "outcomes.exitdirective"),
            _table("Own exits", "exit_to_app", "outcomes.ownexit"),
            _table("Quotes", "sell", "outcomes.quote"),
            _table("Real outcomes", "savings", "outcomes.realoutcome"),
            _table("Shadow outcomes", "cloud_done", "outcomes.shadowoutcome"),
            _table("Evaluations", "science", "outcomes.evaluation"),
            _table("Evaluation blocks", "calendar_view_week", "outcomes.evaluationblock"),
            _table("Pair violations", "difference", "outcomes.violation"),
            _table("Incidents", "report", "outcomes.incident"),
            _table("Trade amendments", "edit_note", "outcomes.tradeamendment"),
            _table("Halts", "front_hand", "policies.halt"),
            _table("Guardrail trips", "warning", "policies.guardrailtrip"),
            _table("Recipients", "contacts", "notifications.recipient"),
            _table("Notifications", "notifications", "notifications.notification"),
            _table("API keys", "key", "policies.apikey"),
            _table("Audit log", "history", "kernel.auditentry"),
            _page("Retention", "inventory_2", "retention", "archives.view_legalhold"),
            _table("Archives", "archive", "archives.archive"),
            _table("Legal holds", "lock", "archives.legalhold"),
            _table("Replay runs", "replay", "experiments.replayrun"),
            _table("Worker heartbeats", "favorite", "experiments.workerheartbeat"),
            _table("Users", "person", "auth.user"),
            _table("Groups", "group", "auth.group"),
            _table("Failed tasks", "error", "django_q.failure"),
            _table("Schedules", "schedule", "django_q.schedule"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Trading Orchestrator",
    "SITE_HEADER": "Trading Orchestrator",
    "SITE_SYMBOL": "balance",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "orchestrator_site.console.site.environment",
    "SITE_FAVICONS": [
        # A function: where static files lie is a setting, too, and not known yet.
        {"rel": "icon", "type": "image/svg+xml", "href": _static("orchestrator_site/favicon.svg")},
    ],
    "STYLES": [_static("admin_kit/admin.css")],
    "SCRIPTS": [_static(f"admin_kit/{name}.js") for name in ("keyboard", "times", "signs", "tables")],
    "BORDER_RADIUS": "6px",
    "COLORS": {
        # A calm blue: red and green are kept for losses, gains and alarms.
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
    "ACCOUNT": {"navigation": [{"title": "Your account", "link": reverse_lazy("account")}]},
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "orchestrator_site.console.site.navigation"},
}
