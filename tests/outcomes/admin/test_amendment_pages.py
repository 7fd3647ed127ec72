"""The pages on which an operator accepts or refuses an amendment."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from kernel.models import AuditEntry
from outcomes.models import RealOutcome, TradeAmendment
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.desk import C70, C72_5_JULY, last_amendment, leg, make_desk, plan
from tests.outcomes.services.test_amendments import bust, closed_pair, correction, execution, propose
from tests.outcomes.services.test_successions import C35, SPLIT_AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def amendment() -> TradeAmendment:
    desk = make_desk()
    propose(desk, closed_pair(desk), correction("exit", execution("1.89")))
    return TradeAmendment.objects.get(pk=last_amendment())


def step(amendment: TradeAmendment, name: str) -> str:
    return reverse(f"admin:outcomes_tradeamendment_{name}", args=(amendment.pk,))


def filled(word: str, reason: str = "Compared with the broker's notice.") -> dict[str, str]:
    return {"reason": reason, "confirmation": word}


def test_the_page_shows_what_is_stored_and_what_is_proposed(amendment: TradeAmendment) -> None:
    page = logged_in("operator").get(step(amendment, "accept")).content.decode()

    assert "Stored: Sell to close 1 TWX 21 Jun 2014 70 call at 1.99, fees 0.00." in page
    assert "Proposed: Sell to close 1 TWX 21 Jun 2014 70 call at 1.89, fees 0.00." in page
    assert "Type ACCEPT to confirm" in page


def test_an_operator_accepts_with_a_reason_and_the_typed_word(amendment: TradeAmendment) -> None:
    client = logged_in("operator")
    page = client.post(step(amendment, "accept"), filled("ACCEPT"), follow=True)

    amendment.refresh_from_db()
    assert "Amendment of exit: accepted." in page.content.decode()
    assert (amendment.state, amendment.decided_by) == ("ACCEPTED", "operator")
    assert amendment.decision_reason == "Compared with the broker's notice."
    assert RealOutcome.objects.count() == 2
    entry = AuditEntry.objects.get(action="amendment.accepted")
    assert (entry.actor, entry.reason) == ("operator", "Compared with the broker's notice.")
    about = client.get(reverse("admin:kernel_auditentry_changelist") + "?about=amendment").context["cl"]
    assert list(about.result_list) == [entry]


def test_an_operator_refuses_and_the_result_stays(amendment: TradeAmendment) -> None:
    logged_in("operator").post(step(amendment, "refuse"), filled("REFUSE"))

    amendment.refresh_from_db()
    assert (amendment.state, RealOutcome.objects.count()) == ("REFUSED", 1)


@pytest.mark.parametrize(
    ("sent", "wrong"), [(filled("accept"), "confirmation"), (filled("ACCEPT", " "), "reason"), ({}, "reason")]
)
def test_without_a_reason_or_the_typed_word_nothing_is_decided(
    amendment: TradeAmendment, sent: dict[str, str], wrong: str
) -> None:
    page = logged_in("operator").post(step(amendment, "accept"), sent)

    assert wrong in page.context["form"].errors
    assert TradeAmendment.objects.get().state == "PROPOSED"


def test_what_another_operator_has_decided_is_told(amendment: TradeAmendment) -> None:
    client = logged_in("operator")
    client.post(step(amendment, "accept"), filled("ACCEPT"))

    page = client.post(step(amendment, "refuse"), filled("REFUSE"))

    assert page.context["form"].non_field_errors() == ["operator has already decided: ACCEPTED."]
    assert TradeAmendment.objects.get().state == "ACCEPTED"


@pytest.mark.parametrize("role", ["viewer", "analyst"])
@pytest.mark.parametrize("name", ["accept", "refuse"])
def test_without_the_permission_nobody_decides(amendment: TradeAmendment, role: str, name: str) -> None:
    client = logged_in(role)

    assert client.get(step(amendment, "change")).status_code == 200
    assert client.post(step(amendment, name), filled(name.upper())).status_code == 403
    assert TradeAmendment.objects.get().state == "PROPOSED"


def test_a_decided_amendment_is_not_asked_about_again(amendment: TradeAmendment) -> None:
    client = logged_in("operator")
    client.post(step(amendment, "refuse"), filled("REFUSE"))

    page = client.get(step(amendment, "accept"), follow=True)

    assert "operator has already decided it." in page.content.decode()


def test_only_what_is_undecided_has_buttons(amendment: TradeAmendment) -> None:
    client = logged_in("operator")
    page = reverse("admin:outcomes_tradeamendment_change", args=(amendment.pk,))
    links = [step(amendment, name) for name in ("accept", "refuse")]
    assert [link in client.get(page).content.decode() for link in links] == [True, True]

    decided = client.post(links[1], filled("REFUSE"), follow=True)

    assert "Amendment of exit: refused." in decided.content.decode()
    assert [link in decided.content.decode() for link in links] == [False, False]


def test_the_path_of_a_page_has_the_first_digits_of_an_id(amendment: TradeAmendment) -> None:
    client = logged_in("operator")

    for name, title in (("change", ""), ("accept", "Accept: ")):
        page = client.get(step(amendment, name)).content.decode()
        path = page.partition('<h1 class="to-path')[2].partition("</h1>")[0]
        assert f"{title}CORRECT exit of {str(amendment.real_trade_id)[:8]}<" in path


def test_an_amendment_that_is_none_is_not_found(amendment: TradeAmendment) -> None:
    assert logged_in("operator").get("/admin/outcomes/tradeamendment/999/accept/").status_code == 404


def test_the_trades_page_shows_its_amendments_and_the_fill_in_force(amendment: TradeAmendment) -> None:
    client: Client = logged_in("operator")
    client.post(step(amendment, "accept"), filled("ACCEPT"))

    page = client.get(reverse("admin:outcomes_realtrade_change", args=(amendment.real_trade_id,))).content.decode()

    assert "Amendments" in page
    assert "Compared with the broker&#x27;s notice." in page
    assert "AMENDED" in page
    assert "1.89" in page


def test_a_corrected_fee_is_seen_where_it_is_decided() -> None:
    desk = make_desk()
    propose(desk, closed_pair(desk), correction("exit", values={"fees": "0.70"}))
    amendment = TradeAmendment.objects.get()
    client = logged_in("operator")

    asked = client.get(step(amendment, "accept")).content.decode()
    shown = client.get(step(amendment, "change")).content.decode()

    assert "call at 1.99, fees 0.00. Proposed: Sell to close 1 TWX 21 Jun 2014 70 call at 1.99, fees 0.70." in asked
    assert "<div>fees 0.00</div>" in shown
    assert "<div>fees 0.70</div>" in shown


def test_what_was_accepted_is_shown_beside_what_it_took_back(amendment: TradeAmendment) -> None:
    client = logged_in("operator")
    open_page = client.get(step(amendment, "change")).content.decode()
    client.post(step(amendment, "accept"), filled("ACCEPT"))

    page = client.get(step(amendment, "change")).content.decode()

    assert ("Fill in force" in open_page, "Fill before" in open_page) == (True, False)
    assert ("Fill in force" in page, "Fill before" in page) == (False, True)
    assert "call at 1.99</div>" in page.partition("Fill before")[2].partition("Fill proposed")[0]
    assert "call at 1.89</div>" in page.partition("Fill proposed")[2]


def test_a_successor_is_shown_by_what_is_held() -> None:
    desk = make_desk()
    values = {"instrument": C70, "becomes": C35, "ratio": "2", "effective_at": SPLIT_AT}
    propose(desk, desk.open_real(), correction("entry", values={"successor": values}))
    client, amendment = logged_in("operator"), TradeAmendment.objects.get()
    asked = client.get(step(amendment, "accept")).content.decode()
    client.post(step(amendment, "accept"), filled("ACCEPT"))

    page = client.get(step(amendment, "change")).content.decode()

    held, becomes = "1 LONG TWX 21 Jun 2014 70 call", "2 LONG TWX 21 Jun 2014 35 call"
    assert f"Stored: {held}. Proposed: {becomes}. What is open of the contract is held in its successor" in asked
    assert held in page.partition("Fill before")[2].partition("Fill proposed")[0]
    assert becomes in page.partition("Fill proposed")[2]


def test_a_bust_is_shown_as_nothing_left() -> None:
    desk = make_desk()
    propose(desk, closed_pair(desk), bust("exit"))
    amendment = TradeAmendment.objects.get()

    page = logged_in("operator").get(step(amendment, "accept")).content.decode()

    assert "Proposed: nothing, the fill was busted." in page
    assert "The trade is open again, and its result is withdrawn until it closes again." in page
    assert "so the pair is no longer compared, however the trade goes on" in page
    assert "computed again" not in page
    assert Group.objects.filter(name="operator", permissions__codename="decide_tradeamendment").exists()


def test_a_bust_of_the_only_fill_ends_the_trade_unpriced() -> None:
    desk = make_desk()
    propose(desk, desk.open_real(), bust("entry"))

    page = logged_in("operator").get(step(TradeAmendment.objects.get(), "accept")).content.decode()

    assert "No fill of the trade is left: it ends UNPRICED, which is counted, and is in no P&amp;L." in page
    assert "no longer compared" not in page


def test_a_bust_of_a_partial_exit_leaves_the_pair_uncompared_and_the_trade_open() -> None:
    desk = make_desk(plan_a=plan(quantity="2"), plan_b=plan(leg(C72_5_JULY), quantity="2"))
    real_id = desk.open_real(quantity="2")
    desk.a.post(f"trades/{real_id}/fills", {"fill_ref": "f1", "time": SPLIT_AT, "legs": [execution("1.70")]})
    propose(desk, real_id, bust("f1"))

    page = logged_in("operator").get(step(TradeAmendment.objects.get(), "accept")).content.decode()

    assert "risk and result are computed again" in page
    assert "so the pair is no longer compared" in page


def test_a_correction_that_keeps_the_shares_keeps_the_pair(amendment: TradeAmendment) -> None:
    page = logged_in("operator").get(step(amendment, "accept")).content.decode()

    assert "P&amp;L, risk and result are computed again. What its shadow has followed stays as it is." in page


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [
        ("Notice 4711 of 5 June", "Notice 4711 of 5 June"),
        ("[sic] {4711}", "[sic] {4711}"),
        ("[" * 4000, "[" * 4000),
        ({"notice": 4711, "pages": [1, 2]}, "&quot;notice&quot;: 4711,\n"),
    ],
)
def test_evidence_is_shown_as_text_or_line_by_line(evidence: Any, shown: str) -> None:
    desk = make_desk()
    propose(desk, closed_pair(desk), bust("exit", evidence=evidence))

    page = logged_in("operator").get(step(TradeAmendment.objects.get(), "change")).content.decode()

    assert shown in page
    assert "Evidence" in page
