"""Fills in a few words, for the tests of what they come to."""

from __future__ import annotations

from decimal import Decimal

from outcomes.core.books import Fill, LegFill

HUNDRED = Decimal(100)
Moved = tuple[str, str, str, str]  # instrument, side, quantity, price


def legs_of(effect: str, *legs: Moved) -> tuple[LegFill, ...]:
    return tuple(LegFill(name, effect, side, Decimal(quantity), Decimal(price)) for name, side, quantity, price in legs)


def opened(*legs: Moved, fees: str = "0") -> list[Fill]:
    return [Fill("entry", legs_of("OPEN", *legs), Decimal(fees))]


def closed(*legs: Moved, fees: str = "0") -> Fill:
    return Fill("part", legs_of("CLOSE", *legs), Decimal(fees))
