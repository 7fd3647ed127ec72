"""A notebook over the analysts' views: which engine did better on the same signals, and where.

    export ANALYST_DATABASE_URL="$(.venv/bin/python manage.py analyst_role create notebook)"
    .venv/bin/marimo edit examples/notebook/pairs.py      # in the browser
    .venv/bin/python examples/notebook/pairs.py           # as a script

It is an example to start from, not a verdict: `docs/verdict.md` says why looking until something shows up is none.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Pairs, A minus B")


@app.cell
def _():
    import os

    import marimo as mo
    import psycopg
    from psycopg.rows import dict_row

    session = psycopg.connect(os.environ["ANALYST_DATABASE_URL"], row_factory=dict_row)
    return mo, session


@app.cell
def _(session):
    # A pair with a broken rule, and one without a P&L of both engines, are none of the comparison.
    pairs = session.execute(
        "SELECT exit_time, symbol, timeframe, direction, currency, pnl, r, a_pnl, b_pnl FROM pairs"
        " WHERE kind = 'paired' AND NOT left_out AND pnl IS NOT NULL ORDER BY exit_time"
    ).fetchall()
    return (pairs,)


@app.cell
def _(mo, pairs):
    from collections import defaultdict
    from statistics import mean

    by_currency = defaultdict(list)
    for pair in pairs:
        by_currency[pair["currency"]].append(pair["pnl"])
    means = [(currency, len(found), mean(found)) for currency, found in sorted(by_currency.items())]
    # Every digit for a script, cents for the eye.
    for currency, count, difference in means:
        print(f"A - B is {difference} {currency} on average over {count} pairs.")
    said = [
        f"A - B is **{difference:+,.2f} {currency}** on average over {count} pairs."
        for currency, count, difference in means
    ]
    mo.md("\n\n".join(["# Pairs, A minus B", *(said or ["There are no pairs yet."])]))
    return defaultdict, mean


@app.cell
def _(defaultdict, mean, mo, pairs):
    by_symbol = defaultdict(list)
    for each in pairs:
        if each["r"] is not None:
            by_symbol[each["symbol"]].append(each["r"])
    table = [
        {"symbol": symbol, "pairs": len(found), "mean of A - B in R": f"{mean(found):.3f}"}
        for symbol, found in sorted(by_symbol.items())
    ]
    mo.ui.table(table)


@app.cell
def _(mo, pairs):
    from itertools import accumulate

    # In R, which adds up over currencies; and a line of our own, for no more packages than the product has.
    sums = [float(total) for total in accumulate(pair["r"] for pair in pairs if pair["r"] is not None)]
    low, high = min(sums, default=0.0), max(sums, default=0.0)
    points = " ".join(
        f"{600 * place / max(len(sums) - 1, 1):.1f},{180 - 160 * (value - low) / (high - low or 1):.1f}"
        for place, value in enumerate(sums)
    )
    title = f"A - B added up over {len(sums)} pairs, between {low:+.2f} and {high:+.2f} R"
    mo.Html(
        f'<figure><figcaption>{title}</figcaption><svg viewBox="0 0 600 200" role="img" aria-label="{title}">'
        f'<polyline points="{points}" fill="none" stroke="currentColor"/></svg></figure>'
    )


if __name__ == "__main__":
    app.run()
