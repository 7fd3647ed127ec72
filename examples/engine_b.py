"""Engine B: a panel of small agents that vote; deterministic stand-ins for several AI agents.

Start it with `ORCHESTRATOR_API_KEY=... python examples/engine_b.py --url http://127.0.0.1:8000`.

Each agent looks at one thing and says +1 (up), -1 (down) or 0. The panel follows a signal when the
votes agree with its direction; it then buys an option further out of the money and longer than
Engine A's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from bars import Bar
from engine_command import main
from option_model import Contract, expiry_near, nearest_strike
from positions import FirstTarget, Holding, Strategy, Verdict


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything the panel depends on; its hash is registered with every heartbeat."""

    votes_needed: int = 1
    busy_volume: float = 1.2
    highest_volatility: float = 1.0
    out_of_the_money: float = 0.05
    days_to_expiry: int = 60
    contracts: int = 3
    first_target: float = 0.30  # one contract is sold there
    take_profit: float = 0.60
    stop_loss: float = -0.40
    votes_against_to_leave: int = 2
    bars_held: int = 8


PARAMETERS = Parameters()


def trend(bar: Bar) -> int:
    """Vote with the side of the 50-bar average that the close is on."""
    return _sign(bar.close, bar.get("sma_50"))


def momentum(bar: Bar) -> int:
    """Vote with the short average against the long one."""
    return _sign(bar.get("sma_10"), bar.get("sma_50"))


def mean_reversion(bar: Bar) -> int:
    """Vote against an overstretched market: down above an RSI of 70, up below 30."""
    strength = bar.get("rsi_14")
    return -1 if strength > 70 else 1 if strength < 30 else 0


def volume(bar: Bar) -> int:
    """Vote with the signal when the bar's volume is well above its average."""
    if not bar.volume > PARAMETERS.busy_volume * bar.get("volume_20"):
        return 0
    return 1 if bar.direction == "LONG" else -1


AGENTS: tuple[Callable[[Bar], int], ...] = (trend, momentum, mean_reversion, volume)


def decide(bar: Bar) -> Verdict:
    """An out-of-the-money option in the signal's direction when the panel agrees with it."""
    votes = {agent.__name__: agent(bar) for agent in AGENTS}
    agreement = _agreement(votes.values(), bar.direction)
    if bar.is_last:
        return Verdict(None, ["no later bar to exit on"], votes)
    if bar.volatility > PARAMETERS.highest_volatility:
        return Verdict(None, [f"volatility {bar.volatility:.2f} is above {PARAMETERS.highest_volatility}"], votes)
    if agreement < PARAMETERS.votes_needed:
        return Verdict(None, [f"{agreement} votes for {bar.direction}, {PARAMETERS.votes_needed} needed"], votes)
    return Verdict(_contract(bar), [f"{agreement} votes for {bar.direction}"], votes)


def leave(holding: Holding) -> str | None:
    """The reason to exit on a later bar, None to stay."""
    if holding.gain >= PARAMETERS.take_profit:
        return "TAKE_PROFIT"
    if holding.gain <= PARAMETERS.stop_loss:
        return "STOP_LOSS"
    if (
        _agreement((agent(holding.bar) for agent in AGENTS), holding.position.direction)
        <= -PARAMETERS.votes_against_to_leave
    ):
        return "SIGNAL"
    return "TIME_LIMIT" if holding.bars_held >= PARAMETERS.bars_held else None


def _contract(bar: Bar) -> Contract:
    right, sign = ("C", 1) if bar.direction == "LONG" else ("P", -1)
    strike = nearest_strike(bar.close * (1 + sign * PARAMETERS.out_of_the_money))
    return Contract(bar.symbol, expiry_near(bar.timestamp.date(), PARAMETERS.days_to_expiry), right, strike)


def _agreement(votes: Iterable[int], direction: str) -> int:
    return sum(votes) if direction == "LONG" else -sum(votes)


def _sign(left: float, right: float) -> int:
    return (left > right) - (left < right)


STRATEGY = Strategy(
    engine="B",
    version="panel-1.0",
    parameters=asdict(PARAMETERS),
    decide=decide,
    leave=leave,
    quantity=PARAMETERS.contracts,
    target=FirstTarget(PARAMETERS.first_target, quantity=1),
    quotes_the_other_contract=False,
)

if __name__ == "__main__":
    main(STRATEGY)
