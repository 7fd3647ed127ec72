"""The first page, as tests ask it."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from orchestrator_site.console.attention import Attention

NOW = reverse("admin:index")


def seen(client: Client) -> Any:
    return client.get(NOW).context


def asks(client: Client) -> dict[str, Attention]:
    """What is open in the inbox, by kind."""
    return {one.kind: one for one in seen(client)["inbox"].open}


def acknowledge(client: Client, one: Attention, **changes: str) -> Any:
    form = {"kind": one.kind, "facts": one.facts, **changes}
    return client.post(reverse("admin:attention"), form, follow=True)
