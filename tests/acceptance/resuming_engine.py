"""An engine that forgets everything when it dies, as a process: `resuming_engine.py URL FOLDER [CALL before|after]`.

In the folder lie its broker's books, in which an order bears the experiment's id. All else it asks the orchestrator:
what it has answered and not opened by `GET recommendations`, what it has told by `GET trades`, what it has to follow by
`GET exit-directives`. Its key is in ORCHESTRATOR_API_KEY. With a call's name it kills itself there: before the call
goes out, or when the answer has come and nobody has read it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CALL = "XYZ   271217C00100000"
RULES_HASH = "a" * 64
PLAN = {
    "legs": [{"instrument": CALL, "side": "LONG", "ratio": 1}],
    "quantity": "2",
    "multiplier": "100",
    "currency": "USD",
    "risk_amount": "400",
}
# Bid and ask when it enters, takes a part of its profit, and leaves.
MARKET = {"entry": ("1.95", "2.00"), "part": ("2.45", "2.50"), "exit": ("2.90", "3.00")}


class Broker:
    """Fills at once, and knows its orders by the id that the engine gives them, across any crash of the engine."""

    def __init__(self, folder: Path) -> None:
        self._book = folder / "broker.json"
        self.fills: dict[str, dict[str, str]] = json.loads(self._book.read_text()) if self._book.exists() else {}

    def order(self, name: str, price: str) -> dict[str, str]:
        """The fill of this order; an order that is known is not sent again."""
        if name not in self.fills:
            self.fills[name] = {"price": price, "time": _now()}
            written = self._book.with_suffix(".new")
            written.write_text(json.dumps(self.fills))
            written.replace(self._book)
        return self.fills[name]


class Engine:
    """One life of the engine."""

    def __init__(self, url: str, folder: Path, dies_at: str = "", when: str = "") -> None:
        self._address = urlsplit(url)
        self._broker = Broker(folder)
        self._dies_at, self._when = dies_at, when

    def live(self) -> None:
        """Take up what is there, new or old, and bring it to where the market is."""
        self._call("heartbeat", "POST", "heartbeat", {"engine_version": "1", "rules_hash": RULES_HASH})
        answered = self._call("look", "GET", "recommendations")["recommendations"]
        trades = self._call("look", "GET", "trades")["trades"]
        # A lease that nobody answers under ends soon; whoever has answered waits for nothing.
        wanted = {"limit": 5, "lease_seconds": 2, "wait_seconds": 0 if answered or trades else 5}
        for work in self._call("claim", "POST", "assignments/claim", wanted)["assignments"]:
            self._call("renew", "POST", f"assignments/{work['experiment_id']}/renew", {"lease_seconds": 2})
            answered.append(self._answer(work))
        trades += [self._open(answer["experiment_id"], answer["role"]) for answer in answered]
        for trade in trades:
            if trade["kind"] == "REAL":
                self._sell(trade)
            elif trade.get("own_exit") is None:
                self._leave_by_itself(trade)
        for directive in self._call("look", "GET", "exit-directives")["exit_directives"]:
            step = "part" if len(self._trade(directive["trade_id"])["fills"]) == 1 else "exit"
            quotes = {CALL: _quote(step, directive["exit_time"])}
            self._call("follow", "POST", f"exit-directives/{directive['id']}/report", {"quotes": quotes})

    def _answer(self, work: dict[str, Any]) -> dict[str, Any]:
        answer = {
            "experiment_id": work["experiment_id"],
            "context_hash": work["context_hash"],
            "action": "OPEN",
            "strategy_version": "1",
            "rules_hash": RULES_HASH,
            "plan": PLAN,
            "recommendation": {"why": "It rises."},
        }
        return self._call("answer", "POST", "recommendations", answer)

    def _open(self, experiment_id: str, role: str) -> dict[str, Any]:
        fill = {"price": MARKET["entry"][1], "time": _now()}
        if role == "REAL":
            if f"buy {experiment_id}" not in self._broker.fills:
                self._call("confirm", "POST", f"permits/{experiment_id}/confirm", {})
            fill = self._broker.order(f"buy {experiment_id}", fill["price"])
        report = {
            "experiment_id": experiment_id,
            "kind": role,
            "legs": [{"instrument": CALL, "side": "LONG", "ratio": 1, "entry_price": fill["price"]}],
            "quantity": PLAN["quantity"],
            "multiplier": PLAN["multiplier"],
            "entry_time": fill["time"],
            "price_provenance": "BROKER_FILL" if role == "REAL" else "OWN_FEED_QUOTE",
            "entry_quotes": {CALL: _quote("entry", fill["time"])},
        }
        return self._call("open", "POST", "trades", report)

    def _sell(self, trade: dict[str, Any]) -> None:
        """Half at the first target, the rest at the second; what has been told is not told again."""
        told = {fill["fill_ref"] for fill in trade["fills"]}
        part = self._broker.order(f"part {trade['experiment_id']}", MARKET["part"][0])
        if "part" not in told:
            leg = {"instrument": CALL, "effect": "CLOSE", "side": "LONG", "quantity": "1", "price": part["price"]}
            report = {"fill_ref": "part", "time": part["time"], "legs": [leg], "reason": "TAKE_PROFIT"}
            self._call("fill", "POST", f"trades/{trade['trade_id']}/fills", report)
        rest = self._broker.order(f"rest {trade['experiment_id']}", MARKET["exit"][0])
        if trade["status"] == "OPEN":
            report = {"exit_time": rest["time"], "exit_price": rest["price"], "exit_reason": "TAKE_PROFIT"}
            self._call("exit", "POST", f"trades/{trade['trade_id']}/exit", report)

    def _leave_by_itself(self, trade: dict[str, Any]) -> None:
        now = _now()
        seen = {"quotes": {CALL: _quote("exit", now)}}
        report = {"exit_time": now, "exit_reason": "TIME_LIMIT", "market_conditions": seen}
        self._call("own exit", "POST", f"trades/{trade['trade_id']}/exit", report)

    def _trade(self, trade_id: str) -> dict[str, Any]:
        return self._call("look", "GET", f"trades/{trade_id}")

    def _call(self, name: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        dies = name == self._dies_at
        if dies and self._when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=20)
        headers = {
            "Authorization": f"Api-Key {os.environ['ORCHESTRATOR_API_KEY']}",
            "Content-Type": "application/json",
        }
        connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
        if dies:
            connection.sock.recv(1, socket.MSG_PEEK)
            os.kill(os.getpid(), signal.SIGKILL)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        connection.close()
        if response.status >= 300:
            raise SystemExit(f"{name}: {answer}")
        return answer


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _quote(step: str, moment: str) -> dict[str, str]:
    bid, ask = MARKET[step]
    return {"bid": bid, "ask": ask, "quote_time": moment}


if __name__ == "__main__":
    Engine(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]).live()
