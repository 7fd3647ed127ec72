"""A second factor: asked for after the password, counted like one, used once, and demanded of everybody where set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from orchestrator_site.sign_in.middleware import ALWAYS_OPEN
from tests.orchestrator_site.sign_in.people import (
    ADDRESS,
    PERIOD,
    browser,
    code_at,
    confirm,
    is_in,
    person,
    set_up_app,
    sign_in,
    signed_in,
)
from tests.policies.control import entries

pytestmark = pytest.mark.django_db
AUTHENTICATE = "/admin/account/factors/authenticate/"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    # At the beginning of a period, so that codes of the next ones are countable.
    start = datetime.fromtimestamp(datetime.now(UTC).timestamp() // PERIOD * PERIOD, UTC)
    with time_machine.travel(start, tick=False) as traveller:
        yield traveller


def now() -> float:
    return datetime.now(UTC).timestamp()


def test_the_code_is_asked_for_after_the_password_and_lets_in(clock: time_machine.Traveller) -> None:
    person()
    secret = set_up_app(signed_in(), now())
    clock.shift(timedelta(seconds=PERIOD))
    client = browser()

    answer = sign_in(client)

    assert (answer.status_code, answer.headers["Location"]) == (302, AUTHENTICATE)
    assert not is_in(client)
    assert client.post(AUTHENTICATE, {"code": code_at(secret, now())}).status_code == 302
    assert is_in(client)
    assert [(one.reason, one.address) for one in entries("user.logged_in")][-1] == ("password, totp", ADDRESS)
    assert entries("user.factor_added")[0].subject == "user ada"


def test_a_code_counts_once_in_whatever_process(clock: time_machine.Traveller) -> None:
    person()
    secret = set_up_app(signed_in(), now())
    clock.shift(timedelta(seconds=PERIOD))
    code = code_at(secret, now())
    first, second = browser(), browser()
    for client in (first, second):
        sign_in(client)

    first.post(AUTHENTICATE, {"code": code})
    # What allauth remembers stands in the memory of one process.
    from django.core.cache import cache

    cache.clear()
    refused = second.post(AUTHENTICATE, {"code": code})

    assert is_in(first)
    assert "The code is wrong or was used already." in refused.content.decode()
    assert not is_in(second)
    clock.shift(timedelta(seconds=PERIOD))
    # Nor does an older one, which the tolerance would still take.
    assert "used already" in second.post(AUTHENTICATE, {"code": code}).content.decode()
    second.post(AUTHENTICATE, {"code": code_at(secret, now())})
    assert is_in(second)


def test_wrong_codes_count_like_wrong_passwords(clock: time_machine.Traveller, settings: LazySettings) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    person()
    secret = set_up_app(signed_in(), now())
    clock.shift(timedelta(seconds=PERIOD))
    client = browser()
    sign_in(client)

    answers = [client.post(AUTHENTICATE, {"code": "000000"}).status_code for _ in range(3)]
    locked = client.post(AUTHENTICATE, {"code": code_at(secret, now())})

    assert answers == [200, 200, 429]
    assert (locked.status_code, locked.headers["Retry-After"]) == (429, "900")
    assert not is_in(client)
    assert sign_in(browser()).status_code == 429
    assert [one.subject for one in entries("user.log_in_refused")] == ["user ada"] * 5
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(row_to_json(a)::text, '') FROM axes_accessattempt a")
        assert "000000" not in cursor.fetchone()[0]


def test_a_recovery_code_takes_the_factors_place_once(clock: time_machine.Traveller) -> None:
    person()
    owner = signed_in()
    set_up_app(owner, now())
    page = owner.get(reverse("mfa_view_recovery_codes")).content.decode()
    codes = re.findall(r"^(\d{8})$", page.partition('<pre class="to-secret">')[2].partition("</pre>")[0], re.MULTILINE)
    assert len(codes) == 10

    first, second = browser(), browser()
    for client in (first, second):
        sign_in(client)
        client.post(AUTHENTICATE, {"code": codes[3]})

    assert (is_in(first), is_in(second)) == (True, False)


def test_the_secret_is_stored_encrypted_and_dies_with_the_secret_key(
    clock: time_machine.Traveller, settings: LazySettings
) -> None:
    person()
    secret = set_up_app(signed_in(), now())
    clock.shift(timedelta(seconds=PERIOD))
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))

    settings.SECRET_KEY = "another-" * 8
    client = browser()
    sign_in(client)
    refused = client.post(AUTHENTICATE, {"code": code_at(secret, now())})

    assert "manage.py account reset-factors" in refused.content.decode()
    assert not is_in(client)


def test_a_new_secret_key_ends_sessions_and_recovery_codes_and_no_page_fails(
    clock: time_machine.Traveller, settings: LazySettings
) -> None:
    """The steps of docs/deployment.md."""
    account = person("ada", "viewer")
    owner = signed_in()
    set_up_app(owner, now())
    page = owner.get(reverse("mfa_view_recovery_codes")).content.decode()
    code = re.findall(r"^(\d{8})$", page.partition('<pre class="to-secret">')[2], re.MULTILINE)[0]

    settings.SECRET_KEY = "another-" * 8

    assert not is_in(owner)
    sign_in(client := browser())
    assert "manage.py account reset-factors" in client.post(AUTHENTICATE, {"code": code}).content.decode()
    # As of somebody with a passkey, which is not encrypted.
    Authenticator.objects.filter(type=Authenticator.Type.TOTP).delete()
    passkey = browser()
    passkey.force_login(account)
    assert passkey.get(reverse("account")).status_code == 200
    confirm(passkey)
    for name in ("mfa_view_recovery_codes", "mfa_generate_recovery_codes"):
        assert "manage.py account reset-factors" in passkey.get(reverse(name), follow=True).content.decode()

    call_command("account", "reset-factors", "ada")
    renewed = signed_in()
    set_up_app(renewed, now())
    assert is_in(renewed)


def test_lost_factors_are_taken_on_the_server(
    clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    person()
    set_up_app(signed_in(), now())

    call_command("account", "reset-factors", "ada")

    assert capsys.readouterr().out == "2 factors of ada removed.\n"
    assert sign_in(client := browser()).headers["Location"] == "/admin/"
    assert is_in(client)
    assert entries("user.factor_removed")[0].actor.startswith("command line")
    with pytest.raises(CommandError, match="No account is named 'nobody'"):
        call_command("account", "reset-factors", "nobody")


def test_removing_the_app_asks_who_one_is_and_is_told(clock: time_machine.Traveller) -> None:
    person()
    owner = signed_in()
    secret = set_up_app(owner, now())
    clock.shift(timedelta(minutes=16))

    asked = owner.post(reverse("mfa_deactivate_totp"))

    assert asked.headers["Location"].startswith(reverse("mfa_reauthenticate"))
    assert Authenticator.objects.count() == 2
    done = owner.post(
        asked.headers["Location"], {"code": code_at(secret, now()), "next": reverse("mfa_deactivate_totp")}
    )
    assert done.status_code == 302
    assert Authenticator.objects.count() == 0
    assert len(entries("user.factor_removed")) == 2


def test_where_a_factor_is_demanded_nothing_opens_without_one(
    clock: time_machine.Traveller, settings: LazySettings
) -> None:
    settings.REQUIRE_SECOND_FACTOR = True
    person("ada", "operator")
    client = signed_in()

    for address in ("admin:index", "admin:kill_switch", "admin:policies_apikey_new_key"):
        for answer in (client.get(reverse(address)), client.post(reverse(address), {"confirmation": "HALT"})):
            assert (answer.status_code, answer.headers["Location"]) == (302, reverse("account"))
    page = client.get(reverse("account"))
    assert "Set up a second factor to go on" in page.content.decode()

    set_up_app(client, now())
    assert is_in(client)


def test_what_stays_open_without_a_factor_shows_and_changes_nothing_of_the_desk() -> None:
    assert {path.split("/")[2] for path in ALWAYS_OPEN} == {"account", "login", "logout", "password_change", "jsi18n"}


def test_who_is_no_staff_does_not_come_in_with_the_right_password() -> None:
    person("eve", is_staff=False)
    client = browser()

    answer = sign_in(client, "eve")

    assert answer.headers["Location"] == reverse("admin:login")
    assert "may not use the console" in client.get(reverse("admin:login")).content.decode()
    assert not is_in(client)


def test_the_sign_in_page_leads_on_to_where_one_wanted_to_go_and_nowhere_else() -> None:
    person()

    assert sign_in(browser(), next="/admin/settings/").headers["Location"] == "/admin/settings/"
    assert sign_in(browser(), next="https://evil.example/").headers["Location"] == "/admin/"


@pytest.mark.parametrize(
    "nonsense", ["[]", "{}", "1", '"x"', "null", "{", '{"response": []}', '{"id": 1, "rawId": 2, "response": {}}']
)
def test_nonsense_instead_of_a_passkey_is_refused(clock: time_machine.Traveller, nonsense: str) -> None:
    person()
    set_up_app(signed_in(), now())
    client = browser()
    login = reverse("mfa_login_webauthn")
    client.get(login, headers={"accept": "application/json"})

    assert client.post(login, {"credential": nonsense}).status_code == 302
    sign_in(client)
    assert client.get(AUTHENTICATE).status_code == 200
    assert client.post(AUTHENTICATE, {"credential": nonsense}).status_code in {200, 429}
    assert not is_in(client)
