"""Engine A: fixed rules. Buys an at-the-money option when a bar breaks out of the four bars before it.

Start it with `ORCHESTRATOR_API_KEY=... python examples/engine_a.py --url http://127.0.0.1:8000`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bars import Bar
from engine_command import main
from option_model import Contract, expiry_near, nearest_strike
from positions import FirstTarget, Holding, Strategy, Verdict


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything the rules depend on; its hash is registered with every heartbeat."""

    highest_volatility: float = 1.2
    days_to_expiry: int = 14
    contracts: int = 2
    first_target: float = 0.20  # one contract is sold there
    take_profit: float = 0.40
    stop_loss: float = -0.30
    bars_held: int = 5
    last_days: int = 5  # before expiry there is little left to save: held to it


PARAMETERS = Parameters()


def decide(bar: Bar) -> Verdict:
    """An at-the-money call on an upward breakout, a put on a downward one, otherwise nothing."""
    if bar.is_last:
        return Verdict(None, ["no later bar to exit on"])
    if bar.volatility > PARAMETERS.highest_volatility:
        return Verdict(None, [f"volatility {bar.volatility:.2f} is above {PARAMETERS.highest_volatility}"])
    if bar.direction == "LONG" and bar.close > bar.get("high_4"):
        return Verdict(_contract(bar, "C"), [f"close {bar.close} above the 4-bar high {bar.get('high_4')}"])
    if bar.direction == "SHORT" and bar.close < bar.get("low_4"):
        return Verdict(_contract(bar, "P"), [f"close {bar.close} below the 4-bar low {bar.get('low_4')}"])
    return Verdict(None, [f"no {bar.direction} breakout at {bar.close}"])


def leave(holding: Holding) -> str | None:
    """The reason to exit on a later bar, None to stay."""
    if holding.gain >= PARAMETERS.take_profit:
        return "TAKE_PROFIT"
    if holding.days_left <= PARAMETERS.last_days:
        return None
    if holding.gain <= PARAMETERS.stop_loss:
        return "STOP_LOSS"
    return "TIME_LIMIT" if holding.bars_held >= PARAMETERS.bars_held else None


def _contract(bar: Bar, right: str) -> Contract:
    expiry = expiry_near(bar.timestamp.date(), PARAMETERS.days_to_expiry)
    return Contract(bar.symbol, expiry, right, nearest_strike(bar.close))


STRATEGY = Strategy(
    engine="A",
    version="breakout-1.0",
    parameters=asdict(PARAMETERS),
    decide=decide,
    leave=leave,
    quantity=PARAMETERS.contracts,
    target=FirstTarget(PARAMETERS.first_target, quantity=1),
    quotes_the_other_contract=True,
)

if __name__ == "__main__":
    main(STRATEGY)
