"""The preview of a draft in the admin: progress line by line, then numbers; wrong filters are told beside the field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse

from orchestrator_site.console import preview_page
from policies.models import PolicyDraft, PolicyVersion
from tests.factories import make_experiment
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.closed_trades import Closed, close_pair
from tests.outcomes.evaluations.hall import make_phase, started
from tests.outcomes.evaluations.pages import url as evaluation_url
from tests.pages import cells, table_rows
from tests.policies.control import make_draft

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> Client:
    return logged_in("viewer")


def page(client: Client, draft: PolicyDraft, **query: str) -> Any:
    return client.get(reverse("admin:draft_preview", args=(draft.pk,)), query)


def lines(client: Client, draft: PolicyDraft, **query: str) -> list[dict[str, Any]]:
    answer: Any = client.get(reverse("admin:draft_preview_run", args=(draft.pk,)), query)
    assert answer.status_code == 200
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def result(client: Client, draft: PolicyDraft, **query: str) -> str:
    html: str = lines(client, draft, **query)[-1]["html"]
    return re.sub(r">\s+<", "><", html)


def test_the_page_says_which_draft_and_starts_by_itself(viewer: Client) -> None:
    draft = make_draft(configured_mode="SHADOW_ONLY")

    answer = page(viewer, draft, last="100", symbol="spy")

    run = reverse("admin:draft_preview_run", args=(draft.pk,))
    assert f'data-run="{run}?last=100&amp;symbol=spy"' in answer.content.decode()
    assert "SHADOW_ONLY" in answer.content.decode()


def test_it_tells_how_far_it_has_come_and_the_result_last(viewer: Client) -> None:
    make_experiment("A")

    *steps, last = lines(viewer, make_draft(configured_mode="SHADOW_ONLY"))

    assert steps
    assert all(step["total"] == 1 for step in steps)
    assert steps[-1]["done"] == 1
    assert "1 of 1 decisions would change" in last["html"]


def test_it_shows_from_what_to_what_by_symbol_and_who_would_have_traded(viewer: Client) -> None:
    make_experiment("A", symbol="SPY")
    make_experiment("A", symbol="QQQ")

    html = result(viewer, make_draft(configured_mode="ENGINE_B_PRIMARY"))

    assert cells(html).count("ENGINE_A_PRIMARY") == cells(html).count("ENGINE_B_PRIMARY") == 1
    shown = {row[0]: row[1] for row in table_rows(html) if row}
    assert "QQQ" in shown
    assert (shown["Engine A"], shown["Engine B"]) == ("2 100.0%", "0 0.0%")
    assert "All of them would change who trades for real." in html


def test_it_warns_of_the_evaluation_that_any_activation_ends(viewer: Client) -> None:
    make_phase()
    unasked = result(viewer, make_draft())
    started(clock="WALL", starts_at=None)

    html = result(viewer, make_draft())

    assert "Activating this ends evaluation" not in unasked
    assert f'Activating this ends evaluation <a class="text-link" href="{evaluation_url("verdict", "spring")}">' in html


def test_another_reason_alone_is_not_another_engine(viewer: Client) -> None:
    make_experiment("A")

    html = result(viewer, make_draft(configured_mode="SPLIT_CAPITAL", split_percentage="100"))

    assert "1 of 1 decisions would change" in html
    assert "None of them would change who trades for real, only the mode or the reason." in html


def test_a_limit_and_what_was_worst_are_told_alike(viewer: Client) -> None:
    close_pair("A", Closed(a="-1330.8", b="33"))

    html = result(viewer, make_draft(configured_mode="ENGINE_A_PRIMARY", max_daily_real_loss="1000"))

    assert ["Max daily real loss", "1,000.00", "1,330.80", "1"] in [row[:4] for row in table_rows(html)]


def test_recorded_figures_are_shown_and_called_no_forecast(viewer: Client) -> None:
    close_pair("A", Closed(a="60", b="33"))

    html = result(viewer, make_draft(configured_mode="ENGINE_B_PRIMARY"))

    assert "not a forecast" in html
    assert "Engine B, shadow to real" in html
    assert "+33.00" in html
    assert "Engine A, real to shadow" in html
    assert "+60.00" in html


def test_a_draft_that_changes_nothing_says_so(viewer: Client) -> None:
    make_experiment("A")

    html = result(viewer, make_draft(configured_mode="ENGINE_A_PRIMARY"))

    assert "0 of 1 decisions would change" in html
    assert "who trades for real" not in html
    assert "No trade would change between real and shadow." in html


def test_the_filters_narrow(viewer: Client) -> None:
    make_experiment("A", symbol="SPY", timeframe="5m")
    make_experiment("A", symbol="QQQ", timeframe="1h")
    draft = make_draft(configured_mode="SHADOW_ONLY")

    for query in ({"symbol": "qqq"}, {"timeframe": "1h"}, {"last": "1"}):
        assert "1 of 1 decisions" in result(viewer, draft, **query)
    assert "No matching decisions" in result(viewer, draft, since="2099-01-01T00:00")
    assert "2 of 2 decisions" in result(viewer, draft, until="2099-01-01T00:00")


@pytest.mark.parametrize(("field", "text"), [
    ("last", "0"), ("last", "100001"), ("last", "x"), ("since", "yesterday"), ("until", "2026-02-30T00:00"),
    ("symbol", "S" * 65), ("timeframe", "\x00"),
])  # fmt: skip
def test_a_wrong_filter_is_told_beside_its_field_and_starts_nothing(viewer: Client, field: str, text: str) -> None:
    draft = make_draft()

    answer = page(viewer, draft, **{field: text})
    run = viewer.get(reverse("admin:draft_preview_run", args=(draft.pk,)), {field: text})

    assert list(answer.context["form"].errors) == [field]
    assert "data-run" not in answer.content.decode()
    assert run.status_code == 400


def test_a_database_that_gives_up_is_told_in_the_last_line(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object) -> Any:
        raise DatabaseError("statement timeout")
        yield

    monkeypatch.setattr(preview_page, "preview_in_steps", give_up)

    assert "failed in the database" in lines(viewer, make_draft())[-1]["error"]


def test_a_preview_writes_nothing(viewer: Client) -> None:
    make_experiment("A")
    draft = make_draft(configured_mode="SHADOW_ONLY")
    versions = PolicyVersion.objects.count()

    lines(viewer, draft)

    draft.refresh_from_db()
    assert (draft.revision, draft.state, PolicyVersion.objects.count()) == (1, "OPEN", versions)


def test_who_may_not_see_drafts_gets_none(client: Client) -> None:
    draft = make_draft()
    stranger = logged_in()

    for view in ("draft_preview", "draft_preview_run"):
        assert stranger.get(reverse(f"admin:{view}", args=(draft.pk,))).status_code == 403
        assert client.get(reverse(f"admin:{view}", args=(draft.pk,))).status_code == 302


@pytest.mark.parametrize("identity", ["999999", "5c5c7f09-25ee-427d-a3b6-d20715bdccf7", "x"])
def test_a_draft_that_is_none_is_not_found(viewer: Client, identity: str) -> None:
    assert viewer.get(f"/admin/policies/policydraft/{identity}/preview/").status_code in {302, 404}


def test_symbols_are_escaped(viewer: Client) -> None:
    make_experiment("A", symbol="M&M")

    assert "M&amp;M" in result(viewer, make_draft(configured_mode="SHADOW_ONLY"))
