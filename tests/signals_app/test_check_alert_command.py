"""`manage.py check_alert` says on the command line what the page says."""

from __future__ import annotations

import json
import os
import pty
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from kernel.canonical import sha256_hex
from signals_app.watching.watches import WatchSettings, set_watch
from tests.factories import make_source

pytestmark = pytest.mark.django_db
EXIT = (
    '{"ticker": "SPY", "action": "sell", "order_id": "Long TP", "interval": "5", "timenow": "{{timenow}}", "pin": "1"}'
)


@pytest.fixture
def message(tmp_path: Path) -> Path:
    path = tmp_path / "message"
    path.write_text(EXIT)
    return path


def run(*arguments: object) -> str:
    """Run the command and return what it prints."""
    out = StringIO()
    call_command("check_alert", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_a_message_is_judged_explained_and_answered_with_the_templates(message: Path) -> None:
    printed = run(message)

    first, second, *_ = printed.splitlines()
    assert first == "Recorded (exit): The alert closes a position. It is recorded and creates no signal."
    assert second == 'Because: order_id is "Long TP".'
    assert "  symbol     SPY  from ticker\n" in printed
    assert "Removed as secret and never stored: pin.\n" in printed
    assert '"order_id": "{{strategy.order.id}}"' in printed
    assert '"market_position_size": "{{strategy.market_position_size}}"' in printed


def test_by_a_source_it_is_judged_by_its_settings_and_gets_its_templates(message: Path) -> None:
    make_source(slug="desk", bare_sell="exit", body_secret_hash=sha256_hex(b"s"))
    set_watch("desk", WatchSettings(mode="sequence"))
    message.write_text(EXIT.replace("Long TP", "1").replace(', "pin": "1"', ""))

    check = json.loads(run(message, "--source", "desk", "--json"))

    assert (check["outcome"], check["because"]) == (
        "recorded", 'action is "sell", and this source takes a bare sell for an exit',
    )  # fmt: skip
    assert [sentence.split(":")[0] for sentence in check["lacks"]] == ["No secret", "No sequence number"]
    assert all('"sequence"' in text and '"secret"' in text for text in check["templates"].values())


def test_what_would_be_rejected_ends_with_exit_code_1(message: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message.write_bytes(b'{"ticker": "SPY", "action": "\xff"}')

    with pytest.raises(SystemExit) as ended:
        call_command("check_alert", str(message))

    assert ended.value.code == 1
    assert "Rejected (invalid_encoding)" in capsys.readouterr().out


def test_at_a_terminal_it_says_that_it_waits_for_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    master, terminal = pty.openpty()
    os.write(master, EXIT.encode() + b"\n\x04")
    said = StringIO()
    with os.fdopen(terminal) as typed:
        monkeypatch.setattr("sys.stdin", typed)
        call_command("check_alert", stdout=StringIO(), stderr=said)
    os.close(master)

    assert said.getvalue() == "Paste the message, then press Ctrl-D. Ctrl-D alone shows the templates.\n"


def test_an_unknown_source_and_a_missing_file_are_named(message: Path) -> None:
    with pytest.raises(CommandError, match="slug nowhere"):
        run(message, "--source", "nowhere")
    with pytest.raises(CommandError, match="Cannot read the message"):
        run(message.with_name("missing"))
