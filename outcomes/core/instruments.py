"""One spelling for every option contract, and what its symbol says.

OCC's symbol has 21 characters: the root padded to six, the expiry as YYMMDD, C or P, and the strike in thousandths of
a dollar as eight digits (Options Symbology Initiative, 2010). Feeds also write it unpadded, and some put `O:` in front.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

MAX_LENGTH = 64
# Some feeds trim the padding to one space or none.
_OCC = re.compile(r"(?:O:)?([A-Z0-9.]{1,6}) *(\d\d)(\d\d)(\d\d)([CP])(\d{8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Option:
    """What an OCC symbol says; `strike` is in dollars."""

    root: str
    expiry: date
    is_call: bool
    strike: Decimal

    def intrinsic_value(self, underlying: Decimal) -> Decimal:
        """What exercising is worth at this price of the underlying, per unit; never below 0."""
        gain = underlying - self.strike if self.is_call else self.strike - underlying
        return max(gain, Decimal(0))


def parse_option(instrument: str) -> Option | None:
    """Read an OCC symbol in any of its spellings; None for every other instrument."""
    match = _OCC.fullmatch(instrument)
    if match is None:
        return None
    root, year, month, day, right, strike = match.groups()
    try:
        expiry = date(2000 + int(year), int(month), int(day))
    except ValueError:
        # Thirteen months and the like: letters and digits that only look like a contract.
        return None
    return Option(root, expiry, right == "C", Decimal(strike) / 1000)


def canonical_instrument(instrument: str) -> str:
    """The spelling under which instruments are compared: OCC symbols padded to 21 characters, others as they are."""
    match = _OCC.fullmatch(instrument)
    if match is None or parse_option(instrument) is None:
        return instrument
    root, year, month, day, right, strike = match.groups()
    return f"{root:<6}{year}{month}{day}{right}{strike}"


def is_instrument(value: object) -> bool:
    """Whether it can name an instrument: 1 to 64 printable characters without spaces around; those inside count."""
    return isinstance(value, str) and 0 < len(value) <= MAX_LENGTH and value.isprintable() and value == value.strip()


def instruments_to_quote(instrument: str, day: date) -> tuple[str, ...]:
    """What a feed must quote on this day (New York's) to price the instrument, each in its one spelling.

    An option is quoted up to the day on which it expires; from that day on its underlying says what it settles at.
    """
    option = parse_option(instrument)
    if option is None or day < option.expiry:
        return (canonical_instrument(instrument),)
    return (canonical_instrument(instrument), option.root) if day == option.expiry else (option.root,)
