"""The admin site: Unfold's, with our own pages beside the tables and the kill switch on every page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.utils.functional import SimpleLazyObject

from admin_kit.charts import csv_answer
from admin_kit.options import register_page_above
from admin_kit.saved_views import change as change_view
from admin_kit.saved_views import save as save_view
from orchestrator_site.console.unfold_settings import NAVIGATION
from orchestrator_site.roles import HALT_TRADING
from policies.models import Engine, PolicyDraft, PolicyVersion
from policies.selectors import open_halt, open_trip
from signals_app.models import WebhookDelivery

if TYPE_CHECKING:
    # Unfold's annotations contradict Django's; to the type checker its site is Django's.
    from django.contrib.admin import AdminSite as UnfoldAdminSite
else:
    from unfold.sites import UnfoldAdminSite


def environment(request: HttpRequest) -> tuple[str, str]:
    """The label beside every page's title, with its colour: whether real money may move."""
    return settings.APP_MODE, "danger" if settings.APP_MODE == "LIVE" else "info"


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar, with the pages that the user may open."""

    def entries(group: dict[str, Any]) -> list[dict[str, Any]]:
        # Unfold looks at a link five times, and one that is looked up each time is a fourth of a page's work.
        may = request.user.has_perm
        return [
            item | {"link": str(item["link"])} for item in group["items"] if "needs" not in item or may(item["needs"])
        ]

    groups = [group | {"items": entries(group)} for group in NAVIGATION]
    return [group for group in groups if group["items"]]


class OrchestratorAdminSite(UnfoldAdminSite):
    """Serves tables and pages; templates find the current halt as `halt`, a tripped guardrail as `trip`."""

    index_title = "Now"

    def get_urls(self) -> list[URLResolver | URLPattern]:
        """Our pages before the tables: their paths would match the catch-all of the latter."""
        from orchestrator_site.console import (
            alert_page,
            as_of_page,
            attention,
            compare_page,
            engines_page,
            inbox_page,
            kill_switch,
            preview_page,
            proofs_page,
            report_export,
            report_page,
            retention_page,
            risk_page,
            rows_page,
            settings_page,
            version_page,
        )

        pages: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
            "views/": ("view_save", save_view),
            "views/<int:view_id>/": ("view_change", change_view),
            "attention/": ("attention", attention.mark),
            "kill-switch/": ("kill_switch", kill_switch.page),
            "inbox/": ("inbox", inbox_page.page),
            "inbox/re-evaluate/": ("inbox_redrive", inbox_page.redrive_page),
            "check-alert/": ("check_alert", alert_page.page),
            "engines/": ("engines", engines_page.page),
            "risk/": ("risk", risk_page.page),
            "risk/drill/": ("halt_drill", proofs_page.drill),
            "risk/proof/<str:proof>/": ("proof", proofs_page.page),
            "risk/proof/<str:proof>/run/": ("proof_run", proofs_page.run),
            "settings/": ("settings", settings_page.page),
            "retention/": ("retention", retention_page.page),
            "retention/hold/": ("retention_hold", retention_page.place),
            "retention/hold/<int:hold_id>/lift/": ("retention_lift", retention_page.lift),
            "as-of/": ("as_of", as_of_page.page),
            "policies/policydraft/<int:draft_id>/preview/": ("draft_preview", preview_page.page),
            "policies/policydraft/<int:draft_id>/preview/run/": ("draft_preview_run", preview_page.run),
            "policies/policyversion/<int:version>/decisions/": ("version_decisions", version_page.part),
            "rows/": ("rows", rows_page.page),
            "rows/export.<str:form>": ("rows_export", rows_page.export),
            "report/": ("report", compare_page.page),
            "report/export.<str:form>": ("report_export", report_export.export),
            "report/keep/": ("report_keep", report_page.keep),
            "report/kept/": ("reports_kept", report_page.kept_reports),
            "report/kept/<str:report_hash>/": ("report_kept", report_page.kept),
        }
        register_page_above(Engine, "admin:engines")
        register_page_above(WebhookDelivery, "admin:check_alert")
        register_page_above(PolicyDraft, "admin:draft_preview")
        register_page_above(PolicyVersion, "admin:version_decisions")
        ours = [path(route, self.admin_view(view), name=name) for route, (name, view) in pages.items()]
        return [*ours, *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The tables of one app. Of all of them none, which would be listed for every page: the sidebar is ours."""
        return super().get_app_list(request, app_label) if app_label else []

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page needs; halt and guardrail are read once, when the page asks for them."""
        context = super().each_context(request)
        if self.has_permission(request):
            context["halt"] = SimpleLazyObject(open_halt)
            context["trip"] = SimpleLazyObject(open_trip)
            context["may_halt"] = request.user.has_perm(HALT_TRADING)
        return context

    def index(  # type: ignore[override]  # a file is no page
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what goes on now, one part of it (`?part=`) or a chart's file (`?csv=`), instead of a list of tables."""
        from orchestrator_site.console.now_page import REFRESH_SECONDS, parts, refresh_of

        refresh = {"refresh": refresh_of(request), "refresh_choices": REFRESH_SECONDS}
        # Staff without a role have nothing to see yet.
        found = parts(request) if request.user.has_perm("experiments.view_experiment") else {}
        part = request.GET.get("part", "")
        if part in found and "csv" not in request.GET:
            context = self.each_context(request) | refresh | found[part]() | {"part": part}
            return TemplateResponse(request, "console/now_part.html", context)
        seen: dict[str, Any] = {"parts": list(found)}
        for read in found.values():
            seen |= read()
        if (file := csv_answer(request, seen.get("charts", ()))) is not None:
            return file
        return super().index(request, {**refresh, **seen, **(extra_context or {})})

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Find pages, actions and rows, instead of tables by their names."""
        from orchestrator_site.console.search import page

        return page(request)
