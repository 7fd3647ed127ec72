"""What an example engine saw of the market at a moment, as its reports say it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from bars import Bar, Tape
from option_model import Contract, quote
from orchestrator_client import QuoteDocument, SettlementDocument


def quotes(bar: Bar, instruments: Iterable[str], moment: datetime) -> dict[str, QuoteDocument]:
    """The model's quotes that stand at the moment; `bar` is the last one before it."""
    seen = {name: quote(Contract.parse(name), bar.close, bar.volatility, moment) for name in instruments}
    return {
        name: {"bid": str(one.bid), "ask": str(one.ask), "quote_time": moment.isoformat()} for name, one in seen.items()
    }


def settlements(tape: Tape, instruments: Iterable[str]) -> dict[str, SettlementDocument]:
    """How contracts that have ended were settled: at their intrinsic value, those of long positions."""
    found: dict[str, SettlementDocument] = {}
    for name in instruments:
        contract = Contract.parse(name)
        bar = tape.at(contract.root, contract.expires_at)
        if bar is None:
            continue
        price = contract.intrinsic_value(Decimal(str(bar.close)))
        found[name] = {
            "price": str(price),
            "settled_at": contract.expires_at.isoformat(),
            "kind": "EXERCISED" if price else "EXPIRED",
            "underlying": str(bar.close),
        }
    return found


def conditions(
    tape: Tape, bar: Bar, instruments: Iterable[str], moment: datetime, *, settled: Iterable[str] = ()
) -> dict[str, Any]:
    """The market conditions of an exit: the underlying, and a quote or a settlement of each contract.

    `settled` are those that ended at this very moment; whatever has ended before it cannot be quoted either.
    """
    names = set(instruments)
    ended = {name for name in names if name in settled or Contract.parse(name).expires_at < moment}
    found = {
        "underlying": {"symbol": bar.symbol, "last": str(bar.close)},
        "quotes": quotes(bar, sorted(names - ended), moment),
        "model": {"name": "Black-Scholes", "volatility": bar.volatility},
    }
    return found | ({"settlements": settlements(tape, sorted(ended))} if ended else {})
