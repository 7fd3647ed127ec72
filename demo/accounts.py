"""What the demo needs to get in: accounts, API keys, a webhook source, an interesting policy."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from django.contrib.auth.models import Group, User

from kernel.actors import Actor
from policies.models import ApiKey, KeyOwner
from policies.selectors import active_policy
from policies.services import create_api_key, create_policy_version, revoke_api_key
from signals_app.models import WebhookSource
from signals_app.webhook.sources import create_source, rotate_source, set_source_active, webhook_path

SOURCE = "demo"
KEY_NAME = "demo"
DEMO = Actor("demo")


@dataclass(frozen=True, slots=True)
class Access:
    """Names and secrets of one run; none of them can be read back later."""

    passwords: dict[str, str]
    webhook_path: str
    key_a: str
    key_b: str
    feeder_key: str
    analyst_key: str


def prepare() -> Access:
    """Create or renew everything; a second run invalidates the secrets of the first."""
    # Only hashes are stored: a second run cannot read the keys of the first, so it replaces them.
    for key in ApiKey.objects.filter(name=KEY_NAME, revoked=False):
        revoke_api_key(DEMO, prefix=key.prefix)
    use_split_policy()
    # The bars are years old: their own clock judges when a trade was entered and left.
    if WebhookSource.objects.filter(slug=SOURCE).exists():
        set_source_active(SOURCE, is_active=True, actor=DEMO)
        _, token = rotate_source(SOURCE, actor=DEMO)
    else:
        _, token = create_source(slug=SOURCE, name="Demo", replay=True, actor=DEMO)
    return Access(
        passwords={"operator": _user("operator", is_superuser=True), "analyst": _user("analyst")},
        webhook_path=webhook_path(token),
        key_a=_key(KeyOwner.ENGINE_A),
        key_b=_key(KeyOwner.ENGINE_B),
        feeder_key=_key(KeyOwner.FEEDER),
        analyst_key=_key(KeyOwner.ANALYST),
    )


def use_split_policy() -> None:
    """Split capital evenly, unless an operator has already changed the policy: then keep that one."""
    policy = active_policy()
    if policy is None or policy.version > 1:
        return
    # The first version is AUTO by default, under which engine A alone would trade and half of the report stay empty.
    # Not through a draft: where drafts need approval, nobody would be there to give it.
    # The feed quotes each moment that it is asked for: nobody need wait a minute for quotes that came later.
    content = replace(policy.content, configured_mode="SPLIT_CAPITAL", max_quote_age_seconds=15)
    create_policy_version(DEMO, content, base_version=policy.version, note="Demo: even split.")


def _user(name: str, *, is_superuser: bool = False) -> str:
    """Create or reset a user of the admin, in the group of the same name; the new password."""
    user, _ = User.objects.get_or_create(username=name)
    user.is_staff, user.is_active, user.is_superuser = True, True, is_superuser
    password = secrets.token_urlsafe(9)
    user.set_password(password)
    user.save()
    user.groups.set(Group.objects.filter(name=name))
    return password


def _key(owner: KeyOwner) -> str:
    return create_api_key(DEMO, owner=owner.value, name=KEY_NAME)[1]
