"""Where somebody is signed in: listed, and ended by himself, an administrator, a new password or deactivation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse

from orchestrator_site.sign_in.sessions import browser_of
from tests.orchestrator_site.sign_in.people import PASSWORD, is_in, person, signed_in
from tests.policies.control import entries

pytestmark = pytest.mark.django_db
END = "/admin/account/sessions/end/"


def test_the_account_page_lists_where_one_is_signed_in() -> None:
    person()
    here = signed_in()
    signed_in(address="203.0.113.9")

    page = here.get(reverse("account")).content.decode()

    assert page.count(">Firefox<") == 2
    assert "198.51.100.7" in page
    assert "203.0.113.9" in page
    assert page.count("this one") == 1


LIKE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145 on Windows"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {LIKE} Chrome/142.0.0.0 Safari/537.36", "Chrome 142 on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0) {LIKE} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge 142 on Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {LIKE} Version/26.1 Safari/605.1.15", "Safari 26 on macOS"),
        (f"Mozilla/5.0 (iPhone; OS 18_6 like Mac OS X) {LIKE} Version/18.6 Safari/604.1", "Safari 18 on iPhone"),
        ("curl/8.5.0", "curl/8.5.0"), ("<b>" * 30, "<b>" * 20), ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_named_in_a_few_words(says: str, shown: str) -> None:
    assert browser_of(says) == shown


def test_one_other_is_ended_or_all_of_them_and_never_ones_own() -> None:
    user = person()
    here, there, elsewhere = signed_in(), signed_in(address="203.0.113.9"), signed_in(address="203.0.113.10")
    own, other = UserSession.objects.get(ip="198.51.100.7").pk, UserSession.objects.get(ip="203.0.113.9").pk

    here.post(END, {"session": other})
    assert (is_in(here), is_in(there), is_in(elsewhere)) == (True, False, True)
    here.post(END, {"session": own})
    here.post(END)

    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert UserSession.objects.filter(user=user).count() == 1
    assert [one.reason for one in entries("user.sessions_ended")] == ["1 of them", "1 of them"]


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "\x00", "1 OR 1=1"])
def test_a_session_that_is_none_ends_nothing(number: str) -> None:
    person()
    here, there = signed_in(), signed_in(address="203.0.113.9")

    assert here.post(END, {"session": number}).status_code == 302

    assert is_in(there)


def test_nobody_ends_a_session_of_somebody_else_there() -> None:
    person()
    person("bob")
    here, his = signed_in(), signed_in("bob")

    here.post(END, {"session": UserSession.objects.get(user__username="bob").pk})

    assert is_in(his)


def test_a_new_password_signs_out_everywhere_else() -> None:
    person()
    here, there = signed_in(), signed_in(address="203.0.113.9")
    form = {"old_password": PASSWORD, "new_password1": "quite-another-2", "new_password2": "quite-another-2"}

    assert here.post(reverse("admin:password_change"), form).status_code == 302

    assert (is_in(here), is_in(there)) == (True, False)
    page = here.get(reverse("account")).content.decode()
    assert (page.count(">Firefox<"), page.count("this one")) == (1, 1)


def test_an_administrator_sees_and_ends_the_sessions_of_others_but_of_no_superuser() -> None:
    ada = person()
    root = person("root", is_superuser=True)
    person("jo", "administrator")
    hers, his, jo = signed_in(), signed_in("root"), signed_in("jo")

    assert "198.51.100.7" in jo.get(reverse("account_sessions_of", args=(ada.pk,))).content.decode()
    assert jo.post(reverse("account_sessions_of", args=(root.pk,))).status_code == 403
    assert jo.post(reverse("account_sessions_of", args=(ada.pk,))).status_code == 302

    assert (is_in(hers), is_in(his), is_in(jo)) == (False, True, True)
    (told,) = entries("user.sessions_ended")
    assert (told.actor, told.subject) == ("jo", "user ada")


def test_an_account_leads_to_its_sessions_for_whoever_may_see_them() -> None:
    ada, root = person(), person("root", is_superuser=True)
    person("jo", "administrator")
    jo = signed_in("jo")

    def leads(user: User) -> bool:
        return (
            reverse("admin:auth_user_sessions", args=(user.pk,))
            in jo.get(reverse("admin:auth_user_change", args=(user.pk,))).content.decode()
        )

    assert (leads(ada), leads(root)) == (True, False)
    shown = jo.get(reverse("admin:auth_user_sessions", args=(ada.pk,)), follow=True)
    assert "Where ada is signed in" in shown.content.decode()
    assert jo.get(reverse("admin:auth_user_sessions", args=("x",)), follow=True).status_code == 404
    assert jo.get(reverse("admin:auth_user_sessions", args=(root.pk,))).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_who_manages_no_accounts_sees_no_sessions_of_others(role: str) -> None:
    ada = person()
    person("bob", role)
    hers, bob = signed_in(), signed_in("bob")

    assert bob.get(reverse("account_sessions_of", args=(ada.pk,))).status_code == 403
    assert bob.post(reverse("account_sessions_of", args=(ada.pk,))).status_code == 403
    assert is_in(hers)


def test_who_is_deactivated_is_out_and_stays_out_when_he_is_put_back() -> None:
    ada = person()
    person("jo", "administrator")
    hers, jo = signed_in(), signed_in("jo")
    form = {"username": "ada", "email": "", "first_name": "", "last_name": "", "is_staff": "on"}
    address = reverse("admin:auth_user_change", args=(ada.pk,))

    assert jo.post(address, form).status_code == 302
    assert not is_in(hers)
    assert jo.post(address, form | {"is_active": "on"}).status_code == 302

    assert not is_in(hers)
    assert entries("user.sessions_ended")[0].reason == "deactivated"


def test_when_a_session_was_last_seen_is_kept_to_the_minute() -> None:
    person()
    client = signed_in()
    begun = UserSession.objects.get().last_seen_at

    is_in(client)
    assert UserSession.objects.get().last_seen_at == begun
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5), tick=False):
        is_in(client)

    assert UserSession.objects.get().last_seen_at > begun + timedelta(minutes=4)


def test_the_server_ends_all_sessions_of_an_account(capsys: pytest.CaptureFixture[str]) -> None:
    person()
    client = signed_in()

    call_command("account", "end-sessions", "ada")

    assert capsys.readouterr().out == "1 session of ada ended.\n"
    assert not is_in(client)
