"""The workers of both engines as one process: claim, recommend, confirm, trade, fill and exit, over kept connections.

`python -m benchmarks.engine_driver --port 8000 --key-a ... --key-b ...` works off all that is distributed, then prints
as JSON the seconds it took, the trips it made (one engine through one signal) and every call's waiting time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

RULES_HASH = "a" * 64
CONTRACT = "SYM1  281215C00100000"
# Two contracts for 1.39 each; one of them leaves by a fill, the other by the exit.
PRICE, RISK = "1.39", "278"
CLAIM = {"limit": 10, "lease_seconds": 600, "wait_seconds": 0}
LEG = {"instrument": CONTRACT, "side": "LONG", "ratio": 1}
PLAN = {"legs": [LEG], "quantity": "2", "multiplier": "100", "currency": "USD", "risk_amount": RISK}


@dataclass
class Run:
    """What all workers share: the clock of the trips, the shadows that are open, what was measured."""

    per_second: float
    until: float
    started: float = field(default_factory=time.perf_counter)
    begun: int = 0
    trips: int = 0
    retries: int = 0
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    shadows: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    async def turn(self) -> None:
        """Wait until the next trip is due; at once when no rate is asked for."""
        if self.per_second:
            due = self.started + self.begun / self.per_second
            self.begun += 1
            await asyncio.sleep(max(due - time.perf_counter(), 0))


class Worker:
    """One worker of an engine on a connection of its own."""

    def __init__(self, run: Run, port: int, key: str) -> None:
        self.run, self.port = run, port
        self.head = (
            "POST /api/v1/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Api-Key {key}\r\nContent-Length: %d\r\n\r\n"
        )

    async def work(self) -> None:
        """Work until nothing is distributed any more, or the time is over."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while time.perf_counter() < self.run.until:
                heartbeat = {"engine_version": "1", "rules_hash": RULES_HASH}
                await self.call("heartbeat", "heartbeat", heartbeat)
                assignments = (await self.call("claim", "assignments/claim", CLAIM))["assignments"]
                if not assignments:
                    return
                trades = [await self.enter(assignment) for assignment in assignments]
                for experiment_id, trade in trades:
                    if trade["kind"] == "REAL":
                        await self.leave(experiment_id, trade["trade_id"])
                    self.run.trips += 1
        finally:
            self.writer.close()

    async def enter(self, assignment: dict[str, Any]) -> tuple[str, Any]:
        """Recommend, and trade in the role that comes back; a real trade once its permit is confirmed."""
        await self.run.turn()
        experiment_id = assignment["experiment_id"]
        answer = await self.call(
            "recommend",
            "recommendations",
            {
                "experiment_id": experiment_id,
                "context_hash": assignment["context_hash"],
                "action": "OPEN",
                "strategy_version": "1",
                "rules_hash": RULES_HASH,
                "plan": PLAN,
                "recommendation": {"buy": "a call", "confidence": 0.71},
            },
        )
        role, at = answer["role"], answer["recommended_at"]
        if role == "REAL":
            await self.call("confirm", f"permits/{experiment_id}/confirm", {})
            at = instant()
        trade = await self.call(
            "trade",
            "trades",
            {
                "experiment_id": experiment_id,
                "kind": role,
                "legs": [LEG | {"entry_price": PRICE}],
                "quantity": "2",
                "multiplier": "100",
                "entry_price": PRICE,
                "entry_time": at,
                "fees": "1.30",
                "price_provenance": "BROKER_FILL" if role == "REAL" else "OWN_FEED_QUOTE",
                "entry_quotes": {CONTRACT: {"bid": "1.35", "ask": PRICE, "quote_time": at}},
            },
        )
        if role == "SHADOW":
            self.run.shadows[experiment_id].set()
        return experiment_id, trade

    async def leave(self, experiment_id: str, trade_id: str) -> None:
        """Close one contract by a fill and the other by the exit, once the shadow that follows is there."""
        await self.run.shadows[experiment_id].wait()
        at = instant()
        leg = {"instrument": CONTRACT, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": "1.50"}
        fill = {"fill_ref": "half", "time": at, "legs": [leg], "fees": "0.65", "reason": "TAKE_PROFIT"}
        await self.call("fill", f"trades/{trade_id}/fills", fill | {"market_conditions": _quoted(at)})
        at = instant()
        leaving = {"exit_time": at, "exit_price": "1.50", "exit_reason": "TAKE_PROFIT", "fees": "0.65"}
        await self.call("exit", f"trades/{trade_id}/exit", leaving | {"market_conditions": _quoted(at)})

    async def call(self, name: str, path: str, body: dict[str, Any]) -> Any:
        """Send one call and return its answer, if need be again; an error ends the measurement with what was said."""
        text = json.dumps(body).encode()
        started = time.perf_counter()
        while True:
            self.writer.write((self.head % (path, len(text))).encode() + text)
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            answer = await self.reader.readexactly(length)
            if (status := head[9:12]) not in (b"429", b"503"):
                break
            self.run.retries += 1
            await asyncio.sleep(0.1)
        self.run.seconds[name].append(time.perf_counter() - started)
        if status not in (b"200", b"201"):
            raise RuntimeError(f"{name}: {status.decode()} {answer.decode()}")
        return json.loads(answer)


def instant() -> str:
    """The present time as engines write it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _quoted(at: str) -> dict[str, Any]:
    return {"quotes": {CONTRACT: {"bid": "1.50", "ask": "1.54", "quote_time": at}}}


async def drive(port: int, keys: tuple[str, str], workers: int, per_second: float, seconds: float) -> Run:
    """Let that many workers of each engine work, and return what they measured."""
    run = Run(per_second, time.perf_counter() + seconds)
    async with asyncio.TaskGroup() as group:
        for key in keys:
            for _ in range(workers):
                group.create_task(Worker(run, port, key).work())
    return run


def main() -> None:
    """Run the workers and print what they measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-a", required=True)
    parser.add_argument("--key-b", required=True)
    parser.add_argument("--workers", type=int, default=1, help="of each engine")
    parser.add_argument("--per-second", type=float, default=0.0, help="trips begun a second; 0 for as fast as it goes")
    parser.add_argument("--seconds", type=float, default=600.0, help="claim nothing after this time")
    options = parser.parse_args()
    keys = (options.key_a, options.key_b)
    run = asyncio.run(drive(options.port, keys, options.workers, options.per_second, options.seconds))
    duration = time.perf_counter() - run.started
    print(json.dumps({"duration": duration, "trips": run.trips, "retries": run.retries, "seconds": run.seconds}))


if __name__ == "__main__":
    main()
