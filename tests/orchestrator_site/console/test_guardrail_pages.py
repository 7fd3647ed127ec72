"""A guardrail that holds: a banner on every page, and a release with a reason."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from policies.models import GuardrailTrip
from policies.selectors import open_trip
from tests.factories import make_available
from tests.orchestrator_site.console.rows import logged_in
from tests.policies.control import entries

pytestmark = pytest.mark.django_db

EVERYWHERE = (
    "admin:index",
    "admin:signals_app_signal_changelist",
    "admin:report",
    "admin:check_alert",
    "admin:engines",
)


@pytest.fixture
def trip() -> GuardrailTrip:
    return GuardrailTrip.objects.create(
        name="max_daily_real_loss", value="512.00", limit="500.00", policy_version_id=1, tripped_at=timezone.now()
    )


@pytest.fixture
def operator() -> Client:
    return logged_in("operator")


def release(trip: GuardrailTrip) -> str:
    return reverse("admin:policies_guardrailtrip_release", args=(trip.pk,))


@pytest.mark.parametrize("view", EVERYWHERE)
def test_every_page_tells_that_it_holds_and_why(operator: Client, trip: GuardrailTrip, view: str) -> None:
    page = operator.get(reverse(view)).content.decode()

    assert "to-guardrail-banner" in page
    assert "Max daily real loss is 512.00 (limit 500.00)" in page
    assert release(trip) in page


def test_the_overview_says_what_it_does_to_the_next_signal(operator: Client, trip: GuardrailTrip) -> None:
    make_available("A", "B")

    seen = operator.get(reverse("admin:index")).context

    assert seen["next_decisions"] == ["no engine trades for real and both shadow (SHADOW_ONLY, GUARDRAIL)"]
    assert seen["inbox"].open[0].text.startswith("Guardrail tripped: Max daily real loss is 512.00 (limit 500.00).")


def test_a_release_with_a_reason_lets_trading_go_on(operator: Client, trip: GuardrailTrip) -> None:
    own = reverse("admin:policies_guardrailtrip_change", args=(trip.pk,))
    assert release(trip) in operator.get(own).content.decode()

    page = operator.post(release(trip), {"reason": "Looked at every trade."}, follow=True)

    assert open_trip() is None
    assert release(trip) not in operator.get(own).content.decode()
    assert "to-guardrail-banner" not in page.content.decode()
    assert [(entry.actor, entry.reason) for entry in entries("guardrail.released")] == [
        ("operator", "Looked at every trade.")
    ]


@pytest.mark.parametrize("reason", ["", "   "])
def test_a_release_without_a_reason_is_told_and_releases_nothing(
    operator: Client, trip: GuardrailTrip, reason: str
) -> None:
    page = operator.post(release(trip), {"reason": reason})

    assert list(page.context["form"].errors) == ["reason"]
    assert open_trip() == trip


def test_what_somebody_else_has_released_is_told(operator: Client, trip: GuardrailTrip) -> None:
    operator.post(release(trip), {"reason": "First."})

    page = operator.post(release(trip), {"reason": "Second."})

    assert page.context["form"].non_field_errors() == ["This guardrail is not tripped."]


def test_a_viewer_sees_the_banner_and_releases_nothing(trip: GuardrailTrip) -> None:
    viewer = logged_in("viewer")

    page = viewer.get(reverse("admin:signals_app_signal_changelist")).content.decode()
    answer = viewer.post(release(trip), {"reason": "Mine."})

    assert "to-guardrail-banner" in page
    assert release(trip) not in page
    assert answer.status_code == 403
    assert open_trip() == trip


@pytest.mark.parametrize("identity", ["999999", "x", "9" * 30])
def test_a_trip_that_is_none_is_not_found(operator: Client, identity: str) -> None:
    assert operator.get(f"/admin/policies/guardrailtrip/{identity}/release/").status_code == 404
