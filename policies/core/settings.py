"""The settings of a policy: the one place where a setting, its limits and its words change.

Each field of `PolicySettings` carries its row of the table: how it is read, what is allowed, the environment variable
of the first version and what it does. The columns of drafts and versions with their CHECKs, the forms, the system
checks, the hashed document, the differences between versions and docs/configuration.md are made from these rows. To
add a setting, add a field here and run `manage.py makemigrations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from enum import Enum, auto
from typing import Any, NamedTuple

from kernel.canonical import document_hash
from kernel.errors import DomainError
from kernel.values import decimal_text, whole_number

APP_MODES = ("PAPER", "LIVE")
CONFIGURED_MODES = ("AUTO", "SHADOW_ONLY", "ENGINE_A_PRIMARY", "ENGINE_B_PRIMARY", "SPLIT_CAPITAL")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
# An ISO 4217 code, or the ticker of a coin: such as USD or USDT.
CURRENCY_PATTERN = "[A-Z][A-Z0-9]{2,9}"
CURRENCY_ALLOWED = "3 to 10 capital letters and digits, such as USD"


class Kind(Enum):
    """How a setting is read, stored and shown."""

    MODE = auto()
    PERCENTAGE = auto()  # two decimals
    AMOUNT = auto()  # currency, two decimals
    FEE = auto()  # currency, four decimals: brokers charge fractions of a cent
    CURRENCY = auto()
    SECONDS = auto()
    COUNT = auto()
    SWITCH = auto()

    @property
    def decimals(self) -> int:
        """How many decimals it may have; 0 for a whole number, a word or a switch."""
        return {Kind.PERCENTAGE: 2, Kind.AMOUNT: 2, Kind.FEE: 4}.get(self, 0)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table; limits include both ends, an optional setting is off when it is empty."""

    name: str
    kind: Kind
    help_text: str
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    default: str = ""
    title: str = ""  # on pages; "" where the name itself reads well
    variable: str = ""  # of the environment, for the first version; "" where there is none
    check_id: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """What people call it, with its unit."""
        said = self.name.replace("_", " ").capitalize()
        return self.title or (f"{said.removesuffix(' seconds')} (s)" if self.kind is Kind.SECONDS else said)

    @property
    def phrase(self) -> str:
        """What its environment variable is for."""
        return f"{self.help_text.rstrip('.')} (first policy version only)"

    @property
    def allowed(self) -> str:
        """What may be written, as a phrase."""
        if self.kind is Kind.MODE:
            return ", ".join(CONFIGURED_MODES)
        if self.kind is Kind.SWITCH:
            return "true or false"
        if self.kind is Kind.CURRENCY:
            return CURRENCY_ALLOWED
        unit = {Kind.SECONDS: "whole seconds", Kind.COUNT: "a whole number"}.get(self.kind, "a number")
        decimals = {0: "", 2: " with at most two decimals", 4: " with at most four decimals"}[self.kind.decimals]
        off = ", or blank to disable" if self.optional else ""
        return f"{unit} from {self.low} to {self.high}{decimals}{off}"

    def parse(self, value: object) -> Any:
        """Read a value as people or the environment write it; None for off. Never rounds; raises SettingError."""
        text = "" if value is None else str(value).strip()
        if self.optional and not text:
            return None
        if self.kind is Kind.MODE:
            return self._one_of(str(value), value, CONFIGURED_MODES)
        if self.kind is Kind.SWITCH:
            return self._one_of(text.lower(), value, (*_TRUE, *_FALSE)) in _TRUE
        if self.kind is Kind.CURRENCY:
            if re.fullmatch(CURRENCY_PATTERN, text) is None:
                raise SettingError(self, value)
            return text
        number = self._number(text, value)
        return number if self.kind.decimals else int(number)

    def _one_of(self, text: str, value: object, words: tuple[str, ...]) -> str:
        if text not in words:
            raise SettingError(self, value)
        return text

    def _number(self, text: str, value: object) -> Decimal:
        # Decimal also reads "5_0", "1e3" and digits of other scripts; nobody means those here.
        plain = text.isascii() and "_" not in text and (self.kind.decimals or whole_number(text) is not None)
        try:
            number = Decimal(text if plain else "")
        except InvalidOperation:
            raise SettingError(self, value) from None
        smallest = Decimal(1).scaleb(-self.kind.decimals)
        # In this order: NaN cannot be compared, and quantize raises for more than 28 digits, which the limits have
        # refused by then.
        if not number.is_finite() or not self.low <= number <= self.high or number != number.quantize(smallest):
            raise SettingError(self, value)
        return number.quantize(smallest) + 0  # + 0 turns -0 into 0


class SettingError(ValueError):
    """A value is not allowed; names the setting, the value and what is allowed."""

    def __init__(self, setting: Setting, value: object) -> None:
        super().__init__(f"{setting.name} is {value!r}; allowed: {setting.allowed}")
        self.setting = setting
        self.value = value

    @property
    def allowed(self) -> str:
        """What may be written instead."""
        return self.setting.allowed


def _setting(kind: Kind, help_text: str, low: object = 0, high: object = 0, **row: Any) -> Any:
    return field(metadata={"row": {"kind": kind, "help_text": help_text, "low": low, "high": high, **row}})


def _guardrail(kind: Kind, help_text: str, low: object, high: object, **row: Any) -> Any:
    row |= {"kind": kind, "help_text": f"Guardrail: {help_text} Leave blank to disable.", "low": low, "high": high}
    return field(default=None, metadata={"row": row | {"optional": True}})


_DAY, _WEEK, _MONTH = 86_400, 604_800, 2_592_000


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The settings of one policy version."""

    configured_mode: str = _setting(
        Kind.MODE,
        "AUTO: in PAPER mode, engine A trades for real. SPLIT_CAPITAL: the engine of the signal's variant does.",
        default="AUTO",
        variable="EXECUTION_MODE",
        check_id="policies.E002",
    )
    split_percentage: Decimal = _setting(
        Kind.PERCENTAGE,
        "Share of signals assigned to engine A, in percent: 0.5 is half a percent.",
        0,
        100,
        default="50",
        variable="SPLIT_PERCENTAGE",
        check_id="policies.E003",
    )
    heartbeat_ttl_seconds: int = _setting(
        Kind.SECONDS,
        "An engine is available for this long after its last heartbeat.",
        1,
        _DAY,
        title="Heartbeat timeout (s)",
        default="60",
        variable="HEARTBEAT_TTL_SECONDS",
        check_id="policies.E004",
    )
    permit_ttl_seconds: int = _setting(
        Kind.SECONDS,
        "A real trade must be entered within this time after its role was revealed.",
        1,
        _DAY,
        title="Permit lifetime (s)",
        default="300",
        variable="PERMIT_TTL_SECONDS",
        check_id="policies.E005",
    )
    max_market_data_age_seconds: int = _setting(
        Kind.SECONDS,
        "Market data older than this at the signal's time is left out of the context.",
        0,
        _WEEK,
        default="900",
        variable="MAX_MARKET_DATA_AGE_SECONDS",
        check_id="policies.E006",
    )
    max_answer_age_seconds: int = _setting(
        Kind.SECONDS,
        "A recommendation must arrive within this time after its signal was distributed.",
        1,
        _DAY,
        default="600",
        variable="MAX_ANSWER_AGE_SECONDS",
        check_id="policies.E010",
    )
    max_quote_age_seconds: int = _setting(
        Kind.SECONDS,
        "A quote older than this prices nothing.",
        1,
        _DAY,
        default="60",
        variable="MAX_QUOTE_AGE_SECONDS",
        check_id="policies.E011",
    )
    entry_window_seconds: int = _setting(
        Kind.SECONDS,
        "A shadow opens within this time after its recommendation, or never.",
        0,
        _WEEK,
        default="300",
        variable="ENTRY_WINDOW_SECONDS",
        check_id="policies.E007",
    )
    exit_directive_ttl_seconds: int = _setting(
        Kind.SECONDS,
        "A shadow exit that is not priced within this time becomes UNPRICED.",
        1,
        _MONTH,
        title="Exit directive lifetime (s)",
        default="3600",
        variable="EXIT_DIRECTIVE_TTL_SECONDS",
        check_id="policies.E008",
    )
    report_delay_seconds: int = _setting(
        Kind.SECONDS,
        "An engine must report a fill within this time after it happened.",
        1,
        _DAY,
        default="30",
        variable="REPORT_DELAY_SECONDS",
        check_id="policies.E012",
    )
    currency: str = _setting(
        Kind.CURRENCY,
        "The currency that shadows trade in and that the fees are charged in.",
        default="USD",
        variable="CURRENCY",
        check_id="policies.E013",
    )
    fee_per_contract: Decimal = _setting(
        Kind.FEE,
        "Fee for each option contract of a fill, charged to both engines alike at entry and at exit.",
        0,
        1_000_000,
        default="0.65",
        variable="FEE_PER_CONTRACT",
        check_id="policies.E014",
    )
    fee_per_order: Decimal = _setting(
        Kind.FEE,
        "Fee for each fill, charged to both engines alike at entry and at exit.",
        0,
        1_000_000,
        default="0",
        variable="FEE_PER_ORDER",
        check_id="policies.E015",
    )
    live_enabled: bool = _setting(
        Kind.SWITCH,
        "While off, nothing trades for real in LIVE mode.",
        title="Live trading enabled",
        default="false",
        variable="LIVE_ENABLED",
        check_id="policies.E009",
    )
    max_consecutive_real_losses: int | None = _guardrail(
        Kind.COUNT, "after this many real losses in a row, nothing trades for real.", 1, 1000
    )
    max_daily_real_loss: Decimal | None = _guardrail(
        Kind.AMOUNT, "real loss of one UTC day, in currency.", "0.01", "999999999999.99"
    )
    max_failed_signal_percentage: Decimal | None = _guardrail(
        Kind.PERCENTAGE,
        "share of the last hour's signals that failed, out of at least 20.",
        "0.01",
        100,
        title="Max failed signals (%)",
    )
    max_engine_flaps: int | None = _guardrail(
        Kind.COUNT,
        "number of times an engine became available again within the last hour.",
        1,
        1000,
        title="Max engine reconnects per hour",
    )

    def document(self) -> dict[str, Any]:
        """The settings as hashed: decimals as text with two decimals or more, guardrails only where they are on."""
        document = {}
        for name in SETTING_NAMES:
            value = getattr(self, name)
            # Left out instead of null, so that a guardrail added to this table later leaves the hash of every older
            # policy alone.
            if value is not None:
                document[name] = decimal_text(value) if isinstance(value, Decimal) else value
        return document

    def content_hash(self) -> str:
        """SHA-256 of the canonical document."""
        return document_hash(self.document())

    @classmethod
    def of(cls, row: object) -> PolicySettings:
        """The settings of anything that has an attribute for each: a version, a draft."""
        return cls(**{name: getattr(row, name) for name in SETTING_NAMES})

    def columns(self) -> dict[str, Any]:
        """Name and value of every setting, as the tables hold them."""
        return {name: getattr(self, name) for name in SETTING_NAMES}


def _row(name: str, row: Mapping[str, Any]) -> Setting:
    limits = {end: Decimal(str(row[end])) for end in ("low", "high")}
    return Setting(name=name, **{**row, **limits})


SETTINGS = tuple(_row(each.name, each.metadata["row"]) for each in fields(PolicySettings))
SETTING_NAMES = tuple(setting.name for setting in SETTINGS)
GUARDRAILS = tuple(setting.name for setting in SETTINGS if setting.optional)


def label_of(name: str) -> str:
    """What people call the setting of this name; the name itself where there is none, as of an earlier release."""
    return next((setting.label for setting in SETTINGS if setting.name == name), name)


def parse_settings(raw: Mapping[str, Any]) -> tuple[PolicySettings | None, list[SettingError]]:
    """Check every setting and return the policy, or None with all errors found; a guardrail left out is off."""
    values: dict[str, Any] = {}
    errors: list[SettingError] = []
    for setting in SETTINGS:
        try:
            # Only what is optional may be absent: a setting that a form or command forgot is a KeyError, not a silent
            # default.
            values[setting.name] = setting.parse(raw.get(setting.name) if setting.optional else raw[setting.name])
        except SettingError as error:
            errors.append(error)
    return (None, errors) if errors else (PolicySettings(**values), [])


def changed_settings(content: PolicySettings, changes: Iterable[str]) -> PolicySettings:
    """Apply changes written NAME=VALUE, a blank value turning a guardrail off; every mistake is named."""
    # Through text and back, so that the command line is held to the same limits as a form.
    raw = {name: "" if value is None else str(value) for name, value in content.columns().items()}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or name not in SETTING_NAMES:
            raise DomainError(
                "setting_unknown", f"{change}: write NAME=VALUE with one of {', '.join(SETTING_NAMES)}.", "/set"
            )
        raw[name] = value
    found, errors = parse_settings(raw)
    if found is None:
        raise DomainError("setting_invalid", "; ".join(map(str, errors)), "/set")
    return found


class Change(NamedTuple):
    """One setting in two sets, as text; "off" is a guardrail that is off."""

    name: str
    before: str
    after: str

    @property
    def label(self) -> str:
        """What people call the setting."""
        return label_of(self.name)


def side_by_side(left: PolicySettings, right: PolicySettings) -> list[Change]:
    """All settings of both, in the order of the form."""
    # Compared as they are hashed: whatever is shown as a difference changes the hash, and nothing else does.
    old, new = left.document(), right.document()
    return [Change(name, _said(old.get(name, "off")), _said(new.get(name, "off"))) for name in SETTING_NAMES]


def _said(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def diff(before: PolicySettings, after: PolicySettings) -> list[Change]:
    """The settings that differ, in the order of the form; empty when nothing does."""
    return [change for change in side_by_side(before, after) if change.before != change.after]
