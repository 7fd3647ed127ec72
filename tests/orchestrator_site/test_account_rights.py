"""No account gets both kinds of rights, by whichever of four tables, and by however many at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from django.urls import reverse

from orchestrator_site.roles import ONE_HAT, ensure_roles, grants_and_operates, permissions_of
from tests.database import execute, value
from tests.experiments.raw_rows import without_triggers
from tests.orchestrator_site.console.rows import logged_in
from tests.outcomes.test_database_guards import refused_by
from tests.threads import in_background, uncommitted, wait_for_blocked_sessions

LOCK = "PERFORM pg_advisory_xact_lock(hashtextextended('refuse_two_hats', 0));"


def give(role: str) -> None:
    User.objects.get(username="ada").groups.add(Group.objects.get(name=role))


def give_at_once(role: str) -> None:
    """Inside a transaction, and let the database look at it before the commit."""
    give(role)
    execute("SET CONSTRAINTS ALL IMMEDIATE")


def right(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def does_both(account: User) -> bool:
    return grants_and_operates(permissions_of(account.groups.all(), account.user_permissions.all()))


@pytest.mark.django_db
class TestWhateverTheTable:
    """Past all forms, and looked at before the test's own transaction is rolled back."""

    @pytest.fixture
    def ada(self) -> User:
        return User.objects.create_user("ada")

    @pytest.fixture(autouse=True)
    def _at_once(self) -> None:
        execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_a_second_group_is_refused(self, ada: User) -> None:
        ada.groups.add(Group.objects.get(name="administrator"))

        assert refused_by(lambda: ada.groups.add(Group.objects.get(name="operator"))) == ONE_HAT

    def test_a_right_past_the_groups_is_refused(self, ada: User) -> None:
        ada.groups.add(Group.objects.get(name="operator"))

        assert refused_by(lambda: ada.user_permissions.add(right("change_user"))) == ONE_HAT

    def test_a_right_of_a_group_is_refused_for_its_members(self, ada: User) -> None:
        desk = Group.objects.create(name="night desk")
        ada.groups.set([desk, Group.objects.get(name="administrator")])

        assert refused_by(lambda: desk.permissions.add(right("halt_trading"))) == ONE_HAT

    def test_a_superuser_who_becomes_a_mortal_keeps_no_more_than_one_kind(self, ada: User) -> None:
        User.objects.filter(pk=ada.pk).update(is_superuser=True)
        ada.groups.set(Group.objects.filter(name__in=["operator", "administrator"]))

        assert refused_by(lambda: User.objects.filter(pk=ada.pk).update(is_superuser=False)) == ONE_HAT

    def test_what_goes_together_is_given(self, ada: User) -> None:
        ada.groups.set(Group.objects.filter(name__in=["administrator", "analyst", "viewer"]))
        ada.user_permissions.set([right("change_recipient"), right("add_keptreport")])
        ada.groups.set(Group.objects.filter(name__in=["operator", "analyst"]))

        assert not does_both(ada)


@pytest.mark.django_db
def test_an_account_of_before_is_named_by_the_migration_and_taken_out_of_a_group() -> None:
    ada = User.objects.create_user("ada")
    with without_triggers():
        ada.groups.set(Group.objects.filter(name__in=["operator", "administrator"]))
        right("halt_trading").group_set.clear()

    with pytest.raises(CommandError, match=r"ada would do both\. Take a group away and migrate again"):
        ensure_roles_now()
    call_command("account", "leave-group", "ada", "administrator", stdout=StringIO())
    ensure_roles_now()

    assert not does_both(ada)
    assert right("halt_trading").group_set.get().name == "operator"


def ensure_roles_now() -> None:
    """As a migration does, whose transaction ends with it."""
    with transaction.atomic():
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        ensure_roles()


@pytest.fixture
def ada(transactional_db: None) -> User:
    ensure_roles()
    return User.objects.create_user("ada", is_staff=True)


@contextmanager
def without_the_lock() -> Iterator[None]:
    definition = str(value("SELECT pg_get_functiondef('refuse_two_hats'::regproc)"))
    assert LOCK in definition
    execute(definition.replace(LOCK, ""))
    try:
        yield
    finally:
        execute(definition)


def race(first: Callable[[], None], second: Callable[[], None], *, blocks: bool) -> Future[None]:
    """Let the second begin and commit, or wait to, while the first has not committed; what became of it."""
    with uncommitted(first) as commit, in_background(second) as future:
        if blocks:
            wait_for_blocked_sessions()
        else:
            future.result(30)
        commit()
    return future


def test_of_two_that_give_one_kind_each_the_second_is_refused(ada: User) -> None:
    future = race(lambda: give_at_once("administrator"), lambda: give("operator"), blocks=True)

    with pytest.raises(IntegrityError, match="ada would do both"):
        future.result()
    assert [group.name for group in ada.groups.all()] == ["administrator"]


def test_a_group_that_gets_a_right_meets_a_member_that_joins_it(ada: User) -> None:
    desk = Group.objects.create(name="night desk")
    give("administrator")

    def let_them_halt() -> None:
        desk.permissions.add(right("halt_trading"))
        execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError, match="ada would do both"):
        race(let_them_halt, lambda: give("night desk"), blocks=True).result()


def test_without_the_lock_both_would_be_given(ada: User) -> None:
    """The control."""
    with without_the_lock():
        race(lambda: give_at_once("administrator"), lambda: give("operator"), blocks=False).result()

    assert does_both(ada)


def test_whoever_posts_the_second_is_told_so_and_nothing_is_saved(ada: User) -> None:
    client = logged_in("administrator")
    form = {"username": "ada", "is_active": "on", "is_staff": "on", "email": "new@desk.test"}
    form["groups"] = str(Group.objects.get(name="operator").pk)
    address = reverse("admin:auth_user_change", args=(ada.pk,))
    pages: list[str] = []

    def post() -> None:
        pages.append(client.post(address, form, follow=True).content.decode())

    race(lambda: give_at_once("administrator"), post, blocks=True).result()

    assert "Nothing was saved: with rights that were given at the same moment" in pages[0]
    ada.refresh_from_db()
    assert (ada.email, [group.name for group in ada.groups.all()]) == ("", ["administrator"])
