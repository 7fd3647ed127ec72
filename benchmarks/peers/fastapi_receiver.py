"""The fastest usual receiver: FastAPI with pydantic, asyncpg with prepared statements, two uvicorn processes.

Start: uvicorn --workers 2 --loop uvloop --http httptools --no-access-log benchmarks.peers.fastapi_receiver:app
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import asyncpg
from fastapi import FastAPI, HTTPException, Request
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.alerts import SOURCE, TOKEN
from benchmarks.peers.statements import INSERT_DELIVERY, INSERT_SIGNAL, numbered

logging.basicConfig(level=logging.INFO)
log = logging.getLogger(__name__)
SIGNAL, DELIVERY = numbered(INSERT_SIGNAL), numbered(INSERT_DELIVERY)


class Alert(BaseModel):
    """An alert; members that are not named here are kept."""

    model_config = ConfigDict(extra="allow")
    symbol: str = Field(min_length=1, max_length=50)
    direction: Literal["long", "short"]
    timeframe: str
    timestamp: datetime
    strategy: str = ""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool for as long as the process serves."""
    # asyncpg does not read every form of URL that libpq does.
    address = conninfo_to_dict(os.environ["DATABASE_URL"])
    login = {name: address.get(name) for name in ("host", "port", "user", "password")}
    app.state.pool = await asyncpg.create_pool(**login, database=address["dbname"], min_size=4, max_size=8)
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.post("/webhook/{token}")
async def webhook(token: str, alert: Alert, request: Request) -> dict[str, Any]:
    """Check the token, store signal and delivery, answer."""
    if not hmac.compare_digest(token.encode(), TOKEN.encode()):
        raise HTTPException(401)
    body = await request.body()
    payload = json.dumps(alert.model_dump(mode="json"), sort_keys=True)
    digest = hashlib.sha256(payload.encode()).hexdigest()
    direction = alert.direction.upper()
    signal_id = uuid5(NAMESPACE_URL, f"{alert.symbol}:{direction}:{alert.timeframe}:{alert.timestamp}")
    now = datetime.now(UTC)
    row = (signal_id, SOURCE, alert.symbol, direction, alert.timeframe, alert.timestamp, alert.strategy, digest)
    address = ip_address(request.client.host) if request.client else None
    delivery = (now, SOURCE, address, request.headers["content-type"], body, digest, signal_id)
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await connection.execute(SIGNAL, *row, payload, now)
        await connection.execute(DELIVERY, *delivery)
    log.info("stored %s", signal_id)
    return {"status": "accepted", "signal_id": signal_id, "signal_hash": digest}
