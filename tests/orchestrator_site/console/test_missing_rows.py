"""Rows that were deleted behind the product's back: every page still answers, and says what is missing."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.contrib import admin
from django.db import models, transaction
from django.test import Client
from django.urls import reverse

from outcomes.models import RealTrade, ShadowTrade
from outcomes.selectors import missing_rows
from policies.models import ApiKey
from tests.database import execute, rows
from tests.factories import api_client
from tests.orchestrator_site.console.rows import logged_in, make_everything
from tests.outcomes.desk import C72_5_JULY, EXIT_TIME, Desk, last_amendment, leg, make_desk, neutral_quote, plan
from tests.outcomes.services.test_amendments import amend, closed_pair, correction, execution
from tests.outcomes.services.test_partial_exits import both_hold, fill
from tests.outcomes.services.test_partial_exits import execution as sale
from tests.size.source import FOLDERS

pytestmark = pytest.mark.django_db

# What one experiment consists of, by table, and how its page calls each when it is gone.
PARTS = {
    "signals": ["the signal"],
    "market_contexts": ["the market context"],
    "policy_versions": ["policy version"],
    "execution_policy": ["the decision"],
    "signal_distributions": ["the distribution to engine A", "the distribution to engine B"],
    "recommendations": ["the recommendation of engine A", "the recommendation of engine B"],
    "permits": ["the permit of engine A"],
    "real_trades": ["the real trade of engine A"],
    "shadow_trades": ["the shadow trade of engine B"],
    "trade_fills": ["the entry of engine A&#x27;s real trade", "the entry of engine B&#x27;s shadow trade"],
    "real_outcomes": ["the outcome of engine A&#x27;s real trade"],
    "shadow_outcomes": ["the outcome of engine B&#x27;s shadow trade"],
    "exit_directives": ["the exit directive to the shadow"],
}
# Within the transaction of the test.
SCANS = "SELECT relname, seq_scan + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables"
# Pages that are no table's.
VIEWS = (
    "index", "inbox", "engines", "risk", "settings", "retention", "as_of", "rows", "report", "reports_kept",
)  # fmt: skip
# Not of one experiment: a draft is nothing without the version that it starts from.
NOT_THERE = {("policy_versions", "policies_policydraft_change")}


def lose(table: str, *values: object) -> None:
    """Delete all rows of a table, or those of a condition, as a superuser who switches the triggers off."""
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("SET session_replication_role = replica")
    execute(f"DELETE FROM {table}", *values)
    execute("SET session_replication_role = DEFAULT")


def of_ours(model: type[models.Model]) -> bool:
    return model.__module__.split(".")[0] in FOLDERS


def pages() -> list[str]:
    """The address of every page and list of ours, and of the first rows that are still there: one of each engine."""
    found = [reverse(f"admin:{name}") for name in VIEWS] + [reverse("admin:rows") + "?kind=paired"]
    for model in filter(of_ours, admin.site._registry):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{name}_changelist"))
        if model is not ApiKey:
            keys = model._default_manager.order_by("pk").values_list("pk", flat=True)[:2]
            found += [reverse(f"{name}_change", args=(key,)) for key in keys]
    return found


@pytest.fixture
def root() -> Client:
    return logged_in(superuser=True)


def read_for(root: Client, address: str) -> set[str]:
    """The tables that a page reads, whether by a query, a view or a function."""
    before = dict(rows(SCANS))
    assert root.get(address).status_code == 200
    return {table for table, scans in rows(SCANS) if scans > before.get(table, 0)}


def test_no_page_fails_when_rows_are_gone(root: Client, subtests: pytest.Subtests) -> None:
    """Only those that read a table are tried without its rows: no other can miss them."""
    make_everything()
    reads = {address: read_for(root, address) for address in pages()}

    for table in PARTS:
        with transaction.atomic():
            lose(table)
            tried = [address for address in pages() if table in reads[address]]
            for address in tried:
                with subtests.test(table=table, address=address):
                    response = root.get(address)

                    expected = 404 if (table, response.resolver_match.url_name) in NOT_THERE else 200
                    assert response.status_code == expected
            transaction.set_rollback(True)
        assert len(tried) >= 4, table


@pytest.mark.parametrize("table", PARTS)
def test_the_experiments_page_and_its_trades_pages_name_what_is_gone(table: str, root: Client) -> None:
    experiment = make_everything()
    lose(table)
    addresses = [reverse("admin:experiments_experiment_change", args=(experiment.pk,))]
    for model, name in ((RealTrade, "realtrade"), (ShadowTrade, "shadowtrade")):
        addresses += [reverse(f"admin:outcomes_{name}_change", args=(row.pk,)) for row in model.objects.all()]

    for address in addresses:
        page = root.get(address).content.decode()
        assert all(what in page for what in PARTS[table])
        assert "Deleted from the database" in page


@pytest.mark.parametrize(
    ("rows_of", "what"),
    [
        ("trade_fills WHERE fill_ref = 'entry' AND real_trade_id IS NOT NULL", "the entry of engine A's real trade"),
        (
            "trade_fills WHERE fill_ref = 'entry' AND shadow_trade_id IS NOT NULL",
            "the entry of engine B's shadow trade",
        ),
        ("trade_fills WHERE fill_ref = 'exit' AND revision = 2", "a fill of engine A's real trade"),
        (
            "trade_fills WHERE fill_ref = 'exit' AND revision = 1",
            "an earlier revision of a fill of engine A's real trade",
        ),
        ("trade_fills WHERE fill_ref = 'exit'", "a fill of engine A's real trade"),
        ("trade_fills WHERE fill_ref = 'directive-1'", "a fill of engine B's shadow trade"),
        ("trade_amendments", "an amendment of engine A's real trade"),
        ("real_outcomes WHERE revision = 1", "an earlier outcome of engine A's real trade"),
    ],
)
def test_a_single_row_that_is_gone_is_named_as_well(rows_of: str, what: str, root: Client) -> None:
    desk = make_desk()
    real_id, shadow_id = closed_pair(desk), ShadowTrade.objects.get().pk
    amend(desk, real_id, correction("exit", execution("1.98")))
    assert missing_rows(desk.experiment.pk) == []

    lose(rows_of)

    for address in (
        reverse("admin:experiments_experiment_change", args=(desk.experiment.pk,)),
        reverse("admin:outcomes_realtrade_change", args=(real_id,)),
        reverse("admin:outcomes_shadowtrade_change", args=(shadow_id,)),
    ):
        assert what in html.unescape(root.get(address).content.decode())


@pytest.mark.parametrize(
    ("rows_of", "what"),
    [
        ("exit_directives WHERE number = 1", "an exit directive to the shadow"),
        ("exit_directives WHERE number = 2", "an exit directive to the shadow"),
        ("exit_directives", "the exit directive to the shadow"),
        ("trade_fills WHERE fill_ref = 'f1'", "a fill of engine A's real trade"),
        ("trade_fills WHERE fill_ref = 'f2'", "a fill of engine A's real trade"),
        ("trade_fills WHERE fill_ref = 'directive-1'", "a fill of engine B's shadow trade"),
        ("quotes", "a neutral quote that priced engine B's shadow trade"),
    ],
)
def test_one_of_several_exits_that_is_gone_is_named_alone(rows_of: str, what: str) -> None:
    desk = both_hold("3", "3")
    neutral_quote(C72_5_JULY, "1.31", "1.37", "2014-06-05T15:00:00Z")
    for number in (1, 2):
        assert fill(desk, f"f{number}", sale("1", "1.50"), hour=14 + number).status == 201
    assert missing_rows(desk.experiment.pk) == []

    lose(rows_of)

    assert missing_rows(desk.experiment.pk) == [what]


def test_trades_say_that_their_experiment_is_gone(root: Client) -> None:
    desk = make_desk()
    closed_pair(desk)
    lose("experiments")

    for model, name in ((RealTrade, "realtrade"), (ShadowTrade, "shadowtrade")):
        page = root.get(reverse(f"admin:outcomes_{name}_change", args=(model.objects.get().pk,)))
        assert page.status_code == 200
        assert "Deleted from the database" in page.content.decode()
        assert "the experiment" in page.content.decode()


def test_nothing_is_named_where_all_is_there(root: Client) -> None:
    experiment = make_everything()

    page = root.get(reverse("admin:experiments_experiment_change", args=(experiment.pk,))).content.decode()

    assert missing_rows(experiment.pk) == []
    assert "Deleted from the database" not in page


@pytest.mark.parametrize("table", ["signals", "execution_policy"])
def test_the_list_of_experiments_keeps_one_whose_story_cannot_be_told(table: str, root: Client) -> None:
    experiment = make_everything()
    lose(table)

    page = root.get(reverse("admin:experiments_experiment_changelist")).content.decode()

    assert str(experiment.pk) in page
    assert "deleted</span>" in page


@pytest.mark.parametrize("table", PARTS)
def test_an_analyst_is_told_what_is_gone(table: str) -> None:
    experiment = make_everything()
    analyst = api_client("analyst")
    lose(table)

    listed = analyst.get("/api/v1/experiments")
    told = analyst.get(f"/api/v1/experiments/{experiment.pk}")

    assert str(experiment.pk) in {row["experiment_id"] for row in listed.json()["results"]}
    names = [what.replace("&#x27;", "'") for what in PARTS[table]]
    if table in ("signals", "execution_policy"):
        assert (told.status_code, told.json()["code"]) == (409, "history_incomplete")
        assert all(what in told.json()["detail"] for what in names)
    else:
        assert told.status_code == 200
        assert all(any(what in found for found in told.json()["missing"]) for what in names)


@pytest.mark.parametrize("table", PARTS)
@pytest.mark.parametrize("name", ["outcomes", "pairs", "performance"])
def test_no_analyst_meets_an_internal_error(name: str, table: str) -> None:
    make_everything()
    analyst = api_client("analyst")
    lose(table)

    assert analyst.get(f"/api/v1/{name}").status_code == 200


@pytest.mark.parametrize("table", ["signals", "experiments"])
def test_a_row_of_the_report_outlasts_its_signal(table: str, root: Client) -> None:
    experiment = make_everything()
    lose(table)

    row = api_client("analyst").get("/api/v1/outcomes").json()["results"][0]
    page = root.get(reverse("admin:rows")).content.decode()

    assert (row["experiment_id"], row["symbol"]) == (str(experiment.pk), None)
    assert ">deleted<" in page


@pytest.mark.parametrize("table", PARTS)
def test_no_engine_meets_an_internal_error(table: str) -> None:
    desk = make_desk()
    trade_id = desk.open_real()
    lose(table)

    answers = [
        desk.a.post("recommendations", recommendation_of(desk)),
        desk.a.confirm(desk.experiment),
        desk.a.open(desk.experiment, quantity="2"),
        desk.a.post(f"trades/{trade_id}/fills", {"fill_ref": "f1", "time": EXIT_TIME, "legs": [execution("1.50")]}),
        desk.a.close(trade_id),
        desk.a.get(f"trades/{trade_id}"),
        desk.a.get(f"assignments/{desk.experiment.pk}"),
        desk.a.post("assignments/claim", {}),
        desk.b.get("exit-directives"),
    ]

    assert {answer.status for answer in answers} <= {200, 201, 400, 404, 409}, [answer.body for answer in answers]


@pytest.mark.parametrize("table", PARTS)
def test_no_engine_of_a_closed_pair_meets_an_internal_error(table: str) -> None:
    desk = make_desk()
    real_id, shadow_id = desk.open_real(), desk.open_shadow()
    desk.a.close(real_id)
    lose(table)

    answers = [
        answer
        for engine, trade_id in ((desk.a, real_id), (desk.b, shadow_id))
        for answer in (
            engine.post("recommendations", recommendation_of(desk)),
            engine.confirm(desk.experiment),
            engine.open(desk.experiment, quantity="2"),
            engine.close(trade_id, exit_price="1.98"),
            engine.post(f"trades/{trade_id}/amendments", BUST),
            engine.get(f"trades/{trade_id}"),
            engine.get("trades"),
        )
    ]

    assert {answer.status for answer in answers} <= {200, 201, 202, 400, 404, 409}, [each.body for each in answers]


@pytest.mark.parametrize("word", ["accept", "refuse"])
def test_an_amendment_whose_trade_is_gone_leads_back_to_its_page(word: str, root: Client) -> None:
    desk = make_desk()
    trade_id = desk.open_real()
    desk.a.close(trade_id)
    desk.a.post(f"trades/{trade_id}/amendments", BUST)
    proposed = last_amendment()
    lose("real_trades")

    address = reverse("admin:outcomes_tradeamendment_change", args=(proposed,)).replace("change", word)
    page = root.get(address, follow=True)

    assert "was deleted from the database" in page.content.decode()


def test_engines_are_told_which_experiment_is_gone_and_keep_their_lists(root: Client) -> None:
    desk, other = make_desk(), make_desk()
    real_id, shadow_id = closed_pair(desk), str(ShadowTrade.objects.get().pk)
    others = other.open_real()
    desk.a.post(f"trades/{real_id}/amendments", BUST)
    proposed = last_amendment()
    before = desk.a.get("trades").body
    lose("experiments WHERE experiment_id = %s", desk.experiment.pk)
    gone = f"Deleted from the database: the experiment {desk.experiment.pk}."

    refused = [
        desk.a.get(f"trades/{real_id}"),
        desk.b.get(f"trades/{shadow_id}"),
        desk.a.post("recommendations", recommendation_of(desk)),
        desk.a.confirm(desk.experiment),
        desk.a.open(desk.experiment),
        desk.a.close(real_id),
        desk.a.post(f"trades/{real_id}/amendments", BUST),
    ]
    listed = desk.a.get("trades")
    page = reverse("admin:outcomes_tradeamendment_change", args=(proposed,)).replace("change", "accept")
    decided = root.post(page, {"reason": "Checked.", "confirmation": "ACCEPT"}).content.decode()

    assert {(answer.status, answer.body["detail"]) for answer in refused} == {(409, gone)}
    # Nothing leads to its signal any more.
    before["trades"][0]["replayed"] = None
    assert listed.body == before
    assert [one["trade_id"] for one in listed.body["trades"]] == [real_id, others]
    assert [one["trade_id"] for one in desk.b.get("trades").body["trades"]] == [shadow_id]
    assert gone in decided
    # What is nobody's, or the other engine's, stays unknown.
    assert desk.b.close(real_id).code == desk.b.get(f"trades/{real_id}").code == "not_found"


def test_an_experiment_without_a_trade_is_named_as_well() -> None:
    desk = make_desk(recommended=False)
    lose("experiments")

    told = api_client("analyst").get(f"/api/v1/experiments/{desk.experiment.pk}")

    assert (told.status_code, told.json()["detail"]) == (409, "Deleted from the database: the experiment.")


def test_a_shadow_whose_engine_may_still_be_led_is_told_what_is_gone() -> None:
    desk = make_desk(recommended=False)
    desk.b.recommend(desk.experiment, plan=plan(leg(C72_5_JULY)))
    shadow_id = desk.open_shadow()
    lose("signal_distributions WHERE engine = 'A'")

    told = desk.leave_by_its_own_rules(shadow_id)

    assert (told.status, told.body["detail"]) == (409, "Deleted from the database: the distribution to engine A.")


BUST = {"kind": "BUST", "of": "exit", "reason": "Busted.", "evidence": "Notice 1"}


def recommendation_of(desk: Desk) -> dict[str, Any]:
    body = {"experiment_id": str(desk.experiment.pk), "context_hash": "0" * 64, "action": "DECLINE"}
    return body | {"strategy_version": "1", "rules_hash": "0" * 64, "recommendation": None}
