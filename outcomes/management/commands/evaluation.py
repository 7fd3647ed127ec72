"""`manage.py evaluation`: from the question to the verdict, and how anybody checks it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kernel.actors import account_actor, command_line_actor
from kernel.command_options import UNUSABLE, parsed
from kernel.errors import DomainError
from kernel.progress import ProgressBar, ProgressLine
from kernel.values import counted, parse_instant
from outcomes.core.block_file import judge_file
from outcomes.core.evaluation import CHOICES, read_plan
from outcomes.evaluations import documents, judging, lifecycle
from outcomes.evaluations.proposals import propose
from outcomes.evaluations.rehearsal import rehearsal_document, rehearse
from outcomes.evaluations.verification import is_archived, verify

APPROVE = "outcomes.approve_evaluation"
QUIET_SECONDS = 1.0
# Options of `create` that become members of the plan.
OPTIONS = (
    "metric", "estimand", "prices", "clock", "starts_at", "block_days", "max_hold_days", "worst_block", "margin",
    "horizon_blocks", "max_signals", "busy_signals", "reason", "note",
    "slices",
)  # fmt: skip


class Command(BaseCommand):
    """Write, approve, start, show, finish and verify evaluations; rehearse and propose plans; judge blocks."""

    help = "Evaluations: which engine is better, and how sure that is. `judge` needs no database."

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per action."""
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="write a draft; its content never changes")
        create.add_argument("name")
        _add_plan_options(create)
        create.add_argument("--note", required=True, help="the hypothesis: what you expect, and why")
        approve = actions.add_parser("approve", help="approve a draft that somebody else wrote")
        approve.add_argument("name")
        approve.add_argument("--by", required=True, metavar="USER", help="an account with the permission to approve")
        for name, text in (("start", "let an approved evaluation run"), ("show", "show one with every figure")):
            action = actions.add_parser(name, help=text)
            action.add_argument("name")
            if name == "show":
                action.add_argument("--json", action="store_true", help="one JSON document, as the API gives it")
        actions.add_parser("list", help="list all, newest first")
        finish = actions.add_parser("finish", help="end a running evaluation and wait until its last blocks are judged")
        finish.add_argument("name")
        finish.add_argument("--reason", default="", help="why, for the audit log")
        finish.add_argument("--no-wait", action="store_true", help="do not wait; the worker judges the last blocks")
        check = actions.add_parser("verify", help="recompute everything from the fills; exit 1 on any difference")
        check.add_argument("name")
        self._add_trials(actions)

    def _add_trials(self, actions: Any) -> None:
        """What writes nothing."""
        trial = actions.add_parser("rehearse", help="judge stored history under a plan; never a verdict")
        trial.add_argument(
            "--plan", required=True, type=Path, metavar="FILE", help="JSON, as `show --json` has content"
        )
        trial.add_argument("--since", help="from this time on (RFC 3339 with zone)")
        trial.add_argument("--until", help="before this time (RFC 3339 with zone)")
        trial.add_argument("--json", action="store_true", help="one JSON document instead of text")
        proposal = actions.add_parser("propose", help="propose block length, worst block and margin from history")
        for name in ("metric", "estimand", "prices", "clock"):
            proposal.add_argument(f"--{name}", choices=CHOICES[name], default=CHOICES[name][0])
        proposal.add_argument("--max-hold-days", type=int, default=0, help="maximum holding period in calendar days")
        proposal.add_argument("--difference", type=float, default=0.2, help="true difference per signal to plan for")
        proposal.add_argument("--json", action="store_true", help="one JSON document instead of text")
        judge = actions.add_parser("judge", help="judge the blocks of a file; prints evidence, interval and verdict")
        judge.add_argument(
            "--blocks",
            required=True,
            type=Path,
            metavar="FILE",
            help="JSON, or a list: {worst_block, margin, horizon_blocks, alpha, blocks:[{x, m} or {x_low, x_high, m}]}",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        try:
            getattr(self, f"_{options['action']}")(options)
        except DomainError as error:
            raise CommandError(error.detail, returncode=UNUSABLE) from None

    def _create(self, options: dict[str, Any]) -> None:
        plan = read_plan({"name": options["name"]} | {name: options[name] for name in OPTIONS})
        line = ProgressLine(self.stderr, after_seconds=QUIET_SECONDS)
        evaluation = lifecycle.create_evaluation(command_line_actor(), plan, progress=_blocks_on(line))
        line.clear()
        self.stdout.write(f"Draft {evaluation} created, content hash {evaluation.content_hash}.")
        self.stdout.write(f"Somebody else must approve it: manage.py evaluation approve {evaluation} --by USER")

    def _approve(self, options: dict[str, Any]) -> None:
        name = options["by"]
        user = get_user_model().objects.filter(username=name, is_active=True).first()
        if user is None or not user.has_perm(APPROVE):
            raise CommandError(f"{name} is not an active account with permission to approve.", returncode=UNUSABLE)
        evaluation = lifecycle.evaluation_named(options["name"])
        lifecycle.approve_evaluation(account_actor(user), evaluation.name, content_hash=evaluation.content_hash)
        self.stdout.write(f"{evaluation} is approved by {name}.")

    def _start(self, options: dict[str, Any]) -> None:
        line = ProgressLine(self.stderr, after_seconds=QUIET_SECONDS)
        run = lifecycle.start_evaluation(command_line_actor(), options["name"], progress=_blocks_on(line))
        line.clear()
        self.stdout.write(
            f"{run.evaluation} runs as attempt {run.attempt}, under policy version {run.policy_version_id}."
        )

    def _list(self, options: dict[str, Any]) -> None:
        found = list(documents.evaluations())
        if not found:
            self.stdout.write("No evaluation yet; `create` writes the first draft.")
        for evaluation in found:
            line = documents.summary_document(evaluation)
            attempt = f"attempt {line['attempt']}" if line["attempt"] else "not started"
            self.stdout.write(f"{line['name']}  {line['state']}  {attempt}  {line['verdict'] or '-'}  {line['note']}")

    def _show(self, options: dict[str, Any]) -> None:
        document = documents.evaluation_document(lifecycle.evaluation_named(options["name"]))
        if options["json"]:
            self.stdout.write(json.dumps(document, indent=1, default=str))
            return
        for line in documents.lines(document):
            self.stdout.write(line)

    def _finish(self, options: dict[str, Any]) -> None:
        """End it, and judge here what is over: no worker need be running."""
        run = lifecycle.finish_evaluation(command_line_actor(), options["name"], reason=options["reason"])
        line = ProgressLine(self.stderr, after_seconds=QUIET_SECONDS)
        while True:
            while judging.judge_next(run.pk):
                line.show(f"{run.evaluation}, blocks judged: {run.evaluation.blocks.filter(revision=1).count()}")
            waits = documents.waits_document(lifecycle.evaluation_named(options["name"]).run)
            if waits is None or options["no_wait"]:
                break
            until = f", until {waits['until']} at the latest" if waits["until"] else ""
            line.show(f"{run.evaluation} waits for {waits['for']}{until}")
            time.sleep(1)
        line.clear()
        document = documents.evaluation_document(lifecycle.evaluation_named(options["name"]))
        self.stdout.write(document["sentence"])

    def _verify(self, options: dict[str, Any]) -> None:
        bar = ProgressBar(self.stderr, what="blocks", after_seconds=QUIET_SECONDS)
        evaluation = lifecycle.evaluation_named(options["name"])
        found = verify(evaluation, progress=bar.show)
        bar.clear()
        for one in found:
            where = f"block {one.block}.{one.revision} {one.field}" if one.block else one.field
            self.stdout.write(f"{where}: stored {one.stored}, recomputed {one.recomputed}")
        number = evaluation.blocks.count()
        verdict = counted(len(found), "difference") if found else "no difference"
        source = "its stored blocks, because signals of it are archived" if is_archived(evaluation) else "the fills"
        self.stdout.write(f"{counted(number, 'judged block')} of {evaluation} recomputed from {source}: {verdict}.")
        if found:
            sys.exit(1)

    def _rehearse(self, options: dict[str, Any]) -> None:
        file: Path = options["plan"]
        try:
            plan = read_plan(json.loads(_text_of(file)))
        except (json.JSONDecodeError, RecursionError):
            raise CommandError(f"{file}: not JSON.", returncode=UNUSABLE) from None
        line = ProgressLine(self.stderr, after_seconds=QUIET_SECONDS)
        found = rehearse(
            plan,
            since=parsed("--since", options["since"], parse_instant),
            until=parsed("--until", options["until"], parse_instant),
            progress=_blocks_on(line),
        )
        line.clear()
        document = rehearsal_document(plan, found)
        if options["json"]:
            self.stdout.write(json.dumps(document, indent=1))
            return
        self.stdout.write(f"RETROSPECTIVE, never a verdict: {len(found.blocks)} blocks.")
        for name in ("largest_block", "busy_signals", "least_worst_block", "mean_per_signal", "flags"):
            self.stdout.write(f"  {name} = {document[name]}")

    def _propose(self, options: dict[str, Any]) -> None:
        line = ProgressLine(self.stderr, after_seconds=QUIET_SECONDS)
        proposed = propose(
            {name: options[name] for name in ("metric", "estimand", "prices", "clock", "max_hold_days")},
            difference=options["difference"],
            progress=line.show,
        )
        line.clear()
        if options["json"]:
            self.stdout.write(json.dumps(proposed, indent=1))
            return
        for text in proposed["lines"]:
            self.stdout.write(text)

    def _judge(self, options: dict[str, Any]) -> None:
        """Print the judgement as JSON; exit 2 where the file cannot be used."""
        file: Path = options["blocks"]
        try:
            found = judge_file(_text_of(file))
        except DomainError as error:
            where = f" at {error.pointer}" if error.pointer else ""
            raise CommandError(f"{file}{where}: {error.detail}", returncode=UNUSABLE) from None
        self.stdout.write(json.dumps(found, indent=1))


def _blocks_on(line: ProgressLine) -> Callable[[int], None]:
    return lambda number: line.show(f"Blocks of history read: {number:,}")


def _add_plan_options(parser: CommandParser) -> None:
    for name, values in CHOICES.items():
        parser.add_argument(f"--{name}", choices=values, required=name != "clock", default="WALL")
    parser.add_argument("--block-days", required=True, help="calendar days of a block, New York")
    parser.add_argument("--max-hold-days", required=True, help="maximum holding period in calendar days")
    parser.add_argument("--worst-block", required=True, help="the worst block thought possible, in units of the metric")
    parser.add_argument(
        "--margin", default="0", help="a difference per signal up to this counts as none; 0 to leave it out"
    )
    parser.add_argument("--horizon-blocks", required=True, help="end after this many blocks")
    parser.add_argument("--starts-at", help="signals from this time on take part (RFC 3339 with zone)")
    parser.add_argument("--max-signals", help="number of signals per block that count, the first to arrive")
    parser.add_argument("--busy-signals", help="signals of a busy block, where there are not 60 earlier ones")
    parser.add_argument(
        "--slice",
        action="append",
        default=[],
        dest="slices",
        metavar="FIELD=VALUE",
        help="judge these signals on their own, too, such as symbol=SPY (repeatable)",
    )
    parser.add_argument("--reason", default="", help="why the worst block is smaller than limits and history require")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"Cannot read {file}: {error.strerror}.", returncode=UNUSABLE) from None
    except UnicodeDecodeError:
        raise CommandError(f"Cannot read {file}: not UTF-8.", returncode=UNUSABLE) from None
