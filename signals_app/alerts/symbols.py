"""The symbol of an alert and its exchange."""

from __future__ import annotations

import re

from kernel.errors import DomainError
from signals_app.alerts.fields import Field, Fields, Reading, conflict, read_agreeing, refuse_placeholder, shown
from signals_app.alerts.vocabulary import EXCHANGE_ALIASES, NOT_A_SYMBOL, SYMBOL_ALIASES, WEAK_SYMBOL_ALIASES

_PREFIXED = re.compile(r"([A-Z][A-Z0-9_]{0,49}):(.*)", re.DOTALL)
# Futures roots begin with a slash (/ES); brokers append + or #, or bracket their indices ([SP500]).
_SYMBOL = re.compile(r"(?=.{1,64}\Z)(?=.*[A-Z0-9])(?:[A-Z0-9.^$@#/][A-Z0-9.!/_&=\- ]*[+#]{0,2}|\[[A-Z0-9.!/_&=\- ]+\])")
# ccxt writes a swap as BASE/QUOTE:SETTLE, where the colon is no exchange prefix.
_SWAP = re.compile(r"([A-Z0-9]+)/([A-Z0-9]+):([A-Z0-9]+)((?:-[A-Z0-9]+)*)")
_EXCHANGE = re.compile(r"[A-Z0-9][A-Z0-9_.\- ]{0,49}")
# So TradingView marks an exchange whose data are delayed; it is the same exchange.
_DELAYED = re.compile(r"_DLY?$")
_MAX_SYMBOL_CHARACTERS = 64


def read_symbol(fields: Fields) -> Reading[str]:
    """The symbol in upper case without its exchange prefix, or raise DomainError."""
    found = fields.find(SYMBOL_ALIASES)
    # An object called "instrument" is looked into; as a symbol it says nothing.
    found = [field for field in found if not isinstance(field.value, dict) or field.alias in {"symbol", "ticker"}]
    if not found:
        found = [field for field in fields.find(WEAK_SYMBOL_ALIASES) if not isinstance(field.value, dict)]
    reading = read_agreeing(found, lambda field: _split(field)[1])
    if reading is None:
        raise DomainError("symbol_missing", 'The alert has no symbol; add "symbol": "{{ticker}}".', "/symbol")
    return reading


def read_exchange(fields: Fields, symbol: Reading[str]) -> Reading[str]:
    """The exchange in upper case, "" when the alert names none; raise DomainError when two differ.

    It comes from a field of its own or from the prefix of the symbol. Text that is no exchange
    name is left to the engines.
    """
    stated = []
    for field in fields.find(EXCHANGE_ALIASES):
        refuse_placeholder(field)
        text = field.value.strip() if isinstance(field.value, str) else ""
        # In upper case, letters such as the German sharp s would turn into ASCII ones.
        is_name = text.isascii() and _EXCHANGE.fullmatch(text.upper()) is not None
        stated.append((field, text.upper() if is_name else ""))
    prefixes = [(field, _split(field)[0]) for field in symbol.fields]
    readings = [(field, exchange) for field, exchange in stated + prefixes if exchange]
    if not readings:
        return Reading("", ())
    first, value = readings[0]
    for field, exchange in readings[1:]:
        if _DELAYED.sub("", exchange) != _DELAYED.sub("", value):
            raise conflict("conflicting_alias", first, field)
    return Reading(value, tuple(field for field, exchange in stated if exchange))


def _split(field: Field) -> tuple[str, str]:
    """The exchange prefix ("" without one) and the symbol."""
    refuse_placeholder(field)
    value = field.value
    if not isinstance(value, str):
        raise DomainError("symbol_type", f'{field.name} must be text such as "SPY", not {shown(value)}.', field.pointer)
    text = value.strip()
    if not text.isascii() or text in NOT_A_SYMBOL:
        raise _invalid(field)
    text = text.upper()
    if _is_swap(text):
        return "", text
    prefixed = _PREFIXED.fullmatch(text)
    exchange, symbol = prefixed.groups() if prefixed else ("", text)
    is_plain = _SYMBOL.fullmatch(symbol) is not None and symbol.count("/") <= 1
    if not (is_plain or _is_swap(symbol)):
        raise _invalid(field)
    return exchange, symbol


def _is_swap(symbol: str) -> bool:
    swap = _SWAP.fullmatch(symbol)
    return swap is not None and swap[3] in (swap[1], swap[2]) and len(symbol) <= _MAX_SYMBOL_CHARACTERS


def _invalid(field: Field) -> DomainError:
    return DomainError(
        "symbol_invalid",
        f"{field.name} is {shown(field.value)}, which is not a symbol; send up to {_MAX_SYMBOL_CHARACTERS} "
        'letters, digits and . ! / - _ &, optionally with an exchange prefix, such as "NASDAQ:AAPL".',
        field.pointer,
    )
