"""What a block logs is written at its end, in one go."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from kernel.event_lines import lines_together
from kernel.events import CONTEXT_CAPTURED, SIGNAL_REJECTED
from orchestrator_site.log_format import FinishedLines

CAPTURED: dict[str, Any] = {"signal_id": "s", "context_hash": "c"}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are written, as the handler of reports formats them."""
    texts: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(self.format(record))

    handler = Kept()
    handler.setFormatter(FinishedLines("%(message)s"))
    monkeypatch.setattr(logging.getLogger("orchestrator.reports"), "handlers", [handler])
    return texts


def test_the_lines_of_a_block_are_written_at_its_end(written: list[str]) -> None:
    with lines_together():
        CONTEXT_CAPTURED.log(**CAPTURED)
        with lines_together():
            CONTEXT_CAPTURED.log(**CAPTURED | {"signal_id": "t"})
        assert written == []

    (text,) = written
    lines = [json.loads(line) for line in text.split("\n")]
    assert [line["signal_id"] for line in lines] == ["s", "t"]
    assert {"event": "context.captured", "level": "info", "logger": "orchestrator"}.items() <= lines[0].items()


def test_what_was_logged_before_an_error_is_written(written: list[str]) -> None:
    def fail() -> None:
        with lines_together():
            CONTEXT_CAPTURED.log(**CAPTURED)
            raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        fail()

    assert len(written) == 1


def test_outside_of_a_block_and_above_info_each_line_goes_by_itself(written: list[str]) -> None:
    CONTEXT_CAPTURED.log(**CAPTURED)
    with lines_together():
        SIGNAL_REJECTED.log(source="s", code="c")

    assert written == []


def test_a_field_that_is_not_declared_cannot_be_logged(written: list[str]) -> None:
    with lines_together(), pytest.raises(TypeError, match=r"context\.captured takes"):
        CONTEXT_CAPTURED.log(signal_id="s")

    assert written == []


def test_a_token_in_a_line_is_masked(written: list[str]) -> None:
    token = "a-token-of-a-webhook"
    with lines_together():
        CONTEXT_CAPTURED.log(signal_id=f"https://desk/webhooks/tradingview/{token}", context_hash="c")
        CONTEXT_CAPTURED.log(**CAPTURED)

    assert token not in written[0]
    assert "***" in written[0]
    assert len(written[0].split("\n")) == 2
