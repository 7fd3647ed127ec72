"""What is kept for audit cannot be added, changed or deleted in the admin, by anybody."""

from __future__ import annotations

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse

from experiments.models import ExecutionDecision, Experiment, SignalDistribution, WorkerHeartbeat
from outcomes.models import (
    ExitDirective,
    Incident,
    RealOutcome,
    RealTrade,
    Recommendation,
    ShadowOutcome,
    ShadowTrade,
    TradeAmendment,
    Violation,
)
from policies.models import ApiKey, Engine, Halt, PolicyVersion
from signals_app.models import MarketContext, MarketData, Signal, WebhookDelivery, WebhookSource
from tests.orchestrator_site.console.rows import logged_in, make_everything

pytestmark = pytest.mark.django_db

AUDITED: tuple[type[models.Model], ...] = (
    ApiKey, Engine, ExecutionDecision, ExitDirective, Experiment, Halt, Incident, MarketContext, MarketData,
    PolicyVersion, RealOutcome, RealTrade, Recommendation, ShadowOutcome, ShadowTrade, Signal, SignalDistribution,
    TradeAmendment, Violation, WebhookDelivery, WebhookSource, WorkerHeartbeat,
)  # fmt: skip


def address(model: type[models.Model], view: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=arguments)


def test_nobody_adds_changes_or_deletes_rows_by_hand(subtests: pytest.Subtests) -> None:
    make_everything()
    client = logged_in(superuser=True)
    for model in AUDITED:
        with subtests.test(model=model._meta.label):
            _try_to_edit(client, model)


def _try_to_edit(client: Client, model: type[models.Model]) -> None:
    before = list(model._default_manager.values())
    row = model._default_manager.all()[:1].get()

    answers = [
        client.get(address(model, "add")),
        client.post(address(model, "add"), {"symbol": "X"}),
        client.post(address(model, "change", row.pk), {"symbol": "X", "reason": "X", "note": "X"}),
        client.post(address(model, "delete", row.pk), {"post": "yes"}),
    ]

    assert {answer.status_code for answer in answers} <= {302, 403, 404}
    assert list(model._default_manager.values()) == before


def test_there_is_no_bulk_delete(subtests: pytest.Subtests) -> None:
    make_everything()
    client = logged_in(superuser=True)
    for model in AUDITED:
        keys = [str(row.pk) for row in model._default_manager.all()]
        form = {"action": "delete_selected", "_selected_action": keys, "post": "yes"}

        client.post(address(model, "changelist"), form)

        with subtests.test(model=model._meta.label):
            assert model._default_manager.count() == len(keys)
