r"""The engine API as one would write it for speed alone: FastAPI with pydantic, asyncpg with prepared statements.

It stores the rows that the product stores for an engine that does everything right, and checks little else: types,
keys, locks. Start: uvicorn --workers 2 --loop uvloop --http httptools --no-access-log \
    benchmarks.peers.fastapi_engines:app
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, Field

logging.basicConfig(level=logging.INFO)
log = logging.getLogger(__name__)
CALLS = {path.stem: path.read_text() for path in Path(__file__).with_name("engine_calls").glob("*.sql")}
OPEN = {kind: CALLS["open"].replace("/* kind */", kind.lower()) for kind in ("REAL", "SHADOW")}
# "key A,key B", as they stand in the product's database.
ENGINES = dict(zip((f"Api-Key {key}" for key in os.environ["ENGINE_KEYS"].split(",")), "AB", strict=True))


class Heartbeat(BaseModel):
    """An engine that is there."""

    engine_version: str = Field(max_length=100)
    rules_hash: str = Field(pattern="^[0-9a-f]{64}$")


class Claim(BaseModel):
    """How much work, and for how long."""

    limit: int = Field(10, ge=1, le=100)
    lease_seconds: int = Field(60, ge=1, le=3600)
    wait_seconds: float = 0


class Leg(BaseModel):
    """One leg of a plan or of a trade."""

    instrument: str = Field(max_length=64)
    side: Literal["LONG", "SHORT"]
    ratio: int = Field(1, ge=1, le=1000)
    entry_price: Decimal | None = None


class Plan(BaseModel):
    """What would be traded."""

    legs: list[Leg] = Field(min_length=1, max_length=4)
    quantity: Decimal = Field(gt=0)
    multiplier: Decimal = Field(gt=0)
    currency: str
    risk_amount: Decimal


class Answer(BaseModel):
    """A recommendation."""

    experiment_id: UUID
    context_hash: str
    action: Literal["OPEN"]
    strategy_version: str
    rules_hash: str
    plan: Plan
    recommendation: dict[str, Any]


class Quote(BaseModel):
    """A quote as an engine saw it."""

    bid: Decimal
    ask: Decimal
    quote_time: datetime


class Trade(BaseModel):
    """A trade that was opened."""

    experiment_id: UUID
    kind: Literal["REAL", "SHADOW"]
    legs: list[Leg]
    quantity: Decimal
    multiplier: Decimal
    entry_price: Decimal
    entry_time: datetime
    fees: Decimal
    price_provenance: str
    entry_quotes: dict[str, Quote]


class FillLeg(BaseModel):
    """One execution."""

    instrument: str
    effect: Literal["OPEN", "CLOSE"]
    side: Literal["LONG", "SHORT"]
    quantity: Decimal = Field(gt=0)
    price: Decimal


class Fill(BaseModel):
    """A fill of an open trade."""

    fill_ref: str
    time: datetime
    legs: list[FillLeg]
    fees: Decimal
    reason: str
    market_conditions: dict[str, dict[str, Quote]]


class Exit(BaseModel):
    """How all that is left was closed."""

    exit_time: datetime
    exit_price: Decimal
    exit_reason: str
    fees: Decimal
    market_conditions: dict[str, dict[str, Quote]]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool for as long as the process serves."""
    # asyncpg does not read every form of URL that libpq does.
    address = conninfo_to_dict(os.environ["DATABASE_URL"])
    login = {name: address.get(name) for name in ("host", "port", "user", "password")}
    app.state.pool = await asyncpg.create_pool(**login, database=address["dbname"], min_size=4, max_size=8)
    yield
    await app.state.pool.close()


def engine_of(authorization: Annotated[str, Header()]) -> str:
    """Whose key it is."""
    if authorization not in ENGINES:
        raise HTTPException(401)
    return ENGINES[authorization]


app = FastAPI(lifespan=lifespan)
Engine = Annotated[str, Depends(engine_of)]


@app.post("/api/v1/heartbeat")
async def heartbeat(engine: Engine, body: Heartbeat) -> dict[str, Any]:
    """Mark the engine available."""
    row = await app.state.pool.fetchrow(CALLS["heartbeat"], engine, body.engine_version, body.rules_hash)
    return dict(row)


@app.post("/api/v1/assignments/claim")
async def claim(engine: Engine, body: Claim) -> dict[str, Any]:
    """Lease the oldest open work."""
    rows = await app.state.pool.fetch(CALLS["claim"], engine, body.limit, body.lease_seconds, uuid4())
    return {"assignments": [_assignment(row) for row in rows]}


def _assignment(row: asyncpg.Record) -> dict[str, Any]:
    context = json.loads(row["context"])
    return dict(row) | {"context": None, "market_context": context, "signal": context["signal"]}


@app.post("/api/v1/recommendations", status_code=201)
async def recommend(engine: Engine, body: Answer) -> dict[str, Any]:
    """Store the answer and reveal the role."""
    plan, text = body.plan.model_dump_json(), json.dumps(body.recommendation)
    row = await app.state.pool.fetchrow(
        CALLS["recommend"],
        *(body.experiment_id, engine, body.context_hash, body.strategy_version, body.rules_hash, text, plan),
        _hash(body.model_dump_json()),
    )
    if row is None:
        raise HTTPException(409)
    log.info("recommended %s %s", body.experiment_id, engine)
    return dict(row) | {"experiment_id": body.experiment_id, "engine": engine, "action": "OPEN"}


@app.post("/api/v1/permits/{experiment_id}/confirm")
async def confirm(engine: Engine, experiment_id: UUID) -> dict[str, Any]:
    """Whether the real order may go out."""
    row = await app.state.pool.fetchrow(CALLS["confirm"], experiment_id, engine)
    if row is None:
        raise HTTPException(409)
    log.info("confirmed %s", experiment_id)
    return dict(row)


@app.post("/api/v1/trades", status_code=201)
async def trade(engine: Engine, body: Trade) -> dict[str, Any]:
    """Store a trade with its entry."""
    trade_id = uuid5(NAMESPACE_URL, f"{body.experiment_id}:{engine}:{body.kind}")
    legs = [
        {"instrument": leg.instrument, "effect": "OPEN", "side": leg.side, "quantity": str(body.quantity * leg.ratio)}
        | {"price": str(body.entry_price)}
        for leg in body.legs
    ]
    quotes = json.dumps({name: quote.model_dump(mode="json") for name, quote in body.entry_quotes.items()})
    reported = json.dumps([leg.model_dump(mode="json") for leg in body.legs])
    row = await app.state.pool.fetchrow(
        OPEN[body.kind],
        *(trade_id, body.experiment_id, engine, reported, body.quantity, body.multiplier, quotes, body.entry_time),
        *(body.fees, body.price_provenance, _hash(body.model_dump_json()), body.entry_price, json.dumps(legs)),
    )
    log.info("opened %s", trade_id)
    return dict(row) | {"kind": body.kind, "experiment_id": body.experiment_id, "engine": engine}


@app.post("/api/v1/trades/{trade_id}/fills", status_code=201)
async def fill(engine: Engine, trade_id: UUID, body: Fill) -> dict[str, Any]:
    """Book a fill, and the shadow's share of it."""
    legs = [leg.model_dump(mode="json") for leg in body.legs]
    async with app.state.pool.acquire() as connection, connection.transaction():
        read = await connection.fetchrow(CALLS["read_trade"], trade_id, engine)
        if read is None:
            raise HTTPException(404)
        await _book(connection, read, body, Booked(trade_id, body.fill_ref, body.time, body.reason, legs))
    log.info("filled %s", trade_id)
    return _books(read) | {"trade_id": trade_id, "kind": "REAL", "status": "OPEN"}


@app.post("/api/v1/trades/{trade_id}/exit")
async def leave(engine: Engine, trade_id: UUID, body: Exit) -> dict[str, Any]:
    """Close what is left of the trade and of its shadow."""
    async with app.state.pool.acquire() as connection, connection.transaction():
        read = await connection.fetchrow(CALLS["read_trade"], trade_id, engine)
        if read is None:
            raise HTTPException(404)
        books = _books(read)
        closing = {"effect": "CLOSE", "quantity": str(books["left"]), "price": str(body.exit_price)}
        legs = [leg | closing for leg in books["legs"]]
        hashed = await _book(connection, read, body, Booked(trade_id, "exit", body.exit_time, body.exit_reason, legs))
        fees = books["fees"] + body.fees
        gross = (body.exit_price * books["left"] + books["proceeds"] - read["entry_price"] * read["quantity"]) * 100
        await connection.execute(
            CALLS["close"],
            *(trade_id, body.exit_price, body.exit_time, fees, body.exit_reason, hashed),
            *(read["shadow_id"], body.exit_price, gross, fees, gross, fees),
        )
    log.info("closed %s", trade_id)
    return books | {"trade_id": trade_id, "kind": "REAL", "status": "CLOSED", "pnl": gross - fees}


@dataclass(frozen=True)
class Booked:
    """One more closing fill of a trade."""

    trade_id: UUID
    ref: str
    time: datetime
    reason: str
    legs: list[Any]


async def _book(connection: Any, read: Any, body: Fill | Exit, fill: Booked) -> str:
    """Store the fill and the shadow's share; the hash of the conditions."""
    conditions = json.dumps(body.model_dump(mode="json")["market_conditions"])
    hashed, legs, left = _hash(conditions), json.dumps(fill.legs), _books(read)["left"]
    closed = sum((Decimal(leg["quantity"]) for leg in fill.legs), Decimal(0))
    count = len(json.loads(read["fills"]))
    await connection.execute(
        CALLS["fill"],
        *(fill.trade_id, read["experiment_id"], read["engine"], count + 1, fill.ref, fill.time, legs, body.fees),
        *(fill.reason, conditions, hashed, _hash(body.model_dump_json()), closed, left, closed == left),
        *(read["shadow_engine"], read["shadow_id"], legs),
    )
    return hashed


def _books(read: Any) -> dict[str, Any]:
    """What is left of the trade, what the closed part brought, and its fees."""
    fills = json.loads(read["fills"], parse_float=Decimal)
    closing = [leg for one in fills[1:] for leg in one["legs"]]
    left = read["quantity"] - sum(Decimal(leg["quantity"]) for leg in closing)
    proceeds = sum((Decimal(leg["quantity"]) * Decimal(leg["price"]) for leg in closing), Decimal(0))
    fees = sum((Decimal(one["fees"]) for one in fills), Decimal(0))
    return {"left": left, "proceeds": proceeds, "fees": fees, "legs": fills[0]["legs"], "fills": fills}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
