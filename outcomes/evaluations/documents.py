"""Reads: an evaluation as API, page and command show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from kernel.canonical import document_hash
from kernel.values import day_text, decimal_text, figure_text, format_timestamp
from outcomes.core.beside import figures_beside, mean_per_signal
from outcomes.core.blocks import are_dependent
from outcomes.core.evaluation import ENOUGH_HISTORY, OWN_EXIT
from outcomes.core.evidence import RUNNING
from outcomes.core.judging import BEYOND_L, DEPENDENT_BLOCKS, MISSING_PRICES, JudgedBlock, misses_too_much
from outcomes.core.sentences import (
    DRIFT,
    FLAGS,
    HOLD_EXCEEDED,
    NO_HISTORY,
    NOT_SEPARABLE,
    REVERSED,
    Spoken,
    sentence,
    state_of_verdict,
)
from outcomes.core.statistics import SAMPLE_RATIO_ALARM, sample_ratio_evidence
from outcomes.evaluations.judging import assigned_since, block_of_row, look, slices_of
from outcomes.models import Evaluation, EvaluationBlock, EvaluationExits, EvaluationRun, Recommendation
from outcomes.services.case import database_time

# Of the first block's signals: the answers to any of them tell the strategies of the phase.
MOST_ASKED = 100
NOTHING: dict[str, Any] = {
    "e_a": "1.0", "e_b": "1.0", "interval": [None, None], "drift": False, "verdict": RUNNING, "at_block": None,
    "since": None, "reversed": False, "beyond_l": [], "retired": {"a": 0, "b": 0},
}  # fmt: skip


def evaluations() -> QuerySet[Evaluation]:
    """All, newest first."""
    return Evaluation.objects.select_related("approval", "run").order_by("-id")


def summary_document(evaluation: Evaluation) -> dict[str, Any]:
    """One line of a list."""
    run: EvaluationRun | None = getattr(evaluation, "run", None)
    return {
        "name": evaluation.name,
        "note": evaluation.note,
        "state": evaluation.state,
        "attempt": run.attempt if run else None,
        "content_hash": evaluation.content_hash,
        "created_by": evaluation.created_by,
        "created_at": evaluation.created_at,
        "verdict": verdict_of(run) if run else None,
    }


def verdict_of(run: EvaluationRun) -> str:
    """The verdict that stands."""
    last = _judged_rows(run).last()
    is_concluded = run.concluded_at is not None
    if last is not None:
        return state_of_verdict(last.judgement["verdict"], is_concluded=is_concluded, compared=1, decided=1)
    variants, _ = _assigned(run, [])
    return state_of_verdict(RUNNING, is_concluded=is_concluded, compared=0, decided=sum(variants.values()))


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Everything about one evaluation (contract 8.2); doubles to their last digit as text."""
    content = evaluation.plan.document()
    run: EvaluationRun | None = getattr(evaluation, "run", None)
    head = {"content": content, "content_hash": evaluation.content_hash, "state": evaluation.state}
    if run is None:
        nothing: dict[str, Any] = {
            "attempt": None, "earlier": [], "verdict": None, "at_block": None, "sentence": "It has not been started.",
            "flags": [],
            "evidence": None, "since": None, "interval": None, "phase": None, "blocks": [], "counts": {}, "beside": {},
        }  # fmt: skip
        document = head | nothing
        return document | {"waits": None, "report_hash": document_hash(document)}
    document = head | _run_document(evaluation, run)
    # Of what was judged alone: what it waits for changes by the hour.
    return document | {"waits": waits_document(run), "report_hash": document_hash(document)}


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the judged blocks of a run come to."""

    rows: list[EvaluationBlock]
    blocks: list[JudgedBlock]
    judgement: dict[str, Any]
    variants: Counter[str]
    counts: dict[str, Any]
    verdict: str

    @classmethod
    def of(cls, run: EvaluationRun) -> _Judged:
        """As of now."""
        rows = list(_judged_rows(run))
        judgement = rows[-1].judgement if rows else NOTHING
        variants, late = _assigned(run, rows)
        decided = sum(variants.values())
        counts = _counts(rows, decided, late)
        verdict = state_of_verdict(
            judgement["verdict"],
            is_concluded=run.concluded_at is not None,
            compared=counts["compared"],
            decided=decided,
        )
        return cls(rows, [block_of_row(row) for row in rows], judgement, variants, counts, verdict)


def flags_of(run: EvaluationRun) -> list[str]:
    """The reservations that its verdict has, as its document names them."""
    judged = _Judged.of(run)
    return _flags(run, judged.blocks, judged.judgement, judged.verdict, judged.counts)


def _run_document(evaluation: Evaluation, run: EvaluationRun) -> dict[str, Any]:
    judged = _Judged.of(run)
    rows, blocks, judgement, verdict = judged.rows, judged.blocks, judged.judgement, judged.verdict
    at_block = judgement["at_block"] or (len(rows) if run.concluded_at is not None and rows else None)
    standing = rows[at_block - 1].judgement if at_block else judgement
    flags = _flags(run, blocks, judgement, verdict, judged.counts)
    interval = None if judgement["drift"] else judgement["interval"]
    earlier = EvaluationRun.objects.filter(attempt__lt=run.attempt).select_related("evaluation").order_by("attempt")
    attempts = [(other.evaluation.name, verdict_of(other)) for other in earlier]
    said = Spoken(
        plan=evaluation.plan,
        verdict=verdict,
        blocks=blocks[:at_block],
        evidence=(float(judgement["e_a"]), float(judgement["e_b"])),
        interval=(None, None) if standing["drift"] else tuple(_float(edge) for edge in standing["interval"]),  # type: ignore[arg-type]
        flags=flags,
        currency=run.policy_version.currency,
        attempt=run.attempt,
        earlier=attempts,
        always_real=_always_real(run),
    )
    return {
        "attempt": run.attempt,
        "earlier": [{"name": name, "verdict": found} for name, found in attempts],
        "verdict": verdict,
        "at_block": at_block if verdict != RUNNING else None,
        "sentence": sentence(said),
        "flags": flags,
        "evidence": {"a": judgement["e_a"], "b": judgement["e_b"], "needed": repr(evaluation.plan.wager.needed)},
        "since": judgement["since"],
        "interval": interval,
        "phase": {
            "policy_version": run.policy_version_id,
            "rules_hash": {"A": run.rules_hash_a, "B": run.rules_hash_b},
            "strategy_version": _strategies(rows),
            "history_blocks": run.history_blocks,
            "least_worst_block": None if run.least_worst_block is None else decimal_text(run.least_worst_block),
            "currency": run.policy_version.currency,
            "started_at": format_timestamp(run.started_at),
            "started_by": run.started_by,
            "ended_at": None if run.ended_at is None else format_timestamp(run.ended_at),
            "ended_because": run.ended_because,
        },
        "blocks": _block_documents(run, rows),
        "counts": judged.counts,
        "beside": _beside(run, rows, blocks, judged.variants),
    }


def _strategies(rows: Sequence[EvaluationBlock]) -> dict[str, str | None]:
    """With which each engine answered first; any other would have ended the phase."""
    members = rows[0].experiment_ids[:MOST_ASKED] if rows else []
    answers = Recommendation.objects.filter(experiment_id__in=members).order_by("engine", "recommended_at")
    return {"A": None, "B": None} | dict(answers.distinct("engine").values_list("engine", "strategy_version"))


def _judged_rows(run: EvaluationRun) -> QuerySet[EvaluationBlock]:
    """The judged blocks with their sums, and without the signals that they were made of."""
    rows = EvaluationBlock.objects.filter(evaluation_id=run.pk, revision=1).order_by("number")
    return rows.defer("signals", "experiment_ids", "records")


def _assigned(run: EvaluationRun, rows: Sequence[EvaluationBlock]) -> tuple[Counter[str], int]:
    """The decided signals of judged stretches by variant, and how many of them came too late for their block.

    Each block has counted those that came before it. Of what is not judged yet nothing counts, so that the report is of
    one moment; at the end, everything.
    """
    variants = Counter(A=sum(row.assigned_a for row in rows), B=sum(row.assigned_b for row in rows))
    late = sum(row.late for row in rows)
    if rows or run.concluded_at is not None:
        rest = assigned_since(
            run,
            rows[-1] if rows else None,
            until_day=None if run.concluded_at else rows[-1].last_day,
            now=database_time(),
        )
        variants.update(A=rest.a, B=rest.b)
        late += rest.late
    return variants, late


def _counts(rows: Sequence[EvaluationBlock], decided: int, late: int) -> dict[str, Any]:
    """What became of the signals of judged stretches, and where each engine stood in those that took part."""
    compared = sum(row.n for row in rows)
    over = sum(row.counts["over_max_signals"] for row in rows)
    return {
        "compared": compared,
        "LATE_FOR_BLOCK": late,
        "OVER_MAX_SIGNALS": over,
        "NOT_COMPARED": decided - compared - late - over,
        HOLD_EXCEEDED: sum(row.counts["hold_exceeded"] for row in rows),
        "opened": {"a": sum(row.opened_a for row in rows), "b": sum(row.opened_b for row in rows)},
        "missing": {"a": sum(row.missing_a for row in rows), "b": sum(row.missing_b for row in rows)},
        "a": _added(row.counts["a"] for row in rows),
        "b": _added(row.counts["b"] for row in rows),
    }


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))


def _flags(
    run: EvaluationRun,
    blocks: Sequence[JudgedBlock],
    judgement: dict[str, Any],
    verdict: str,
    counts: dict[str, Any],
) -> list[str]:
    holds = {
        BEYOND_L: bool(judgement["beyond_l"]),
        DEPENDENT_BLOCKS: are_dependent([one.block for one in blocks]),
        DRIFT: judgement["drift"],
        HOLD_EXCEEDED: bool(counts[HOLD_EXCEEDED]),
        MISSING_PRICES: misses_too_much(blocks),
        NO_HISTORY: run.history_blocks < ENOUGH_HISTORY,
        NOT_SEPARABLE: verdict == NOT_SEPARABLE,
        REVERSED: judgement["reversed"],
    }
    return [flag for flag, stands in holds.items() if stands]


def _block_documents(run: EvaluationRun, rows: Sequence[EvaluationBlock]) -> list[dict[str, Any]]:
    later: dict[int, list[dict[str, Any]]] = {}
    revised = EvaluationBlock.objects.filter(evaluation_id=run.pk, revision__gt=1).order_by("number", "revision")
    for row in revised.only("number", "revision", "x_low", "x_high", "judged_at"):
        sums = {"x_low": repr(row.x_low), "x_high": repr(row.x_high)}
        told = {"revision": row.revision, "judged_at": format_timestamp(row.judged_at)}
        later.setdefault(row.number, []).append(told | sums)
    return [
        {
            "number": row.number,
            "from": day_text(row.first_day),
            "to": day_text(row.last_day),
            "n": row.n,
            "arrived": row.arrived,
            "x_low": repr(row.x_low),
            "x_high": repr(row.x_high),
            "m": repr(row.m),
            "e_a": row.judgement["e_a"],
            "e_b": row.judgement["e_b"],
            "interval": None if row.judgement["drift"] else row.judgement["interval"],
            "judged_at": format_timestamp(row.judged_at),
            "revisions": later.get(row.number, []),
        }
        for row in rows
    ]


def _beside(
    run: EvaluationRun, rows: Sequence[EvaluationBlock], blocks: Sequence[JudgedBlock], variants: Counter[str]
) -> dict[str, Any]:
    """What stands beside the verdict, never instead."""
    exits = EvaluationExits.objects.filter(evaluation_id=run.pk).values_list("sums", flat=True)
    by_own = run.evaluation.estimand == OWN_EXIT
    return figures_beside(blocks, [row.sums for row in rows], list(exits), by_own=by_own) | {
        "slices": _slices(run, rows),
        "sample_ratio": _sample_ratio(run, variants),
    }


def _slices(run: EvaluationRun, rows: Sequence[EvaluationBlock]) -> list[dict[str, Any]]:
    """Each declared slice by the same bet, at its share of the error rate."""
    plan = run.evaluation.plan
    found = []
    sliced = slices_of(rows) if rows else [[] for _ in plan.slices]
    for position, (name, blocks) in enumerate(zip(plan.slices, sliced, strict=True)):
        judgement = rows[-1].judgement["slices"][position] if rows else NOTHING
        verdict = state_of_verdict(
            judgement["verdict"], is_concluded=run.concluded_at is not None, compared=len(blocks), decided=1
        )
        found.append(
            {
                "slice": name,
                "signals": sum(one.n for one in blocks),
                "blocks": len(blocks),
                "verdict": verdict,
                "at_block": judgement["at_block"],
                "e_a": judgement["e_a"],
                "e_b": judgement["e_b"],
                "needed": repr(plan.slice_wager.needed),
                "interval": None if judgement["drift"] else judgement["interval"],
                "mean_per_signal": repr(mean_per_signal(blocks)) if blocks else None,
                "flags": [
                    flag
                    for flag, stands in (
                        (BEYOND_L, bool(judgement["beyond_l"])),
                        (DEPENDENT_BLOCKS, are_dependent([one.block for one in blocks])),
                        (DRIFT, judgement["drift"]),
                        (MISSING_PRICES, misses_too_much(blocks)),
                        (REVERSED, judgement["reversed"]),
                    )
                    if stands
                ],
            }
        )
    return found


def _sample_ratio(run: EvaluationRun, variants: Counter[str]) -> dict[str, Any] | None:
    """Whether assignment keeps the split, counted before availability; None where nothing is split."""
    split = float(run.policy_version.split_percentage) / 100
    if run.policy_version.configured_mode != "SPLIT_CAPITAL" or not 0 < split < 1:
        return None
    found = sample_ratio_evidence(variants["A"], variants["A"] + variants["B"], split)
    return {
        "split": repr(split),
        "a": variants["A"],
        "b": variants["B"],
        "e": repr(found),
        "alarm": found >= SAMPLE_RATIO_ALARM,
    }


def _always_real(run: EvaluationRun) -> str | None:
    mode = run.policy_version.configured_mode
    return {"AUTO": "A", "ENGINE_A_PRIMARY": "A", "ENGINE_B_PRIMARY": "B"}.get(mode)


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)


def waits_document(run: EvaluationRun) -> dict[str, Any] | None:
    """What the next block waits for; null once nothing is added any more."""
    if run.concluded_at is not None:
        return None
    found = look(run, database_time())
    if found.is_over:
        return None
    return {
        "for": found.waits_for or "the worker, which judges it within a minute",
        "until": _instant(found.until),
        "from": day_text(found.days[0]) if found.days else None,
        "to": day_text(found.days[1]) if found.days else None,
    }


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)


def lines(document: dict[str, Any]) -> list[str]:
    """A document for a terminal: the sentence first, then the figures as its page says them."""
    content = ", ".join(f"{name} {value}" for name, value in document["content"].items() if value not in (None, "", []))
    found = [document["sentence"], "", f"state {document['state']}, content hash {document['content_hash']}", content]
    if document["phase"] is None:
        return found
    interval = " to ".join(figure_text(edge) if edge else "open" for edge in document["interval"] or ()) or "none"
    a, b, needed = (figure_text(document["evidence"][name]) for name in ("a", "b", "needed"))
    found += [
        f"verdict {document['verdict']}, at block {document['at_block'] or '-'}, interval {interval}",
        f"evidence A {a}, B {b}, {needed} decides",
        *(f"{flag}: {FLAGS[flag]}" for flag in document["flags"]),
        "",
        (
            f"{'block':>5}  {'from':10}  {'to':10}  {'n':>4}  {'arrived':>7}  {'x_low':>12}  {'x_high':>12}"
            f"  {'E_A':>10}  {'E_B':>10}"
        ),
    ]
    for block in document["blocks"]:
        sums = (float(block[name]) for name in ("x_low", "x_high", "e_a", "e_b"))
        low, high, e_a, e_b = sums
        found.append(
            f"{block['number']:5}  {block['from']}  {block['to']}  {block['n']:4}  {block['arrived']:7}"
            f"  {low:12.6f}  {high:12.6f}  {e_a:10.4g}  {e_b:10.4g}"
            + "".join(f"  revised {one['judged_at']}" for one in block["revisions"])
        )
    found += _beside_lines(document)
    waits = document["waits"]
    until = f" until {waits['until']}" if waits and waits["until"] else ""
    found += ["", f"waits for {waits['for']}{until}"] if waits else []
    return [*found, f"report hash {document['report_hash']}"]


def _beside_lines(document: dict[str, Any]) -> list[str]:
    """What stands beside the verdict, and what became of the signals, a line each."""
    beside = dict(document["beside"])
    slices = beside.pop("slices")
    return [
        "",
        "signals: " + _inline(document["counts"]),
        "",
        "Supplementary figures, not the verdict:",
        *(f"  {name}: {_inline(value)}" for name, value in beside.items()),
        *(f"  {_inline(one)}" for one in slices),
    ]


def _inline(value: Any) -> str:
    """A value in one line: names and values of an object, a dash for what is not known."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_inline(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return " to ".join(_inline(each) for each in value) or "none"
    return "-" if value is None else str(value)
