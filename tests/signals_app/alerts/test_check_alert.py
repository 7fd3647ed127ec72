"""What the "Check an alert" page tells of a message."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.problems import PROBLEMS
from signals_app.alerts.check_alert import (
    TRADINGVIEW_INDICATOR_TEMPLATE,
    TRADINGVIEW_TEMPLATE,
    AlertCheck,
    FieldRead,
    check_alert,
    fill_placeholders,
    templates_for,
)
from tests.signals_app.alerts.test_alert_vectors import ROWS, Row, body_of, parse

NOW = datetime(2026, 3, 16, 14, 30, 2, tzinfo=UTC)


def fields(check: AlertCheck) -> dict[str, tuple[str, str]]:
    return {field.name: (field.value, field.read_from) for field in check.fields}


def message(**members: object) -> str:
    return json.dumps(
        {"ticker": "NASDAQ:AAPL", "action": "buy", "interval": 5, "timenow": "2026-03-16T14:30:00Z"} | members
    )


def test_every_field_is_shown_with_the_member_it_came_from() -> None:
    check = check_alert(message(rsi=55, strategy="orb"), NOW)

    assert (check.outcome, check.code, check.remedy) == ("accepted", "", "")
    assert check.sentence == "Creates a LONG signal on AAPL, 5m."
    assert fields(check) == {
        "symbol": ("AAPL", "ticker"),
        "exchange": ("NASDAQ", "ticker"),
        "direction": ("LONG", "action"),
        "timeframe": ("5m", "interval"),
        "timestamp": ("2026-03-16T14:30:00.000000Z", "timenow"),
        "strategy": ("orb", "strategy"),
        "order_id": ("", ""),
    }
    assert check.passed_on == ("rsi",)


def test_the_order_id_is_shown_and_passed_on_to_engines() -> None:
    check = check_alert(message(id="Long 2", exchange="NASDAQ"), NOW)

    assert fields(check)["order_id"] == ("Long 2", "id")
    assert check.passed_on == ("id",)


def test_a_field_that_is_absent_has_no_member() -> None:
    check = check_alert(message(), NOW)

    assert fields(check)["strategy"] == ("", "")


def test_secrets_are_named_and_not_shown() -> None:
    check = check_alert(message(passphrase="hunter2-hunter2"), NOW)

    assert check.removed == ("passphrase",)
    assert "hunter2" not in repr(check)


@pytest.mark.parametrize(
    ("members", "reason", "intent"),
    [
        ({"action": "close"}, "exit", "EXIT"),
        ({"action": "cancel"}, "cancel", "CANCEL"),
        ({"action": "reduce"}, "reduce", "REDUCE"),
        ({"timenow": "2026-03-16T12:00:00Z"}, "stale", "LONG"),
    ],
)
def test_what_is_only_recorded_says_why(members: dict[str, str], reason: str, intent: str) -> None:
    check = check_alert(message(**members), NOW)

    assert (check.outcome, check.code) == ("recorded", reason)
    assert "creates no signal" in check.sentence
    assert fields(check)["direction"][0] == intent


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_body"),
        ("{", "invalid_json"),
        ("[]", "not_an_object"),
        ("{}", "symbol_missing"),
        (message(action="sideways"), "direction_invalid"),
        (message(interval="sometimes"), "timeframe_invalid"),
        (message(timenow="16.03.2026"), "timestamp_unparseable"),
        (message(symbol="SPY"), "conflicting_alias"),
        (message(symbol="{{unknown}}"), "unexpanded_placeholder"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"a": 1e400}', "number_out_of_range"),
        ("x" * 70_000, "too_large"),
        ("\ud800", "invalid_encoding"),
    ],
)
def test_what_is_refused_says_why_and_what_to_do(text: str, code: str) -> None:
    check = check_alert(text, NOW)

    assert (check.outcome, check.code, check.fields) == ("rejected", code, ())
    assert check.sentence
    assert check.remedy == PROBLEMS[code].remedy


@pytest.mark.parametrize("template", [TRADINGVIEW_TEMPLATE, TRADINGVIEW_INDICATOR_TEMPLATE])
def test_the_templates_are_accepted_as_they_stand(template: str) -> None:
    check = check_alert(template, NOW)

    assert (check.outcome, check.sentence) == ("accepted", "Creates a LONG signal on SPY, 5m.")
    assert set(check.filled) == {word for word in template.split('"') if word.startswith("{{")}


@pytest.mark.parametrize(
    ("before", "after", "action", "outcome"),
    [
        ("flat", "short", "sell", "accepted"),
        ("long", "flat", "sell", "recorded"),
        ("short", "flat", "buy", "recorded"),
        ("short", "long", "buy", "accepted"),
    ],
)
def test_the_template_tells_entries_from_exits(before: str, after: str, action: str, outcome: str) -> None:
    text = TRADINGVIEW_TEMPLATE.replace("{{strategy.prev_market_position}}", before)
    text = text.replace("{{strategy.market_position}}", after).replace("{{strategy.order.action}}", action)

    assert check_alert(text, NOW).outcome == outcome


def test_unknown_placeholders_stay_and_known_ones_are_named_once() -> None:
    text, filled = fill_placeholders('{{ticker}} {{ticker}} {{ plot("RSI") }} {{nothing}} {{timenow}}', NOW)

    assert text == "SPY SPY 55.31 {{nothing}} 2026-03-16T14:30:02Z"
    assert filled == ("{{ticker}}", '{{ plot("RSI") }}', "{{timenow}}")


TEXTS = [row for row in ROWS if "body_base64" not in row and "unexpanded" not in row["expect"].get("code", "")]


@pytest.mark.parametrize("row", TEXTS, ids=[row["name"] for row in TEXTS])
def test_the_page_says_what_the_webhook_does(row: Row) -> None:
    expected = row["expect"]["outcome"]

    check = check_alert(body_of(row).decode(errors="surrogatepass"), parse(row["received_at"]))

    assert check.outcome == {"refused": "rejected", "duplicate": "accepted"}.get(expected, expected)
    assert check.code == row["expect"].get("code", check.code)


def test_several_members_that_say_the_same_are_all_named() -> None:
    check = check_alert(message(symbol="AAPL", exchange="NASDAQ", direction="long", tf="5", strategy_name="x"), NOW)

    assert fields(check) == {
        "symbol": ("AAPL", "symbol, ticker"),
        "exchange": ("NASDAQ", "exchange"),
        "direction": ("LONG", "direction, action"),
        "timeframe": ("5m", "interval, tf"),
        "timestamp": ("2026-03-16T14:30:00.000000Z", "timenow"),
        "strategy": ("x", "strategy_name"),
        "order_id": ("", ""),
    }


def test_an_exit_without_times_is_shown_with_what_it_has() -> None:
    check = check_alert('{"symbol": "{{ticker}}", "action": "close", "token": "abc", "rsi": 5}', NOW)

    assert check == AlertCheck(
        "recorded", "exit", "The alert closes a position. It is recorded and creates no signal.", "",
        'action is "close"',
        (
            FieldRead("symbol", "SPY", "symbol"), FieldRead("exchange", "", ""),
            FieldRead("direction", "EXIT", "action"), FieldRead("timeframe", "", ""),
            FieldRead("timestamp", "", ""), FieldRead("strategy", "", ""),
            FieldRead("order_id", "", ""),
        ),
        (), ("token",), ("{{ticker}}",),
    )  # fmt: skip


def test_what_is_refused_names_the_placeholders_that_were_filled_in() -> None:
    assert check_alert('{"symbol": "{{ticker}}", "direction": "hold"}', NOW) == AlertCheck(
        "rejected", "direction_invalid",
        'direction is "hold", which is not a direction; send "long" or "short", or "buy" or "sell".',
        PROBLEMS["direction_invalid"].remedy, filled=("{{ticker}}",),
    )  # fmt: skip


def test_an_alert_is_stale_after_five_minutes_unless_another_limit_is_given() -> None:
    assert check_alert(message(timenow="2026-03-16T14:25:02Z"), NOW).outcome == "accepted"
    assert check_alert(message(timenow="2026-03-16T14:25:01Z"), NOW).code == "stale"
    assert check_alert(message(timenow="2026-03-16T14:25:01Z"), NOW, 301).outcome == "accepted"


def test_the_time_of_a_bar_is_filled_in_as_the_whole_minute() -> None:
    moment = datetime(2026, 3, 16, 14, 30, 2, 250_000, tzinfo=UTC)

    assert fill_placeholders("{{time}} {{timenow}}", moment)[0] == "2026-03-16T14:30:00Z 2026-03-16T14:30:02Z"
    assert fill_placeholders("{{plot_0}} {{plot_19}} {{plot_20}}", moment)[0] == "55.31 55.31 {{plot_20}}"


@pytest.mark.parametrize(
    ("members", "because"),
    [
        ({"position_size": "0", "action": "sell"}, 'position_size is "0"'),
        ({"action": "sell", "positionSide": "LONG"}, 'action is "sell" and positionSide is "LONG"'),
        ({"market_position": "flat", "prev_market_position": "long"},
         'prev_market_position is "long" and market_position is "flat"'),
        ({"market_position": "long", "action": "sell"}, 'action is "sell" and market_position is "long"'),
        ({"timenow": "2026-03-16T14:20:02Z"}, "timenow was 600 seconds ago, and 300 are allowed"),
        ({"action": "buy", "side": "long"}, 'action is "buy" and side is "long"'),
        ({"action": "buy", "right": "put"}, 'action is "buy" and right is "put"'),
    ],
)  # fmt: skip
def test_every_judgement_is_explained_by_the_fields_that_decided_it(members: dict[str, str], because: str) -> None:
    assert check_alert(message(**members), NOW).because == because


def test_the_meaning_of_a_bare_sell_is_that_of_the_source() -> None:
    check = check_alert(message(action="sell"), NOW, bare_sell="exit")

    assert (check.outcome, check.code) == ("recorded", "exit")
    assert check.because == 'action is "sell", and this source takes a bare sell for an exit'


def test_removed_secrets_are_named_with_their_place() -> None:
    check = check_alert(message(accounts=[{"token": "abc", "id": 1}], general={"secret": "def"}), NOW)

    assert check.removed == ("accounts.0.token", "general.secret")


ORDER_ID = 'No order id: two entries within one second pass for one. Add "order_id": "{{strategy.order.id}}".'


def lacking(*wants: str, **members: Any) -> list[str]:
    """What is said to lack, by the first words."""
    lacks = check_alert(message(**members), NOW, wants=wants).lacks
    return [sentence.partition(":")[0] for sentence in lacks]


def test_a_bare_order_lacks_its_id_the_position_and_a_price() -> None:
    assert lacking() == ["No order id", "No position after the order", "No price"]
    assert check_alert(message(close=1, position_size=1), NOW).lacks == (ORDER_ID,)


@pytest.mark.parametrize(
    "members",
    [
        {"order_id": "L", "market_position": "long", "close": 1},
        {"id": "L", "position_size": "1", "price": "568.25"},
        # An indicator has no order, and an exit needs no more than it says.
        {"action": None, "direction": "long", "open": 1},
        {"action": "exit"},
    ],
)
def test_a_message_that_says_enough_lacks_nothing(members: dict[str, Any]) -> None:
    assert lacking(**members) == []


def test_what_the_source_wants_of_every_message_is_told() -> None:
    wants = ("secret", "sequence")

    assert lacking(*wants, action="exit") == ["No secret", "No sequence number"]
    assert lacking(*wants, action="exit", passphrase="abc", seq="7") == []
    assert lacking(*wants, action="exit", passphrase="abc", seq="seven") == ["No sequence number"]


@pytest.mark.parametrize("sequence", [True, False])
@pytest.mark.parametrize("secret", [True, False])
def test_the_templates_fit_what_the_source_wants(secret: bool, sequence: bool) -> None:
    wants = [name for name, is_wanted in (("secret", secret), ("sequence", sequence)) if is_wanted]

    for title, text in templates_for(secret=secret, sequence=sequence):
        check = check_alert(text, NOW, wants=("secret", "sequence"))

        assert check.outcome == "accepted", title
        assert [sentence.split()[1].strip(":") for sentence in check.lacks] == [
            name for name in ("secret", "sequence") if name not in wants
        ]


@pytest.mark.parametrize("part", ["order.id", "market_position_size", "order.price", "close", '"secret"'])
def test_the_template_says_all_that_tells_one_order_from_another(part: str) -> None:
    assert part in TRADINGVIEW_TEMPLATE
