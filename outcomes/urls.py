"""URLs below /api/v1/."""

from uuid import UUID

from django.urls import URLPattern, path, register_converter
from django.urls.converters import UUIDConverter

from outcomes.analyst_api.evaluations import EvaluationListView, EvaluationView
from outcomes.analyst_api.files import WRITERS
from outcomes.analyst_api.rows import AuditView, DeliveriesView, OutcomesView, PairsView
from outcomes.analyst_api.tables import TableView
from outcomes.analyst_api.views import ExperimentListView, ExperimentView
from outcomes.engine_api.views import (
    AssignmentView,
    ClaimView,
    ExitDirectiveReportView,
    ExitDirectivesView,
    PermitConfirmView,
    RecommendationsView,
    RenewView,
    TradeAmendmentsView,
    TradeExitView,
    TradeFillsView,
    TradesView,
    TradeView,
)
from outcomes.feeder_api.views import QuoteRequestsView, QuotesView
from outcomes.performance.api import PerformanceView


class AnyCaseUUIDConverter(UUIDConverter):
    """A UUID as PostgreSQL and other programs write it, in either case; Django's own knows lower case alone."""

    regex = UUIDConverter.regex.replace("a-f", "a-fA-F")


class DirectiveConverter(AnyCaseUUIDConverter):
    """The name of an exit directive: its experiment and its number there."""

    regex = rf"{AnyCaseUUIDConverter.regex}\.[0-9]{{1,4}}"

    def to_python(self, value: str) -> tuple[UUID, int]:  # type: ignore[override]  # two in one
        """Experiment and number."""
        experiment, _, number = value.partition(".")
        return UUID(experiment), int(number)


register_converter(AnyCaseUUIDConverter, "id")
register_converter(DirectiveConverter, "directive")


def table(name: str, view: type[TableView]) -> list[URLPattern]:
    """The URL of a table, and those of its files, which need no header: a link, a spreadsheet or a notebook opens them.

    The document of the API has the first alone, with all formats.
    """
    files = [path(f"{name}.{form}", view.as_view(form=form, schema=None)) for form in WRITERS]
    return [path(name, view.as_view(), name=name), *files]


urlpatterns = [
    path("assignments/claim", ClaimView.as_view(), name="claim-assignments"),
    path("assignments/<id:experiment_id>", AssignmentView.as_view(), name="assignment"),
    path("assignments/<id:experiment_id>/renew", RenewView.as_view(), name="renew_lease"),
    path("recommendations", RecommendationsView.as_view(), name="recommendations"),
    path("permits/<id:experiment_id>/confirm", PermitConfirmView.as_view(), name="permit_confirm"),
    path("trades", TradesView.as_view(), name="trades"),
    path("trades/<id:trade_id>", TradeView.as_view(), name="trade"),
    path("trades/<id:trade_id>/fills", TradeFillsView.as_view(), name="trade_fills"),
    path("trades/<id:trade_id>/amendments", TradeAmendmentsView.as_view(), name="trade_amendments"),
    path("trades/<id:trade_id>/exit", TradeExitView.as_view(), name="trade_exit"),
    path("exit-directives", ExitDirectivesView.as_view(), name="exit_directives"),
    path(
        "exit-directives/<directive:directive_id>/report",
        ExitDirectiveReportView.as_view(),
        name="exit_directive_report",
    ),
    path("quote-requests", QuoteRequestsView.as_view(), name="quote_requests"),
    path("quotes", QuotesView.as_view(), name="quotes"),
    path("evaluations", EvaluationListView.as_view(), name="evaluations"),
    path("evaluations/<str:name>", EvaluationView.as_view(), name="evaluation"),
    *table("experiments", ExperimentListView),
    path("experiments/<id:experiment_id>", ExperimentView.as_view(), name="experiment"),
    *table("outcomes", OutcomesView),
    *table("pairs", PairsView),
    *table("deliveries", DeliveriesView),
    *table("audit", AuditView),
    path("performance", PerformanceView.as_view(), name="performance"),
]
