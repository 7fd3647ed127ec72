"""Reading the symbol and the exchange of an alert.

Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import re

from signals_app.alerts.errors import AlertError
from signals_app.alerts.members import Member, Members, Reading, conflict, read_agreeing, refuse_placeholder, shown
from signals_app.alerts.vocabulary import EXCHANGE_ALIASES, NOT_A_SYMBOL, SYMBOL_ALIASES, WEAK_SYMBOL_ALIASES

_PREFIXED = re.compile(r"([A-Z][A-Z0-9_]{0,49}):(.*)", re.DOTALL)
_SYMBOL = re.compile(r"(?=.*[A-Z0-9])[A-Z0-9.^$@#][A-Z0-9.!/_&=\- ]{0,63}")
# ccxt writes a swap as BASE/QUOTE:SETTLE, where the colon is no exchange prefix.
_SWAP = re.compile(r"([A-Z0-9]+)/([A-Z0-9]+):([A-Z0-9]+)((?:-[A-Z0-9]+)*)")
_EXCHANGE = re.compile(r"[A-Z0-9][A-Z0-9_.\- ]{0,49}")
_DELAYED = re.compile(r"_DLY?$")
_MAX_SYMBOL_CHARACTERS = 64


def read_symbol(members: Members) -> Reading[str]:
    """Return the symbol in upper case without its exchange prefix, or raise AlertError."""
    found = members.find(SYMBOL_ALIASES)
    # An object called "instrument" is looked into; as a symbol it says nothing.
    found = [member for member in found if not isinstance(member.value, dict) or member.alias in {"symbol", "ticker"}]
    if not found:
        found = [member for member in members.find(WEAK_SYMBOL_ALIASES) if not isinstance(member.value, dict)]
    reading = read_agreeing(found, lambda member: _split(member)[1])
    if reading is None:
        raise AlertError("symbol_missing", 'The alert names no symbol; add "symbol": "{{ticker}}".', "symbol")
    return reading


def read_exchange(members: Members, symbol: Reading[str]) -> Reading[str]:
    """Return the exchange in upper case, "" when the alert names none; raise when two differ.

    It comes from a member of its own or from the prefix of the symbol. Text that is no exchange
    name is left to the engines.
    """
    stated = [(member, _exchange(member)) for member in members.find(EXCHANGE_ALIASES)]
    prefixes = [(member, _split(member)[0]) for member in symbol.members]
    readings = [(member, exchange) for member, exchange in stated + prefixes if exchange]
    if not readings:
        return Reading("", ())
    first, value = readings[0]
    for member, exchange in readings[1:]:
        if _DELAYED.sub("", exchange) != _DELAYED.sub("", value):
            raise conflict("conflicting_alias", first, member)
    return Reading(value, tuple(member for member, exchange in stated if exchange))


def _split(member: Member) -> tuple[str, str]:
    """Return the exchange prefix ("" without one) and the symbol."""
    refuse_placeholder(member)
    value = member.value
    if not isinstance(value, str):
        raise AlertError("symbol_type", f'{member.name} must be text such as "SPY", not {shown(value)}.', member.name)
    text = value.strip()
    if not text.isascii() or text in NOT_A_SYMBOL:
        raise _invalid(member)
    text = text.upper()
    if _is_swap(text):
        return "", text
    prefixed = _PREFIXED.fullmatch(text)
    exchange, symbol = prefixed.groups() if prefixed else ("", text)
    if not (_is_swap(symbol) or _is_plain(symbol)):
        raise _invalid(member)
    return exchange, symbol


def _is_plain(symbol: str) -> bool:
    return _SYMBOL.fullmatch(symbol) is not None and symbol.count("/") <= 1


def _is_swap(symbol: str) -> bool:
    swap = _SWAP.fullmatch(symbol)
    return swap is not None and swap[3] in (swap[1], swap[2]) and len(symbol) <= _MAX_SYMBOL_CHARACTERS


def _invalid(member: Member) -> AlertError:
    return AlertError(
        "symbol_invalid",
        f"{member.name} is {shown(member.value)}, which is not one symbol; send at most {_MAX_SYMBOL_CHARACTERS} "
        'letters, digits and . ! / - _ & with an exchange prefix if you like, such as "NASDAQ:AAPL".',
        member.name,
    )


def _exchange(member: Member) -> str:
    refuse_placeholder(member)
    if not isinstance(member.value, str):
        return ""
    text = member.value.strip()
    text = text.upper() if text.isascii() else ""
    return text if _EXCHANGE.fullmatch(text) else ""
