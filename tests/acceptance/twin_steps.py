"""What twins do with a position, each at the touch of what the market says: for real, or as a shadow may."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kernel.values import format_timestamp
from tests.acceptance.twins import LATER, Position, Twin

Step = Callable[[Twin, Position], None]


def leave(twin: Twin, position: Position) -> None:
    """Close all that is left at the touch: for real, or as the shadow's own exit beside the synchronised one."""
    legs = [
        {"instrument": name, "exit_price": twin.market.price(name, sells=side == "LONG")}
        for name, side in position.opened
    ]
    _exit(twin, position, legs, "TAKE_PROFIT", twin.conditions(position))


def settle(underlying: str, kind: str) -> Step:
    """Let the contracts end at their intrinsic value."""

    def end(twin: Twin, position: Position) -> None:
        values = {name: max(Decimal(underlying) - int(name[-8:]) // 1000, Decimal(0)) for name, _ in position.opened}
        ended = {
            name: {
                "price": str(value),
                "settled_at": format_timestamp(twin.market.moment),
                "kind": kind,
                "underlying": underlying,
            }
            for name, value in values.items()
        }
        _exit(twin, position, [], kind, twin.conditions(position, settlements=ended))

    return end


def _exit(twin: Twin, position: Position, legs: list[dict[str, Any]], reason: str, seen: dict[str, Any]) -> None:
    twin.once(
        position,
        "exit",
        f"trades/{position.trade_id}/exit",
        lambda: {
            "exit_time": format_timestamp(twin.market.moment),
            "exit_reason": reason,
            "legs": legs,
            "fees": twin.broker_fees if position.role == "REAL" else "0",
            "market_conditions": seen,
        },
    )


def part(closed: int, of: int) -> Step:
    """Take a part of the profit; a shadow waits for its directive."""

    def close(twin: Twin, position: Position) -> None:
        if position.role == "SHADOW":
            return
        quantity = (position.left * closed / of).quantize(Decimal("0.00000001"))
        executions = [twin.execution(name, "CLOSE", side, quantity) for name, side in position.opened]
        twin.fill(position, f"part {closed} of {of}", executions)
        position.left -= quantity

    return close


def roll(twin: Twin, position: Position) -> None:
    """Close the call and buy a later one in the same fill: this ends the pair; a shadow leaves by its own rules."""
    if position.role == "SHADOW":
        leave(twin, position)
        return
    executions = [
        *(twin.execution(name, "CLOSE", side, position.left) for name, side in position.opened),
        twin.execution(LATER, "OPEN", "LONG", position.left),
    ]
    twin.fill(position, "roll", executions)
    position.opened = ((LATER, "LONG"),)


def leave_for_real(twin: Twin, position: Position) -> None:
    """What follows a roll: only the real trade still has something to close."""
    if position.role == "REAL":
        leave(twin, position)
