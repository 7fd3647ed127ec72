"""The table of settings: every wrong value is refused with its name, itself and what is allowed."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from kernel.values import decimal_text
from policies.admin.forms import PolicyForm
from policies.core.settings import (
    CONFIGURED_MODES,
    GUARDRAILS,
    SETTING_NAMES,
    SETTINGS,
    Kind,
    PolicySettings,
    Setting,
    SettingError,
    changed_settings,
    parse_settings,
)
from policies.models import PolicyContent, PolicyVersion

ROWS = {setting.name: setting for setting in SETTINGS}
MODE, SPLIT, LIVE = ROWS["configured_mode"], ROWS["split_percentage"], ROWS["live_enabled"]
SECONDS = [setting for setting in SETTINGS if setting.kind is Kind.SECONDS]
COUNTS = [setting for setting in SETTINGS if setting.kind is Kind.COUNT]
MEASURES = [setting for setting in SETTINGS if setting.optional and setting.kind.decimals]
FEES = [setting for setting in SETTINGS if setting.kind is Kind.FEE]
CURRENCY = ROWS["currency"]

RAW = {
    "configured_mode": "SPLIT_CAPITAL",
    "split_percentage": "70.5",
    "heartbeat_ttl_seconds": "60",
    "permit_ttl_seconds": "300",
    "max_market_data_age_seconds": "900",
    "max_answer_age_seconds": "600",
    "max_quote_age_seconds": "60",
    "entry_window_seconds": "120",
    "exit_directive_ttl_seconds": "3600",
    "report_delay_seconds": "30",
    "currency": "USD",
    "fee_per_contract": "0.65",
    "fee_per_order": "0",
    "live_enabled": "false",
}
BLANK = ["", " ", "\t\n"]


def parsed(**changes: Any) -> PolicySettings:
    settings, errors = parse_settings(RAW | changes)
    assert settings is not None, errors
    return settings


@pytest.mark.parametrize("mode", CONFIGURED_MODES)
def test_every_known_mode_is_allowed(mode: str) -> None:
    assert MODE.parse(mode) == mode


@pytest.mark.parametrize("mode", [*BLANK, "auto", " AUTO", "ENGINE_C_PRIMARY", "ENGINE_A_PRIMARY\n", "AUTO\x00"])
def test_an_unknown_mode_is_refused_with_the_known_ones(mode: str) -> None:
    with pytest.raises(SettingError) as caught:
        MODE.parse(mode)

    assert (caught.value.setting.name, caught.value.value) == ("configured_mode", mode)
    assert caught.value.allowed == "AUTO, SHADOW_ONLY, ENGINE_A_PRIMARY, ENGINE_B_PRIMARY, SPLIT_CAPITAL"


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        ("0", "0.00"),
        ("-0", "0.00"),
        ("-0.00", "0.00"),
        ("100", "100.00"),
        ("100.00", "100.00"),
        ("1e2", "100.00"),
        ("50.5", "50.50"),
        (" 50 ", "50.00"),
        ("+7.25", "7.25"),
        ("0.01", "0.01"),
        ("33.3300000000000000000000000000000000", "33.33"),
        (50, "50.00"),
        (50.5, "50.50"),
        (Decimal("12.34"), "12.34"),
    ],
)
def test_a_split_is_0_to_100_with_two_decimals(given_value: object, text: str) -> None:
    found = SPLIT.parse(given_value)

    assert decimal_text(found) == text
    assert not found.is_signed()


@pytest.mark.parametrize(
    "value",
    [
        *BLANK, "abc", "50.005", "0.001", "1e-3", "-0.01", "-1", "100.01", "101", "1e3", "1e999999999", "9" * 5000,
        "1e-999999999", "NaN", "-NaN", "sNaN", "Infinity", "-inf", "50%", "1/2", "50,5", "0x10", "5 0", "1_0",
        "\u096b\u0966", "\uff15\uff10", "50\x00", True, None, 0.1 + 0.2, [50],
    ],
)  # fmt: skip
def test_any_other_split_is_refused_and_never_rounded(value: object) -> None:
    with pytest.raises(SettingError) as caught:
        SPLIT.parse(value)

    assert (caught.value.setting.name, caught.value.value) == ("split_percentage", value)
    assert caught.value.allowed == "a number from 0 to 100 with at most two decimals"


@given(st.integers(0, 10_000))
def test_every_hundredth_of_a_percent_survives_as_text(points: int) -> None:
    text = f"{points // 100}.{points % 100:02}"

    assert decimal_text(SPLIT.parse(text)) == text


@given(st.text(max_size=12))
def test_no_text_breaks_the_split_parser(text: str) -> None:
    with suppress(SettingError):
        assert 0 <= SPLIT.parse(text) <= 100


@pytest.mark.parametrize("setting", SECONDS, ids=str)
def test_seconds_reach_from_the_lowest_to_the_highest(setting: Setting) -> None:
    low, high = int(setting.low), int(setting.high)

    assert setting.parse(str(low)) == low
    assert setting.parse(f" {high} ") == high
    for outside in (low - 1, high + 1):
        with pytest.raises(SettingError) as caught:
            setting.parse(str(outside))
        assert caught.value.allowed == f"whole seconds from {low} to {high}"


@pytest.mark.parametrize(
    "value",
    [
        *BLANK,
        "-5",
        "+5",
        "1.5",
        "60.0",
        "1e2",
        "NaN",
        "sixty",
        "6_0",
        "6 0",
        "\u0666\u0660",
        "\uff16\uff10",
        "²",
        "0x3c",
        "9" * 5000,
        True,
    ],
)
@pytest.mark.parametrize("setting", SECONDS, ids=str)
def test_anything_but_whole_seconds_is_refused(setting: Setting, value: object) -> None:
    with pytest.raises(SettingError) as caught:
        setting.parse(value)

    assert (caught.value.setting, caught.value.value) == (setting, value)


@pytest.mark.parametrize("value", [*BLANK, None])
@pytest.mark.parametrize("name", GUARDRAILS)
def test_a_guardrail_left_empty_is_off_and_outside_the_hash(name: str, value: object) -> None:
    settings = parsed(**{name: value})

    assert getattr(settings, name) is None
    assert settings.content_hash() == parsed().content_hash()


@pytest.mark.parametrize("setting", COUNTS, ids=str)
def test_a_guardrail_counts_from_its_lowest_to_its_highest(setting: Setting) -> None:
    low, high = int(setting.low), int(setting.high)

    assert (setting.parse(str(low)), setting.parse(f" {high}\n")) == (low, high)
    for outside in (low - 1, high + 1, "1.0", "-1", "1e2", "many", "1_0", "\uff11", "9" * 5000):
        with pytest.raises(SettingError, match=rf"^{setting.name} is .* a whole number from {low} to {high}"):
            setting.parse(outside)


@pytest.mark.parametrize("setting", MEASURES, ids=str)
def test_a_guardrail_measures_from_a_cent_up_to_its_highest(setting: Setting) -> None:
    assert setting.parse("0.01") == Decimal("0.01")
    assert setting.parse(f" {setting.high} ") == setting.high
    beyond = setting.high + 1
    for outside in ("0", "-0", "0.00", "-0.01", "0.001", beyond, "NaN", "sNaN", "inf", "1e99999", "1_0", "\uff11"):
        with pytest.raises(SettingError, match=rf"^{setting.name} is .* a number from 0.01 to {setting.high}"):
            setting.parse(outside)


@pytest.mark.parametrize("setting", FEES, ids=str)
def test_a_fee_is_exact_to_a_hundredth_of_a_cent_and_never_negative(setting: Setting) -> None:
    assert [decimal_text(setting.parse(text)) for text in ("0", "-0", "0.65", "0.0125", "1000000", "1e2")] == [
        "0.00", "0.00", "0.65", "0.0125", "1000000.00", "100.00",
    ]  # fmt: skip
    for outside in (*BLANK, None, "-0.01", "0.00001", "1000000.0001", "NaN", "inf", "0,65", "$1", "1_0"):
        with pytest.raises(SettingError, match=rf"^{setting.name} is .* from 0 to 1000000 with at most four decimals"):
            setting.parse(outside)


@pytest.mark.parametrize("code", ["USD", "EUR", "USDT", "BTC", "A1B", "ABCDEFGHIJ"])
def test_a_currency_is_a_code_in_capitals(code: str) -> None:
    assert CURRENCY.parse(f" {code}\n") == code


@pytest.mark.parametrize(
    "value", [*BLANK, None, "usd", "US", "$", "US D", "1INCH", "US-D", "ABCDEFGHIJK", "ÜSD", "USD\x00", 840]
)
def test_anything_else_is_no_currency(value: object) -> None:
    with pytest.raises(SettingError, match=r"allowed: 3 to 10 capital letters and digits, such as USD$") as caught:
        CURRENCY.parse(value)

    assert (caught.value.setting, caught.value.value) == (CURRENCY, value)


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "True", " YES "])
def test_words_for_true_are_true(text: str) -> None:
    assert LIVE.parse(text) is True


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "False", "OFF\n"])
def test_words_for_false_are_false(text: str) -> None:
    assert LIVE.parse(text) is False


@pytest.mark.parametrize("value", [*BLANK, "2", "tru", "yess", "-1", "null", "None", None])
def test_anything_else_is_no_truth_value(value: object) -> None:
    with pytest.raises(SettingError, match=r"allowed: true or false") as caught:
        LIVE.parse(value)

    assert caught.value.value == value


def test_the_message_names_setting_value_and_what_is_allowed() -> None:
    with pytest.raises(SettingError) as caught:
        ROWS["heartbeat_ttl_seconds"].parse("0")

    assert str(caught.value) == "heartbeat_ttl_seconds is '0'; allowed: whole seconds from 1 to 86400"


def test_valid_settings_become_a_policy() -> None:
    settings, errors = parse_settings(RAW)

    assert errors == []
    assert settings == PolicySettings(
        "SPLIT_CAPITAL", Decimal("70.50"), 60, 300, 900, 600, 60, 120, 3600, 30, "USD", Decimal("0.65"), Decimal(0),
        live_enabled=False,
    )  # fmt: skip


def test_all_errors_are_reported_at_once() -> None:
    settings, errors = parse_settings(dict.fromkeys(SETTING_NAMES, "?"))

    assert settings is None
    assert tuple(error.setting.name for error in errors) == SETTING_NAMES


def test_the_content_hash_is_sha256_of_the_canonical_settings() -> None:
    document = (
        '{"configured_mode":"SPLIT_CAPITAL","currency":"USD","entry_window_seconds":120,'
        '"exit_directive_ttl_seconds":3600,"fee_per_contract":"0.65","fee_per_order":"0.00",'
        '"heartbeat_ttl_seconds":60,"live_enabled":false,"max_answer_age_seconds":600,'
        '"max_market_data_age_seconds":900,"max_quote_age_seconds":60,"permit_ttl_seconds":300,'
        '"report_delay_seconds":30,"split_percentage":"70.50"}'
    )

    assert parsed().content_hash() == hashlib.sha256(document.encode()).hexdigest()
    assert parsed().content_hash() == "beaa23150c052f60c15546230602273de3a42d1a55e746dcdb497e173be21748"


def test_equal_settings_hash_alike_however_they_were_written() -> None:
    assert parsed(split_percentage="70.50", live_enabled="OFF").content_hash() == parsed().content_hash()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("configured_mode", "AUTO"),
        ("split_percentage", "70.51"),
        ("heartbeat_ttl_seconds", "61"),
        ("permit_ttl_seconds", "301"),
        ("max_market_data_age_seconds", "901"),
        ("max_answer_age_seconds", "601"),
        ("max_quote_age_seconds", "61"),
        ("entry_window_seconds", "121"),
        ("exit_directive_ttl_seconds", "3601"),
        ("report_delay_seconds", "31"),
        ("currency", "EUR"),
        ("fee_per_contract", "0.6501"),
        ("fee_per_order", "1"),
        ("live_enabled", "true"),
        ("max_consecutive_real_losses", "5"),
        ("max_daily_real_loss", "1000"),
        ("max_failed_signal_percentage", "10"),
        ("max_engine_flaps", "3"),
    ],
)
def test_every_setting_is_part_of_the_content_hash(name: str, value: str) -> None:
    assert parsed(**{name: value}).content_hash() != parsed().content_hash()


def test_a_setting_written_on_the_command_line_changes_that_setting_alone() -> None:
    changed = changed_settings(parsed(max_engine_flaps="3"), ["split_percentage=12.5", "max_engine_flaps="])

    assert changed == parsed(split_percentage="12.5")


@pytest.mark.parametrize("written", ["split_percentage", "split=5", "=5", ""])
def test_what_is_no_setting_is_refused_with_all_names(written: str) -> None:
    with pytest.raises(DomainError, match="write NAME=VALUE with one of configured_mode, split_percentage") as caught:
        changed_settings(parsed(), [written])

    assert (caught.value.code, caught.value.pointer) == ("setting_unknown", "/set")


def test_every_wrong_change_is_named_at_once() -> None:
    with pytest.raises(DomainError, match=r"split_percentage is 'x'.*; permit_ttl_seconds is '0'") as caught:
        changed_settings(parsed(), ["split_percentage=x", "permit_ttl_seconds=0"])

    assert (caught.value.code, caught.value.pointer) == ("setting_invalid", "/set")


def test_every_column_form_field_and_check_of_a_setting_comes_from_its_row() -> None:
    columns = {field.name for field in PolicyContent._meta.get_fields()}
    checks = {constraint.name for constraint in PolicyVersion._meta.constraints}

    assert columns == set(SETTING_NAMES)
    assert {f"policy_versions_{row.name}" for row in SETTINGS if row.kind is not Kind.SWITCH} <= checks
    assert [name for name in PolicyForm().fields if name in columns] == list(SETTING_NAMES)
    for row in SETTINGS:
        assert PolicyVersion._meta.get_field(row.name).help_text == row.help_text  # type: ignore[union-attr]
        assert PolicyForm().fields[row.name].help_text == row.help_text
