"""The steps of a draft's pages, as somebody at the admin takes them."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from policies.models import PolicyDraft
from policies.selectors import active_policy


def address(action: str, draft: PolicyDraft) -> str:
    return reverse(f"admin:policies_policydraft_{action}", args=(draft.pk,))


def text_of(page: Any) -> str:
    content: str = page.content.decode()
    return content


def post(client: Client, action: str, draft: PolicyDraft, **form: Any) -> Any:
    """Send a step's form with what the page has put into it, and these fields typed."""
    shown = client.get(address(action, draft)).context["form"]
    filled = {name: value for name in shown.fields if (value := shown[name].value()) is not None}
    if not filled.get("live_enabled"):
        filled.pop("live_enabled", None)  # a box that is not ticked is not sent
    return client.post(address(action, draft), filled | form)


def version() -> int:
    policy = active_policy()
    assert policy is not None
    return policy.version
