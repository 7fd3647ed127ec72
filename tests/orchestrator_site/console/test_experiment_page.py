"""The page that answers: which engine recommended this trade, and why did it execute (R5.5)?"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from experiments.models import Experiment
from experiments.worker.pipeline import drain
from kernel.actors import Actor
from kernel.values import instant_text
from orchestrator_site.console.timeline import Event, scale_of, timed
from policies.as_of import absence_at
from policies.models import EngineAvailability
from policies.services import set_engine_enabled
from signals_app.models import WebhookDelivery
from tests.database import execute
from tests.factories import MOMENT, api_client, engine, make_experiment, make_policy, make_signal, make_source
from tests.orchestrator_site.console.rows import logged_in, traded_pair
from tests.outcomes.desk import C70, C72_5_JULY, leg, make_desk, plan
from tests.signals_app.webhook.webhook import TOKEN, alert, send

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst() -> Client:
    return logged_in("analyst")


def page_of(client: Client, experiment: Experiment) -> str:
    return client.get(reverse("admin:experiments_experiment_change", args=(experiment.pk,))).content.decode()


def test_it_says_in_one_sentence_why_the_trade_was_made(analyst: Client) -> None:
    experiment = traded_pair()

    page = page_of(analyst, experiment)

    assert "Engine A recommended the trade and traded for real because policy v2 is ENGINE_A_PRIMARY" in page
    assert "engine B recommended the trade and shadowed." in page


def test_the_timeline_tells_everything_in_order(analyst: Client) -> None:
    experiment = traded_pair()

    response = analyst.get(reverse("admin:experiments_experiment_change", args=(experiment.pk,)))

    events = [item.event for item in response.context["page"].timeline]
    titles = [event.title for event in events]
    expected = [
        "Alert received", "Market context captured", "Decided: ENGINE_A_PRIMARY", "Distributed to engine A",
        "Engine A recommended OPEN", "Engine A confirmed its permit", "Engine A opened its real trade",
        "Incident: double_execution_prevented",
        "Engine A's real trade closed", "Outcome of engine A recorded", "Shadow exit settled: DONE",
    ]  # fmt: skip
    positions = [titles.index(title) for title in expected]
    assert positions == sorted(positions)
    assert all(item.delta == "" or item.delta.startswith("+") for item in response.context["page"].timeline)
    assert {"Distributed to engine B", "Engine B's shadow trade closed", "Outcome of engine B recorded"} <= set(titles)


def test_both_engines_stand_side_by_side_with_their_own_results(analyst: Client) -> None:
    experiment = traded_pair()

    response = analyst.get(reverse("admin:experiments_experiment_change", args=(experiment.pk,)))

    a, b = response.context["page"].sides
    assert (a.engine, a.chosen, a.kind, a.outcome.pnl) == ("A", True, "REAL", 60)
    assert (b.engine, b.chosen, b.kind, b.outcome.pnl) == ("B", False, "SHADOW", 33)
    page = response.content.decode()
    assert "▲ +60.00" in page
    assert "▲ +33.00" in page


def test_the_permit_of_the_engine_that_trades_for_real_is_shown_with_its_confirmation(analyst: Client) -> None:
    desk = make_desk()
    before = page_of(analyst, desk.experiment)
    desk.a.confirm(desk.experiment)

    after = page_of(analyst, desk.experiment)

    until = desk.experiment.permit.expires_at
    assert f"not confirmed, valid until {until:%Y-%m-%dT%H:%M:%SZ}" in before
    assert f", valid until {until:%Y-%m-%dT%H:%M:%SZ}" in after
    assert (after.count("<dt>Permit</dt>"), after.count("not confirmed")) == (1, 0)


def test_the_plan_stands_beside_what_was_opened(analyst: Client) -> None:
    desk = make_desk(plan_a=plan(leg(), leg(C72_5_JULY, "SHORT"), quantity="2"))
    desk.open_real()

    response = analyst.get(reverse("admin:experiments_experiment_change", args=(desk.experiment.pk,)))

    a, b = response.context["page"].sides
    assert [(row.instrument, row.side, row.planned, row.opened) for row in a.planned_legs] == [
        (C70, "LONG", 2, 1), (C72_5_JULY, "SHORT", 2, 0),
    ]  # fmt: skip
    # B has not opened yet, which differs from nothing.
    assert [(row.planned, row.opened) for row in b.planned_legs] == [(1, 0)]
    assert response.content.decode().count('class="to-differs"') == 2


def test_what_a_roll_opened_is_no_part_of_the_plan(analyst: Client) -> None:
    desk = make_desk()
    real = desk.open_real()
    rolled = {
        "fill_ref": "roll", "time": "2014-06-05T16:00:00Z", "price_provenance": "BROKER_FILL", "reason": "ROLLED",
        "legs": [
            {"instrument": C70, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"},
            {"instrument": C72_5_JULY, "effect": "OPEN", "side": "LONG", "quantity": "1", "price": "0.98"},
        ],
    }  # fmt: skip
    assert desk.a.post(f"trades/{real}/fills", rolled).status == 201

    response = analyst.get(reverse("admin:experiments_experiment_change", args=(desk.experiment.pk,)))

    page = response.context["page"]
    assert [(row.planned, row.opened, row.differs) for row in page.sides[0].planned_legs] == [(1, 1, False)]
    roll = next(item.event for item in page.timeline if item.event.title == "Engine A's real trade filled: roll")
    assert (
        roll.detail
        == "Sell to close 1 TWX 21 Jun 2014 70 call at 1.50, Buy to open 1 TWX 19 Jul 2014 72.5 call at 0.98"
    )


def test_the_timeline_tells_when_the_shadow_would_have_left(analyst: Client) -> None:
    experiment = traded_pair()

    response = analyst.get(reverse("admin:experiments_experiment_change", args=(experiment.pk,)))

    told = [item.event for item in response.context["page"].timeline if "shadow leaves" in item.event.title]
    assert [(event.title, event.detail) for event in told] == [
        ("Engine B told when its shadow leaves", "TRAILING_STOP, exited 2014-06-05T19:00:00Z")
    ]


def test_a_shadow_that_waits_for_its_price_counts_as_open(analyst: Client) -> None:
    api_client("feeder")
    desk = make_desk()
    desk.open_shadow()

    page = analyst.get(reverse("admin:experiments_experiment_change", args=(desk.experiment.pk,))).content.decode()
    listed = analyst.get(reverse("admin:experiments_experiment_changelist")).context["cl"]

    assert "not priced yet" in page
    state = listed.model_admin.state(listed.result_list[0])
    assert "open, shadow only: A has not reported a trade" in state
    numbers = analyst.get(reverse("admin:index")).context["numbers"]
    assert numbers.open_shadow == 1


def test_it_links_to_everything_it_tells_of(analyst: Client) -> None:
    experiment = traded_pair()

    page = page_of(analyst, experiment)

    for view, identity in (
        ("signals_app_signal", experiment.signal_id),
        ("signals_app_marketcontext", experiment.signal_id),
        ("experiments_executiondecision", experiment.pk),
        ("policies_policyversion", experiment.policy_version_id),
        ("outcomes_realtrade", experiment.realtrades.get().pk),
        ("outcomes_shadowtrade", experiment.shadowtrades.get().pk),
    ):
        assert reverse(f"admin:{view}_change", args=(identity,)) in page


def test_an_experiment_that_nobody_has_answered_has_a_page(analyst: Client) -> None:
    page = page_of(analyst, make_experiment(None))

    assert "Nobody trades for real because" in page
    assert "No trade: neither has answered." in page
    assert "none yet" in page


def test_it_leads_to_the_alert_as_it_was_sent_and_to_what_was_sent_again(analyst: Client) -> None:
    make_source(token=TOKEN)
    body = alert(symbol="GOOG")
    send(body)
    send(body)
    drain()
    experiment = Experiment.objects.get()
    first, again = WebhookDelivery.objects.order_by("pk")

    page = page_of(analyst, experiment)

    assert "Payload (parsed)" in page
    signal = logged_in("operator").get(reverse("admin:signals_app_signal_change", args=(experiment.signal_id,)))
    assert f"delivery {first.pk}</a> (accepted)" in signal.content.decode()
    assert f"delivery {again.pk}</a> (duplicate)" in signal.content.decode()
    sent_again = f"Sent again {instant_text(again.received_at)} (duplicate)"
    for delivery, words in ((first, "Alert as sent"), (again, sent_again)):
        assert f'{reverse("admin:signals_app_webhookdelivery_change", args=(delivery.pk,))}">{words}</a>' in page


def test_a_declined_signal_says_why_and_shows_no_empty_rows(analyst: Client) -> None:
    desk = make_desk("A", recommended=False)
    desk.a.recommend(desk.experiment, action="DECLINE", recommendation={"reasons": ["spread too wide"]})
    desk.b.recommend(desk.experiment, action="DECLINE", recommendation={"why": {"deep": True}})

    page = page_of(analyst, desk.experiment)

    assert "No trade: both engines declined. A: spread too wide." in page
    for row in ("Plan and opening", "Exit", "P&amp;L"):
        assert f"<dt>{row}</dt>" not in page


def test_replaying_an_honest_experiment_finds_it_equal(analyst: Client) -> None:
    experiment = traded_pair()

    page = analyst.post(reverse("admin:experiments_experiment_verify", args=(experiment.pk,))).content.decode()

    assert "Recomputed just now: everything stored follows from the stored inputs." in page


def test_replaying_a_tampered_experiment_names_the_difference(analyst: Client) -> None:
    experiment = make_experiment("A")
    execute("ALTER TABLE signals DISABLE TRIGGER USER")
    execute("UPDATE signals SET raw_payload = '{\"close\": 1}' WHERE signal_id = %s", experiment.signal_id)

    page = analyst.post(reverse("admin:experiments_experiment_verify", args=(experiment.pk,))).content.decode()

    assert "signals.signal_hash" in page
    assert "The stored data was changed" in page


def test_looking_at_an_experiment_replays_nothing(analyst: Client) -> None:
    experiment = make_experiment("A")

    answer = analyst.get(reverse("admin:experiments_experiment_verify", args=(experiment.pk,)))

    assert answer.status_code == 302


@pytest.mark.parametrize("identity", [UUID(int=4), "x", "_00"])
def test_an_experiment_that_is_not_there_is_not_found(analyst: Client, identity: object) -> None:
    assert analyst.get(reverse("admin:experiments_experiment_change", args=(identity,))).status_code == 404


def test_earlier_and_later_lead_through_all_experiments(analyst: Client) -> None:
    made = [make_experiment("A") for _ in range(4)]
    ordered = sorted(made, key=lambda row: (row.created_at, row.pk))

    walked = [ordered[0]]
    while True:
        page = analyst.get(reverse("admin:experiments_experiment_change", args=(walked[-1].pk,)))
        following = page.context["neighbours"]["next"]
        if following is None:
            break
        assert analyst.get(
            reverse("admin:experiments_experiment_change", args=(following.pk,))
        ).context["neighbours"]["previous"] == walked[-1]  # fmt: skip
        walked.append(following)

    assert walked == ordered


def test_the_list_shows_real_and_shadow_results_apart(analyst: Client) -> None:
    traded_pair()

    page = analyst.get(reverse("admin:experiments_experiment_changelist")).content.decode()

    assert "▲ +60.00" in page
    assert "▲ +33.00" in page
    assert "+93" not in page


def test_the_sentence_and_the_rules_name_how_long_an_engine_was_silent(analyst: Client) -> None:
    make_policy(configured_mode="ENGINE_A_PRIMARY")
    silent = timezone.now() - timedelta(seconds=73)
    EngineAvailability.objects.create(
        engine=engine("A"), first_heartbeat_at=silent, last_heartbeat_at=silent, available_until=silent
    )
    signal = make_signal()
    drain()
    decision = signal.experiment.decision

    page = page_of(analyst, signal.experiment)

    known = f"silent for {(decision.decided_at - silent).total_seconds():.0f} s, limit 60 s"
    assert f"Nobody trades for real because engine A was {known}, and nothing trades for real without it" in page
    assert f"Checked: Engine A available = no: {known}." in page
    assert "Engine B available = " not in page  # no rule looked at it


def test_an_engine_that_was_disabled_or_never_heard_from_is_said_to_be() -> None:
    at = timezone.now()
    assert absence_at("A", at, 60) == "never heard from"

    set_engine_enabled(Actor("ada"), "A", enabled=False, reason="It quotes stale prices.")

    assert absence_at("A", timezone.now(), 60) == "disabled by ada (It quotes stale prices.)"


def test_events_lie_on_the_scale_in_proportion_and_on_the_lane_of_whoever_acted() -> None:
    moments = {"Sender": 0.0, "Orchestrator": 0.05, "Engine A": 1.0, "Engine B": 3600.0}
    events = [Event(MOMENT + timedelta(seconds=after), "x", actor=actor) for actor, after in moments.items()]

    scale = scale_of(events)

    places = [place for place, _, _ in scale.dots]
    assert (places[0], places[-1], places) == (2.0, 98.0, sorted(places))
    assert [actor for _, actor in scale.lanes] == list(moments)
    assert [height for _, height, _ in scale.dots] == [height for height, _ in scale.lanes]
    # Each of the last steps is ten times as long: about as far apart on a logarithmic scale.
    assert [text for _, text in scale.ticks] == ["0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h"]
    assert (scale.ticks[-1][0], scale.length) == (98.0, "60 min")
    assert scale_of(events[:1]).dots[0][0] == 2.0


def test_everything_that_somebody_might_need_elsewhere_can_be_copied(analyst: Client) -> None:
    experiment = traded_pair()

    page = page_of(analyst, experiment)

    for text in (experiment.pk, experiment.signal_hash, experiment.decision.decision_hash, experiment.assignment_hash):
        assert f'data-copy="{text}"' in page
    # Contracts are said as traders say them, with the quotes that priced them.
    assert "TWX 19 Jul 2014 72.5 call" in page
    assert "Fills and quotes" in page


def test_the_time_between_events_is_told_in_fitting_units() -> None:
    def event(after: timedelta) -> Event:
        moment: datetime = MOMENT + after
        return Event(moment, "x")

    events = [
        event(timedelta(0)),
        event(timedelta(milliseconds=12)),
        event(timedelta(seconds=30)),
        event(timedelta(hours=1)),
    ]

    assert [item.delta for item in timed(events)] == ["", "+12 ms", "+30.0 s", "+60 min"]
