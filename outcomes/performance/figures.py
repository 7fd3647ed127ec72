"""The figures of the report: ONE table, from which SQL, API answer, schema, page, CSV and demo are made.

To add a figure, add a row to FIGURES. Each row says how it follows from the sums of measures.py: in the database
(`sql`, over the joins in figures.sql) or from its row (`compute`); how it is written (`kind`), what it means, and why
it can be undefined. What is undefined is null with a reason, never 0 (R5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Any, LiteralString

from outcomes.core.statistics import money_text, normal_cdf, ratio_text, wilson_interval
from outcomes.performance.measures import COUNTS, PROVENANCES, SUMS

Row = Mapping[str, Any]


class Kind(Enum):
    """How a figure is written: counts as integers, every other number as decimal text."""

    COUNT = auto()
    # As many digits as a double has for certain, whatever number it is.
    MONEY = auto()  # to 15 significant digits or the cent
    TOTAL = auto()  # a sum of stored amounts: to the last digit
    RATIO = auto()  # to 15 significant digits
    SHARE = auto()  # 0 to 1, in percent on the page
    TALLY = auto()  # counts by name
    WORDS = auto()
    FLAG = auto()
    GROUP = auto()  # figures of its own: `parts`
    LIST = auto()  # any number of such groups


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, for every place that shows it."""

    name: str
    title: str  # on the page and in the demo
    kind: Kind
    definition: str
    unit: str = ""
    # Empty: `compute` makes it, or the column of its name is the figure.
    sql: LiteralString = ""
    compute: Callable[[Row], Any] | None = None
    why_undefined: Callable[[Row], str | None] | None = None  # None: the figure is never null, or says no reason
    nullable: bool = False  # may be null without a reason
    empty: Any = None  # without any outcome
    interval: bool = False  # two bounds instead of one number
    signed: bool = False  # on the page with its sign, so that gain and loss read without colour
    rests_on: str = ""  # the count shown beside it
    choices: tuple[str, ...] = ()  # of words
    parts: tuple[Figure, ...] = ()

    def value(self, row: Row) -> Any:
        """The exact value in a row of the database, None where undefined."""
        return self.compute(row) if self.compute else row[self.name]

    def written(self, value: Any) -> Any:
        """The value as the API answers it; None stays None."""
        if value is None:
            return None
        if self.interval:
            return [self._number(bound) for bound in value]
        if self.kind is Kind.GROUP:
            return present(self.parts, value)
        if self.kind is Kind.LIST:
            return [present(self.parts, each) for each in value]
        return self._number(value)

    def _number(self, value: Any) -> Any:
        if self.kind in (Kind.MONEY, Kind.TOTAL):
            # From a double's shortest digits: converted directly, 0.1 has fifty-five decimals.
            amount = value if isinstance(value, Decimal) else Decimal(repr(value))
            return money_text(amount, exact=self.kind is Kind.TOTAL)
        return ratio_text(value) if self.kind in (Kind.RATIO, Kind.SHARE) else value


def present(figures: Sequence[Figure], row: Row) -> dict[str, Any]:
    """These figures of a row as the API answers them, with the reason of each null in `undefined`."""
    shown = {figure.name: figure.written(figure.value(row)) for figure in figures}
    if any(figure.why_undefined for figure in figures):
        shown["undefined"] = {
            figure.name: figure.why_undefined(row)
            for figure in figures
            if figure.why_undefined and shown[figure.name] is None
        }
    return shown


CURRENCY = "currency of the report"

# Why a figure is undefined.

NO_TRADES = "no trades"


def _no_trades(row: Row) -> str:
    return NO_TRADES


def _no_wins(row: Row) -> str:
    return "no wins" if row["n"] else NO_TRADES


def _no_losses(row: Row) -> str:
    return "no losses" if row["n"] else NO_TRADES


def _no_spread(row: Row) -> str:
    if row["n"] == 0:
        return NO_TRADES
    return "only one trade" if row["n"] == 1 else "all trades have the same P&L"


def _no_daily_spread(row: Row) -> str:
    if row["n"] == 0:
        return NO_TRADES
    return "only one active day" if row["active_days"] == 1 else "all active days have the same P&L"


def _no_variance(row: Row) -> str:
    return _no_spread(row) if row["sharpe_per_trade"] is None else "the variance of the Sharpe ratio is not positive"


def _no_length(row: Row) -> str:
    sharpe = row["sharpe_per_trade"]
    return "the Sharpe ratio is not positive" if sharpe is not None and sharpe <= 0 else _no_variance(row)


def _bounds(row: Row) -> tuple[Decimal, Decimal]:
    return row["total"] - row["unpriced_risk"], row["total"] + row["unpriced_risk"]


FIGURES = (
    Figure(
        "n", "Trades (n)", Kind.COUNT, "priced trades; of the shadows those whose engine broke no rule",
        unit="trades", empty=0,
    ),
    Figure("wins", "Wins", Kind.COUNT, "pnl > 0", unit="trades", empty=0),
    Figure("losses", "Losses", Kind.COUNT, "pnl < 0", unit="trades", empty=0),
    Figure(
        "flats", "Flat trades", Kind.COUNT, "pnl = 0", unit="trades",
        sql="n - wins - losses", empty=0,
    ),
    Figure(
        "active_days", "Active days", Kind.COUNT, "dates in America/New_York with an exit",
        unit="days", sql="coalesce(active_days, 0)", empty=0,
    ),
    Figure(
        "win_rate", "Win rate", Kind.SHARE, "wins / n; flats stay in the denominator",
        unit="0 to 1", sql="wins / trades", why_undefined=_no_trades, rests_on="n",
    ),
    Figure(
        # Wilson's, because the textbook interval leaves 0 to 1 when trades are few, and is a point at 0 and 1.
        "win_rate_interval", "Win rate, 95% interval", Kind.SHARE,
        "Wilson score interval, 95 %, without continuity correction",
        unit="0 to 1", compute=lambda row: wilson_interval(row["wins"], row["n"]), why_undefined=_no_trades,
        interval=True, rests_on="n",
    ),
    Figure(
        "total_pnl", "Total P&L", Kind.TOTAL, "sum of P&L, net of fees",
        unit=CURRENCY, sql="totals.total", empty=Decimal(0), signed=True,
    ),
    Figure(
        "average_pnl", "Average P&L", Kind.MONEY, "total P&L / n",
        unit=CURRENCY, sql="totals.total / trades", why_undefined=_no_trades, signed=True, rests_on="n",
    ),
    Figure(
        # Of what was at risk by the referee's own sum, so that engines of different size compare.
        "average_r", "Average R", Kind.RATIO, "mean of P&L / capital at risk, over trades with capital at risk",
        unit="R", sql="total_r / nullif(at_risk, 0)",
        why_undefined=lambda row: "no capital at risk" if row["n"] else NO_TRADES, signed=True, rests_on="at_risk",
    ),
    Figure(
        "at_risk", "With capital at risk", Kind.COUNT, "trades behind the average R", unit="trades",
        empty=0,
    ),
    Figure(
        "average_win", "Average win", Kind.MONEY, "gross profit / wins",
        unit=CURRENCY, sql="gross_profit / nullif(wins, 0)", why_undefined=_no_wins, rests_on="wins",
    ),
    Figure(
        "average_loss", "Average loss", Kind.MONEY, "gross loss / losses, negative",
        unit=CURRENCY, sql="-gross_loss / nullif(losses, 0)", why_undefined=_no_losses, rests_on="losses",
    ),
    Figure(
        # Trades are not days: times the square root of 252 it would be no year's ratio.
        "sharpe_per_trade", "Sharpe ratio per trade", Kind.RATIO,
        "mean / sample standard deviation (n - 1), risk-free rate 0, not annualised",
        sql="sharpe", why_undefined=_no_spread, rests_on="n",
    ),
    Figure(
        "sharpe_daily", "Sharpe ratio, daily, annualised", Kind.RATIO,
        "P&L summed per exit date in America/New_York, active days only, mean / sample standard deviation x sqrt(252)",
        # PostgreSQL gives a root at least as many decimals as its argument has.
        sql="daily.pnl / (active_days * daily.sd) * sqrt(252.00000000000000000000)",
        why_undefined=_no_daily_spread, rests_on="active_days",
    ),
    Figure(
        # Over all n trades, as it is defined; over the losses alone, one rare loss would weigh as much as many.
        "sortino_per_trade", "Sortino ratio per trade", Kind.RATIO,
        "mean / sqrt(sum of squared losses / n), target 0, not annualised",
        sql="CASE WHEN n > 1 THEN totals.total / nullif(sqrt(trades * squared_losses), 0) END",
        why_undefined=lambda row: "only one trade" if row["n"] == 1 else _no_losses(row), rests_on="n",
    ),
    Figure(
        "max_drawdown", "Maximum drawdown", Kind.TOTAL,
        "largest fall of cumulative P&L from its peak, positive; the peak starts at 0",
        unit=CURRENCY, why_undefined=_no_trades,
    ),
    Figure(
        "profit_factor", "Profit factor", Kind.RATIO, "gross profit / gross loss",
        sql="gross_profit / nullif(gross_loss, 0)", why_undefined=_no_losses, rests_on="n",
    ),
    Figure(
        "payoff_ratio", "Payoff ratio", Kind.RATIO, "average win / absolute average loss",
        sql="CASE WHEN wins > 0 THEN gross_profit * losses / nullif(gross_loss * wins, 0) END",
        why_undefined=lambda row: _no_wins(row) if row["wins"] == 0 else _no_losses(row), rests_on="n",
    ),
    Figure(
        # Two conventions are about, with the variance at the observed ratio or at the one compared with; so it is
        # named.
        "psr", "Probability that Sharpe > 0", Kind.SHARE,
        "probability that the Sharpe ratio per trade exceeds 0 (Bailey and Lopez de Prado 2012), biased skew, "
        "non-excess kurtosis, variance at the observed ratio",
        unit="0 to 1", compute=lambda row: None if row["psr_z"] is None else normal_cdf(float(row["psr_z"])),
        why_undefined=_no_variance, rests_on="n",
    ),
    Figure(
        "min_track_record_length", "Trades needed for 95%", Kind.RATIO,
        "trades needed for a PSR of 95 % at the observed ratio and moments",
        unit="trades",
        sql="CASE WHEN variance_term > 0 AND sharpe > 0 "
        "THEN 1 + variance_term * (%(quantile)s / sharpe) * (%(quantile)s / sharpe) END",
        why_undefined=_no_length, rests_on="n",
    ),
    Figure(
        "unpriced", "Unpriced (left out)", Kind.COUNT, "closed trades whose exit nobody priced: in no other figure",
        unit="trades", empty=0,
    ),
    Figure(
        # Nobody knows what these earned; whoever stays silent about losers must not look better by it.
        "total_pnl_bounds", "Total P&L, unpriced included", Kind.TOTAL,
        "total P&L if every unpriced trade had lost all its capital at risk, and if it had gained as much",
        unit=CURRENCY, compute=_bounds, empty=(Decimal(0), Decimal(0)), interval=True, rests_on="unpriced",
    ),
    Figure(
        "amended", "Amended", Kind.COUNT, "trades whose result an accepted amendment has changed; the latest counts",
        unit="trades", empty=0,
    ),
    Figure(
        "violations", "Rule violations", Kind.COUNT,
        "priced trades whose engine broke a rule: of shadows in no other figure, of real trades in all",
        unit="trades", empty=0,
    ),
    Figure(
        "pending", "Pending", Kind.COUNT, "answers to open whose trade is open or may still be reported",
        unit="answers", empty=0,
    ),
    Figure(
        "never_opened", "Never opened", Kind.COUNT, "answers to open without a trade by the end of their time",
        unit="answers", empty=0,
    ),
    Figure("declined", "Declined", Kind.COUNT, "answers not to open", unit="answers", empty=0),
    Figure(
        "price_provenance", "Exit prices from", Kind.TALLY, "where the exit prices of the n trades came from",
        unit="trades", compute=lambda row: {name: row[column] for name, column in PROVENANCES.items() if row[column]},
        empty={},
    ),
)  # fmt: skip

# The row of an engine that has no outcome at all.
NO_OUTCOME: Row = (
    dict.fromkeys(COUNTS, 0)
    | dict.fromkeys(SUMS, Decimal(0))
    | {figure.name: figure.empty for figure in FIGURES}
    | {"psr_z": None}
)

# What holds for all figures; each figure's own definition joins them in the answer.
CONVENTIONS = {
    "currency": "filters.currency, that of the policy in force unless asked for: nothing is summed across currencies; "
    "P&L is net of fees and of closed trades only",
    "order": "by exit time, then trade id",
    "period": "since <= exit time < until; a pair belongs to its later exit; checks of assignment, "
    "completeness, and what brought no outcome, go by the time the experiment was created",
    "left_out": "UNPRICED outcomes are counted, never in a figure; so are shadows whose engine broke a rule; a real "
    "trade stays in its engine's figures whatever rule it broke",
    "own_exit": "shadows once more, as they would have left by their own rules; beside the synchronised result, never "
    "added to it",
    "phases": "stretches with the same policy version, and the same strategy version and rules of both engines; "
    "figures over several phases mix them",
    "win": "pnl > 0; flat: pnl = 0; loss: pnl < 0",
    "sharpe_daily_time_zone": "America/New_York",
    "numbers": "decimal text without exponent; sums exact, other numbers to 15 significant digits, money with at "
    "least two decimals; null where undefined, with the reason in `undefined`",
}
