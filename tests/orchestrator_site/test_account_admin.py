"""Nobody grants what he lacks, who grants rights does not operate or approve, and nobody is deleted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.orchestrator_site.console.rows import logged_in
from tests.policies.control import entries

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"


@pytest.fixture
def access() -> Client:
    """Whoever grants rights."""
    return logged_in("administrator")


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD, is_staff=True)


def groups(*names: str) -> list[int]:
    return [Group.objects.get(name=name).pk for name in names]


def change(client: Client, user: User, **changes: Any) -> HttpResponse:
    form = {"username": user.username, "email": user.email, "first_name": "", "last_name": ""}
    form |= {"is_active": "on", "is_staff": "on"}
    if changes.pop("by_superuser", False):
        form |= {"date_joined_0": "2026-03-16", "date_joined_1": "10:00:00"}
    address = reverse("admin:auth_user_change", args=(user.pk,))
    answer: HttpResponse = client.post(address, form | changes)  # type: ignore[assignment]
    user.refresh_from_db()
    return answer


def roles(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_an_administrator_opens_an_account_and_gives_it_a_role_whose_work_he_may_not_do(access: Client) -> None:
    new = {"username": "bob", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}

    assert access.post(reverse("admin:auth_user_add"), new).status_code == 302
    bob = User.objects.get(username="bob")
    change(access, bob, groups=groups("operator"))

    assert roles(bob) == {"operator"}
    assert bob.has_perm("policies.activate_policydraft")
    assert [entry.subject for entry in entries("user.created", "user.granted")] == ["user bob", "user bob"]


def test_he_has_no_operating_right_himself(access: Client) -> None:
    me = User.objects.get(username="administrator")

    assert me.has_perm("auth.change_user")
    for right in ("policies.halt_trading", "policies.approve_policydraft", "outcomes.approve_evaluation"):
        assert not me.has_perm(right)


def test_he_gives_himself_nothing_whatever_he_posts(access: Client) -> None:
    me = User.objects.get(username="administrator")

    change(access, me, email="me@desk.test", groups=groups("operator"), is_superuser="on")

    assert (me.email, roles(me), me.is_superuser) == ("me@desk.test", {"administrator"}, False)


def test_he_makes_no_superuser_and_gives_no_right_past_the_groups(access: Client, ada: User) -> None:
    right = Permission.objects.get(codename="halt_trading")

    page = access.get(reverse("admin:auth_user_change", args=(ada.pk,))).content.decode()
    change(access, ada, is_superuser="on", user_permissions=[right.pk], groups=groups("viewer"))

    assert (ada.is_superuser, list(ada.user_permissions.all()), roles(ada)) == (False, [], {"viewer"})
    assert 'name="is_superuser"' not in page
    assert 'name="user_permissions"' not in page


@pytest.mark.parametrize("both", [("operator", "administrator"), ("administrator", "operator", "viewer")])
def test_nobody_gets_both_kinds_of_rights(access: Client, ada: User, both: tuple[str, ...]) -> None:
    answer = change(access, ada, groups=groups(*both))

    assert "ada would do both" in answer.content.decode()
    assert roles(ada) == set()


def test_not_even_from_a_superuser_one_by_one(ada: User) -> None:
    root = logged_in(superuser=True)
    ada.groups.set(groups("administrator"))
    right = Permission.objects.get(codename="halt_trading")

    answer = change(root, ada, by_superuser=True, groups=groups("administrator"), user_permissions=[right.pk])

    assert "ada would do both" in answer.content.decode()
    assert not User.objects.get(pk=ada.pk).has_perm("policies.halt_trading")


def test_he_changes_no_superuser_and_no_superusers_password(access: Client) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    new = {"password1": "quite-another-2", "password2": "quite-another-2", "usable_password": "true"}

    assert change(access, root, is_active="").status_code == 403
    assert access.post(reverse("admin:auth_user_password_change", args=(root.pk,)), new).status_code == 403

    root.refresh_from_db()
    assert root.check_password(PASSWORD)


class TestNobodyGrantsWhatHeLacks:
    """A help desk, made by a superuser, may open accounts and make viewers, and nothing else."""

    @pytest.fixture
    def desk(self) -> Group:
        desk = Group.objects.create(name="help-desk")
        rights = ("view_user", "add_user", "change_user", "grant_viewer")
        desk.permissions.set(Permission.objects.filter(codename__in=rights))
        return desk

    @pytest.fixture
    def helper(self, desk: Group) -> Client:
        return logged_in(desk.name)

    def test_a_help_desk_makes_viewers(self, helper: Client, ada: User) -> None:
        page = helper.get(reverse("admin:auth_user_change", args=(ada.pk,))).content.decode()

        assert change(helper, ada, groups=groups("viewer")).status_code == 302
        assert roles(ada) == {"viewer"}
        assert re.findall(r'<option value="\d+">(\w+)</option>', page) == ["viewer"]
        assert [entry.subject for entry in entries("user.granted")] == ["user ada"]
        assert change(helper, ada).status_code == 302
        assert roles(ada) == set()

    @pytest.mark.parametrize("more", ["analyst", "operator", "administrator", "help-desk"])
    def test_and_nobody_else_whatever_it_posts(self, helper: Client, ada: User, more: str) -> None:
        answer = change(helper, ada, groups=groups("viewer", more), email="new@desk.test")

        assert "holds a right that you may not grant" in answer.content.decode()
        assert (roles(ada), ada.email) == (set(), "")

    def test_what_it_may_grant_more_it_grants(self, desk: Group, helper: Client, ada: User) -> None:
        """The control: of the refusals before, the right that was lacking is the only reason."""
        desk.permissions.add(Permission.objects.get(codename="grant_operator"))

        assert change(helper, ada, groups=groups("operator")).status_code == 302
        assert roles(ada) == {"operator"}

    def test_it_changes_no_account_that_holds_more_and_takes_nothing_from_it(self, helper: Client, ada: User) -> None:
        ada.groups.set(groups("viewer", "analyst"))
        new = {"password1": "quite-another-2", "password2": "quite-another-2", "usable_password": "true"}

        assert change(helper, ada, groups=groups("viewer")).status_code == 403
        assert helper.post(reverse("admin:auth_user_password_change", args=(ada.pk,)), new).status_code == 403
        assert helper.get(reverse("account_sessions_of", args=(ada.pk,))).status_code == 403

        ada.refresh_from_db()
        assert (roles(ada), ada.check_password(PASSWORD)) == ({"viewer", "analyst"}, True)

    def test_an_account_with_a_right_of_its_own_that_it_may_not_grant_is_out_of_its_reach(
        self, helper: Client, ada: User
    ) -> None:
        ada.user_permissions.add(Permission.objects.get(codename="halt_trading"))

        assert change(helper, ada, email="new@desk.test").status_code == 403

    def test_it_edits_its_own_account_and_gives_it_nothing(self, helper: Client) -> None:
        me = User.objects.get(username="help-desk")

        assert change(helper, me, email="me@desk.test", groups=groups("help-desk", "viewer")).status_code == 302
        assert (me.email, roles(me)) == ("me@desk.test", {"help-desk"})

    def test_a_group_with_more_than_the_four_roles_is_a_superusers_to_give(self, access: Client, ada: User) -> None:
        more = Group.objects.create(name="more than a role")
        more.permissions.add(Permission.objects.get(codename="delete_policydraft"))
        inside = Group.objects.create(name="less than a role")
        inside.permissions.add(Permission.objects.get(codename="halt_trading"))

        assert "you may not grant" in change(access, ada, groups=groups(more.name)).content.decode()
        assert change(access, ada, groups=groups(inside.name)).status_code == 302
        assert roles(ada) == {inside.name}
        change(logged_in(superuser=True), ada, by_superuser=True, groups=groups(more.name))
        assert roles(ada) == {more.name}
        assert change(access, ada, groups=[]).status_code == 403


def test_he_changes_no_group(access: Client) -> None:
    own = Group.objects.create(name="night desk")

    for group in (own, Group.objects.get(name="viewer")):
        form = {"name": group.name, "permissions": [Permission.objects.get(codename="halt_trading").pk]}
        assert access.post(reverse("admin:auth_group_change", args=(group.pk,)), form).status_code == 403
    assert access.post(reverse("admin:auth_group_add"), {"name": "x"}).status_code == 403
    assert access.post(reverse("admin:auth_group_delete", args=(own.pk,)), {"post": "yes"}).status_code == 403


def test_a_right_to_change_groups_from_a_group_is_of_no_use() -> None:
    client = logged_in("administrator")
    Group.objects.get(name="administrator").permissions.add(Permission.objects.get(codename="change_group"))

    assert client.post(reverse("admin:auth_group_add"), {"name": "x"}).status_code == 403


def test_a_superuser_makes_no_group_of_both_kinds_and_changes_no_built_in_one() -> None:
    root = logged_in(superuser=True)
    both = [Permission.objects.get(codename=name).pk for name in ("halt_trading", "change_user")]

    answer = root.post(reverse("admin:auth_group_add"), {"name": "night desk", "permissions": both})
    viewer = Group.objects.get(name="viewer")

    assert "this group would do both" in answer.content.decode()
    assert not Group.objects.filter(name="night desk").exists()
    assert root.post(reverse("admin:auth_group_change", args=(viewer.pk,)), {"name": "x"}).status_code == 403


def test_a_group_gets_no_right_that_makes_a_member_do_both(ada: User) -> None:
    root = logged_in(superuser=True)
    desk = Group.objects.create(name="night desk")
    ada.groups.set([desk, Group.objects.get(name="administrator")])
    form = {"name": "night desk", "permissions": [Permission.objects.get(codename="halt_trading").pk]}

    answer = root.post(reverse("admin:auth_group_change", args=(desk.pk,)), form)

    assert "its member ada would do both" in answer.content.decode()
    assert desk.permissions.count() == 0


def test_an_account_is_deactivated_and_never_deleted(access: Client, ada: User) -> None:
    for client in (access, logged_in(superuser=True)):
        address = reverse("admin:auth_user_delete", args=(ada.pk,))
        assert client.post(address, {"post": "yes"}).status_code == 403
    with pytest.raises(IntegrityError, match="DELETE is refused"), transaction.atomic():
        ada.delete()

    change(access, ada, is_active="")

    assert not ada.is_active
    assert Client().post(reverse("admin:login"), {"username": "ada", "password": PASSWORD}).status_code == 200


def test_who_is_deactivated_is_out_with_the_next_request(access: Client, ada: User) -> None:
    client = Client()
    client.force_login(ada)
    assert client.get(reverse("admin:index")).status_code == 200

    change(access, ada, is_active="")

    assert client.get(reverse("admin:index")).status_code == 302
