"""`manage.py halt`, `resume` and `apikey`: what operators type, and what they are told."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command

from policies.models import ApiKey, Halt
from policies.selectors import open_halt
from tests.factories import api_client

pytestmark = pytest.mark.django_db
HEARTBEAT = {"engine_version": "1", "rules_hash": "ab" * 32}


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_halt_stops_everything_and_says_since_when_and_why() -> None:
    output = run("halt", "--reason", "strange fills")

    halt = open_halt()
    assert halt is not None
    assert halt.reason == "strange fills"
    assert halt.engaged_by.startswith("command line (")
    assert re.fullmatch(r"Trading halted at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: strange fills\n", output)


def test_resume_releases_the_halt_and_says_why() -> None:
    run("halt", "--reason", "strange fills")

    output = run("resume", "--reason", "found it")

    assert open_halt() is None
    assert re.fullmatch(r"Trading resumed at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: found it\n", output)


def test_a_second_halt_is_an_error_that_says_one_holds() -> None:
    run("halt", "--reason", "strange fills")

    with pytest.raises(CommandError, match="Trading is already halted"):
        run("halt", "--reason", "again")


def test_resume_without_a_halt_is_an_error() -> None:
    with pytest.raises(CommandError, match="Trading is not halted"):
        run("resume", "--reason", "found it")


@pytest.mark.parametrize("command", ["halt", "resume"])
def test_both_refuse_to_act_on_an_empty_reason(command: str) -> None:
    with pytest.raises(CommandError, match="Say why"):
        run(command, "--reason", " ")

    assert Halt.objects.count() == 0


def test_both_act_at_once_without_a_reason_and_record_that_none_was_given() -> None:
    run("halt")
    run("resume")

    halt = Halt.objects.get()
    assert (halt.reason, halt.release_reason) == ("No reason given.", "No reason given.")


def test_create_prints_the_key_and_nothing_else_and_the_key_works() -> None:
    key = run("apikey", "create", "--owner", "engine-a", "--name", "desk one").strip()

    client = api_client("engine-b")
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    response = client.post("/api/v1/heartbeat", HEARTBEAT)
    assert (response.status_code, response.json()["engine"]) == (200, "A")


def test_a_key_without_a_name_is_named_after_its_owner() -> None:
    run("apikey", "create", "--owner", "feeder")

    assert ApiKey.objects.get().name == "feeder"


def test_create_refuses_an_unknown_owner_and_names_the_known() -> None:
    with pytest.raises(CommandError, match=r"engine-a.*engine-b.*feeder.*analyst"):
        run("apikey", "create", "--owner", "engine-c")

    assert ApiKey.objects.count() == 0


def test_create_refuses_a_name_that_does_not_fit() -> None:
    with pytest.raises(CommandError, match="50 characters"):
        run("apikey", "create", "--owner", "feeder", "--name", "n" * 51)


def test_list_shows_prefix_owner_state_and_use_and_no_key() -> None:
    text = run("apikey", "create", "--owner", "analyst", "--name", "desk").strip()

    listed = run("apikey", "list")

    assert listed == f"{text.split('.')[0]}  analyst   active   last used never  desk\n"
    assert text not in listed


def test_list_shows_when_a_key_was_used() -> None:
    api_client("engine-a").post("/api/v1/heartbeat", HEARTBEAT)

    assert re.search(r"engine-a  active   last used \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run("apikey", "list"))


def test_a_revoked_key_is_useless_at_once() -> None:
    client = api_client("engine-a")
    assert client.post("/api/v1/heartbeat", HEARTBEAT).status_code == 200

    run("apikey", "revoke", ApiKey.objects.get().prefix)

    assert client.post("/api/v1/heartbeat", HEARTBEAT).status_code == 401
    assert "revoked" in run("apikey", "list")


def test_revoking_an_unknown_key_is_an_error_that_says_where_to_look() -> None:
    with pytest.raises(CommandError, match=r"No active key has prefix abcdefgh; see `manage\.py apikey list`"):
        run("apikey", "revoke", "abcdefgh")


def test_apikey_needs_an_action() -> None:
    with pytest.raises(CommandError, match="required: action"):
        run("apikey")
