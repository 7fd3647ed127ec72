"""What a policy consists of, how it is checked and how it is hashed.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

import rfc8785

from kernel.identifiers import whole_number

APP_MODES = ("PAPER", "LIVE")
CONFIGURED_MODES = ("AUTO", "SHADOW_ONLY", "ENGINE_A_PRIMARY", "ENGINE_B_PRIMARY", "SPLIT_CAPITAL")
# Allowed seconds per setting, both ends included.
SECONDS = {
    "heartbeat_ttl_seconds": (1, 86_400),
    "permit_ttl_seconds": (1, 86_400),
    "max_market_data_age_seconds": (0, 604_800),
    "entry_window_seconds": (0, 604_800),
    "exit_directive_ttl_seconds": (1, 2_592_000),
}
# Allowed counts of the guardrails that count, both ends included.
COUNTS = {"max_consecutive_real_losses": (1, 1000), "max_engine_flaps": (1, 1000)}
# Allowed amounts of the guardrails that measure: more than zero, up to.
AMOUNTS = {"max_daily_real_loss": Decimal("999999999999.99"), "max_failed_signal_percentage": Decimal(100)}
GUARDRAILS = (*COUNTS, *AMOUNTS)
TRUE, FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class SettingError(ValueError):
    """A policy setting is not allowed; names the setting, its value and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name} is {value!r}; allowed: {allowed}")
        self.name = name
        self.value = value
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The settings of one policy version."""

    configured_mode: str
    split_percentage: Decimal  # 0 to 100, two decimals
    heartbeat_ttl_seconds: int
    permit_ttl_seconds: int
    max_market_data_age_seconds: int
    entry_window_seconds: int
    exit_directive_ttl_seconds: int
    live_enabled: bool
    # Guardrails; None means off.
    max_consecutive_real_losses: int | None = None
    max_daily_real_loss: Decimal | None = None  # currency, a positive number
    max_failed_signal_percentage: Decimal | None = None
    max_engine_flaps: int | None = None

    def document(self) -> dict[str, Any]:
        """Return the settings as hashed: decimals as text with two decimals, guardrails only where they are on."""
        return {
            name: f"{value:.2f}" if isinstance(value, Decimal) else value
            for name, value in asdict(self).items()
            if value is not None
        }

    def content_hash(self) -> str:
        """Return SHA-256 of the settings' canonical JSON (RFC 8785)."""
        return hashlib.sha256(rfc8785.dumps(self.document())).hexdigest()


SETTING_NAMES = tuple(field.name for field in fields(PolicySettings))


def split_text(split: Decimal) -> str:
    """Return a split percentage as text with two decimals, as it stands in every hashed document."""
    return f"{split:.2f}"


def parse_mode(value: str) -> str:
    """Return a known configured mode or raise SettingError."""
    if value not in CONFIGURED_MODES:
        raise SettingError("configured_mode", value, ", ".join(CONFIGURED_MODES))
    return value


def parse_split(value: object) -> Decimal:
    """Return 0 to 100 with at most two decimals or raise SettingError; never rounds."""
    allowed = "a number from 0 to 100 with at most two decimals"
    text = str(value).strip()
    try:
        split = _plain_decimal(text)
    except InvalidOperation:
        raise SettingError("split_percentage", value, allowed) from None
    if not split.is_finite() or not 0 <= split <= 100 or split != split.quantize(Decimal("0.01")):
        raise SettingError("split_percentage", value, allowed)
    return split.quantize(Decimal("0.01")) + 0  # + 0 turns -0 into 0


def _plain_decimal(text: str) -> Decimal:
    # Decimal also reads "5_0" and digits of other scripts; nobody means 50 by them.
    return Decimal(text if text.isascii() and "_" not in text else "")


def parse_seconds(name: str, value: object) -> int:
    """Return whole seconds within the setting's range or raise SettingError."""
    low, high = SECONDS[name]
    text = str(value).strip()
    number = whole_number(text)
    if number is None or not low <= number <= high:
        raise SettingError(name, value, f"whole seconds from {low} to {high}")
    return number


def parse_count(name: str, value: object) -> int | None:
    """Return a guardrail's count, None for off, or raise SettingError."""
    low, high = COUNTS[name]
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    number = whole_number(text)
    if number is None or not low <= number <= high:
        raise SettingError(name, value, f"a whole number from {low} to {high}, or nothing for off")
    return number


def parse_amount(name: str, value: object) -> Decimal | None:
    """Return a guardrail's amount with two decimals, None for off, or raise SettingError; never rounds."""
    allowed = f"a number above 0 up to {AMOUNTS[name]} with at most two decimals, or nothing for off"
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        amount = _plain_decimal(text)
    except InvalidOperation:
        raise SettingError(name, value, allowed) from None
    if not amount.is_finite() or not 0 < amount <= AMOUNTS[name] or amount != amount.quantize(Decimal("0.01")):
        raise SettingError(name, value, allowed)
    return amount.quantize(Decimal("0.01"))


def parse_bool(name: str, value: object) -> bool:
    """Return a truth value or raise SettingError."""
    text = str(value).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise SettingError(name, value, "true or false")


def parse_settings(raw: dict[str, Any]) -> tuple[PolicySettings | None, list[SettingError]]:
    """Check every setting and return the policy, or None with all errors found."""
    values: dict[str, Any] = {}
    errors: list[SettingError] = []
    for name in SETTING_NAMES:
        try:
            values[name] = _parse(name, raw[name] if name not in GUARDRAILS else raw.get(name))
        except SettingError as error:
            errors.append(error)
    return (None, errors) if errors else (PolicySettings(**values), [])


def _parse(name: str, value: Any) -> Any:
    if name == "configured_mode":
        return parse_mode(str(value))
    if name == "split_percentage":
        return parse_split(value)
    if name == "live_enabled":
        return parse_bool(name, value)
    if name in COUNTS:
        return parse_count(name, value)
    if name in AMOUNTS:
        return parse_amount(name, value)
    return parse_seconds(name, value)
