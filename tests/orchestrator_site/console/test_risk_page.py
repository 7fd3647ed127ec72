"""The Risk and Settings pages: the latest of each, and the way to all of them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from experiments.models import ReplayRun
from kernel.actors import Actor
from orchestrator_site.console.attention import what_asks
from orchestrator_site.console.unfold_settings import NAVIGATION
from orchestrator_site.invariants import INVARIANTS
from policies.models import Halt
from policies.selectors import open_halt
from policies.services import engage_halt, run_halt_drill
from tests.database import execute
from tests.factories import make_experiment, make_policy
from tests.orchestrator_site.console.rows import logged_in, make_everything
from tests.policies.control import entries

pytestmark = pytest.mark.django_db
RISK, SETTINGS = reverse("admin:risk"), reverse("admin:settings")


def test_everything_that_went_wrong_stands_on_one_page() -> None:
    make_everything()
    make_policy(max_engine_flaps="4")

    page = logged_in("operator").get(RISK).content.decode()

    for words in ("No halt is in force", "double_execution_prevented", "BUST", "max_engine_flaps", "A test."):
        assert words in page
    assert "halt.released" in page
    assert reverse("admin:outcomes_incident_changelist") in page


def test_a_halt_in_effect_comes_first_with_its_reason() -> None:
    engage_halt(Actor("ada"), reason="Broker is down.")

    page = logged_in("operator").get(RISK).content.decode()

    assert "Trading is halted" in page
    assert "Broker is down." in page
    assert "Resume trading" in page


def test_before_anything_went_wrong_it_says_what_would_stand_there() -> None:
    page = logged_in("viewer").get(RISK).content.decode()

    assert "manage.py replay" in page
    assert "Halt trading" not in page


def answered(client: Client, proof: str) -> list[dict[str, str]]:
    answer: Any = client.post(reverse("admin:proof_run", args=(proof,)))
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


@pytest.mark.django_db(transaction=True)
def test_a_proof_runs_on_request_tells_how_far_it_is_and_is_kept() -> None:
    make_experiment("A")
    operator = logged_in("operator")
    assert "data-token" in operator.get(reverse("admin:proof", args=("replay",))).content.decode()

    *steps, replayed = answered(operator, "replay")
    *checks, verified = answered(operator, "verify")

    run = ReplayRun.objects.latest("pk")
    assert (run.run_by, run.differences) == ("operator", 0)
    assert steps[-1]["told"] == f"{run.verified} of {run.verified} decisions"
    assert f"{run.verified} decisions replayed: no difference" in replayed["html"]
    assert checks[0]["told"].startswith("1 of ")
    # What must hold at every moment, without the replay, which is a proof of its own.
    asked = [one for one in INVARIANTS if not one.once and not one.name.endswith("_replay")]
    assert f"All {len(asked)} invariants hold" in verified["html"]
    page = operator.get(RISK).content.decode()
    assert "every invariant of the data: all" in page
    assert [entry.actor for entry in entries("proof.replayed", "proof.verified")] == ["operator"] * 2


def test_only_operators_run_a_proof_and_only_by_a_post() -> None:
    run = reverse("admin:proof_run", args=("replay",))

    assert logged_in("analyst").post(run).status_code == 403
    operator = logged_in("operator")
    assert operator.get(run).status_code == 405
    assert operator.post(reverse("admin:proof_run", args=("magic",))).status_code == 404
    assert "Replay now" not in logged_in("viewer").get(RISK).content.decode()


def test_a_drill_halts_and_resumes_and_keeps_its_seconds() -> None:
    operator = logged_in("operator")

    page = operator.post(reverse("admin:halt_drill"), follow=True).content.decode()

    halt = Halt.objects.get()
    assert halt.drill_seconds is not None
    assert 0 < halt.drill_seconds < 60
    assert (halt.engaged_by, halt.released_by, open_halt()) == ("operator", "operator", None)
    assert f"The halt was in effect after {halt.drill_seconds} s." in page
    assert "Last drill" in page


def test_while_trading_is_halted_there_is_no_drill() -> None:
    engage_halt(Actor("ada"), reason="Broker is down.")

    page = logged_in("operator").post(reverse("admin:halt_drill"), follow=True).content.decode()

    assert "already halted" in page
    halt = open_halt()
    assert halt is not None
    assert halt.drill_seconds is None
    assert logged_in("viewer").post(reverse("admin:halt_drill")).status_code == 403


def test_a_desk_without_a_drill_for_a_month_is_reminded() -> None:
    def asked() -> str:
        return " ".join(one.text for one in what_asks() if one.kind == "halt_drill")

    assert asked() == ""
    execute("SET session_replication_role = replica")
    execute("UPDATE policy_versions SET activated_at = now() - interval '40 days'")
    execute("SET session_replication_role = DEFAULT")
    assert asked() == "No halt drill yet. Run one: it takes a second."
    run_halt_drill(Actor("ada"))
    assert asked() == ""
    execute("UPDATE halts SET engaged_at = now() - interval '35 days'")
    assert asked().startswith("The last halt drill was 35 days ago.")


@pytest.mark.parametrize("model", [
    "policies_halt", "policies_guardrailtrip", "outcomes_incident", "outcomes_tradeamendment", "experiments_replayrun",
    "kernel_auditentry",
])  # fmt: skip
def test_every_list_of_the_page_is_a_file_as_well(model: str) -> None:
    make_everything()
    make_policy(max_engine_flaps="4")
    client, address = logged_in("operator"), reverse(f"admin:{model}_changelist")

    def whole(form: str) -> str:
        answer: Any = client.get(address, {"as": form})
        return b"".join(answer.streaming_content).decode()

    rows = json.loads(whole("json"))
    table = list(csv.reader(io.StringIO(whole("csv"))))
    assert rows
    assert table[0] == list(rows[0])
    assert len(table) == len(rows) + 1
    assert f"{address}?as=json" in client.get(RISK).content.decode()


def test_a_file_without_rows_is_still_json() -> None:
    answer: Any = logged_in("operator").get(reverse("admin:policies_halt_changelist"), {"as": "json"})

    assert json.loads(b"".join(answer.streaming_content)) == []


def test_a_page_without_a_history_leads_to_the_audit_log() -> None:
    page = logged_in("operator").get(reverse("admin:policies_policyversion_history", args=(1,))).content.decode()

    assert "probably" not in page
    assert reverse("admin:kernel_auditentry_changelist") in page


def test_settings_show_what_the_role_may_see() -> None:
    make_everything()

    for_operators = logged_in("operator").get(SETTINGS).content.decode()

    assert "API keys" in for_operators
    assert "Who may sign in here." not in for_operators
    assert "Who may sign in here." in logged_in("administrator").get(SETTINGS).content.decode()


def test_the_work_has_ten_places() -> None:
    first, *others = NAVIGATION

    assert len(first["items"]) == 10
    assert all(group["collapsible"] for group in others)


def test_whoever_signs_in_without_an_address_lands_on_the_first_page() -> None:
    User.objects.create_user("ada", password="a-long-password-1", is_staff=True)

    answer = Client().post(reverse("admin:login"), {"username": "ada", "password": "a-long-password-1"})

    assert answer.status_code == 302
    assert answer["location"] == reverse("admin:index")
