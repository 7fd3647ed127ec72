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
    sentences = [
        f"A - B is {mean(found)} {currency} on average over {len(found)} pairs."
        for currency, found in sorted(by_currency.items())
    ] or ["There are no pairs yet."]
    print("\n".join(sentences))
    mo.md("# Pairs, A minus B\n\n" + "\n\n".join(sentences))
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

    # A line of its own: no more packages than the product has.
    sums = [float(total) for total in accumulate(pair["pnl"] for pair in pairs)]
    low, high = min(sums, default=0.0), max(sums, default=0.0)
    points = " ".join(
        f"{600 * place / max(len(sums) - 1, 1):.1f},{180 - 160 * (value - low) / (high - low or 1):.1f}"
        for place, value in enumerate(sums)
    )
    mo.Html(
        f'<svg viewBox="0 0 600 200" role="img" aria-label="A minus B, added up over {len(sums)} pairs">'
        f'<polyline points="{points}" fill="none" stroke="currentColor"/></svg>'
    )


if __name__ == "__main__":
    app.run()
