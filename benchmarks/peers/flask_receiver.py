"""A typical receiver: Flask, psycopg2 with a connection per thread, gunicorn with two times four threads.

Start: gunicorn -w 2 --threads 4 -k gthread --backlog 4096 --worker-connections 4096 benchmarks.peers.flask_receiver:app
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from flask import Flask, Response, jsonify, request
from psycopg2.pool import ThreadedConnectionPool

from benchmarks.alerts import SOURCE, TOKEN
from benchmarks.peers.statements import INSERT_DELIVERY, INSERT_SIGNAL

logging.basicConfig(level=logging.INFO)
app = Flask(__name__)
# As many at least as threads: what is above the least number is closed after every use.
pool = ThreadedConnectionPool(4, 8, os.environ["DATABASE_URL"])


@app.post("/webhook/<token>")
def webhook(token: str) -> tuple[Response, int]:
    """Check the token and the fields, store signal and delivery, answer."""
    if not hmac.compare_digest(token.encode(), TOKEN.encode()):
        return jsonify(error="unauthorized"), 401
    body = request.get_data()
    try:
        alert = json.loads(body)
        symbol, direction, timeframe = alert["symbol"], alert["direction"].upper(), alert["timeframe"]
        moment = datetime.fromisoformat(alert["timestamp"])
    except (ValueError, KeyError, AttributeError):
        return jsonify(error="bad alert"), 400
    if direction not in {"LONG", "SHORT"}:
        return jsonify(error="bad direction"), 400
    payload = json.dumps(alert, sort_keys=True)
    digest = hashlib.sha256(payload.encode()).hexdigest()
    signal_id = str(uuid5(NAMESPACE_URL, f"{symbol}:{direction}:{timeframe}:{moment}"))
    now = datetime.now(UTC)
    connection = pool.getconn()
    try:
        with connection, connection.cursor() as cursor:
            row = (signal_id, SOURCE, symbol, direction, timeframe, moment, alert.get("strategy", ""), digest)
            cursor.execute(INSERT_SIGNAL, (*row, payload, now))
            delivery = (now, SOURCE, request.remote_addr, request.content_type, body, digest, signal_id)
            cursor.execute(INSERT_DELIVERY, delivery)
    finally:
        pool.putconn(connection)
    app.logger.info("stored %s", signal_id)
    return jsonify(status="accepted", signal_id=signal_id, signal_hash=digest), 200
