"""Proofs on request: replay every decision or check every invariant, shown while it runs; and the drill of the halt."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST

from admin_kit.options import render_page
from admin_kit.steps import Tell, answer_in_steps
from experiments.history.replay import Selection, run_replay
from kernel.actors import Actor, actor_of
from kernel.audit import record
from kernel.errors import DomainError
from kernel.values import counted
from orchestrator_site.invariants import INVARIANTS, Finding
from orchestrator_site.roles import HALT_TRADING
from policies.services import run_halt_drill

MAY_PROVE = "experiments.add_replayrun"
# A line for each so many experiments: more would only be read by a machine.
TOLD_EVERY = 500


def _replay(actor: Actor, tell: Tell) -> str:
    def progress(done: int, total: int) -> None:
        if done % TOLD_EVERY == 0 or done == total:
            tell(f"{done:,} of {total:,} decisions")

    run = run_replay(Selection(), run_by=actor.name, progress=progress)
    outcome = counted(run.differences, "difference") if run.differences else "no difference"
    record(actor, "proof.replayed", f"replay run {run.pk}", reason=f"{run.verified} verified, {outcome}")
    return render_to_string("console/proof_result.html", {"run": run})


def _verify(actor: Actor, tell: Tell) -> str:
    findings = []
    # What holds at every moment; decisions are replayed by the other proof, which says how far it is.
    asked = [one for one in INVARIANTS if not one.once and not one.name.endswith("_replay")]
    for number, invariant in enumerate(asked, start=1):
        tell(f"{number} of {len(asked)}: {invariant.says}")
        findings.append(Finding(invariant, tuple(invariant.violations(None, None))))
    broken = [one for one in findings if one.rows]
    names = ", ".join(one.invariant.name for one in broken)
    outcome = f"broken: {names}" if broken else f"all {len(asked)} hold"
    record(actor, "proof.verified", "every invariant of the data", reason=outcome)
    return render_to_string("console/proof_result.html", {"findings": findings, "broken": broken})


PROOFS: dict[str, tuple[str, Callable[[Actor, Tell], str]]] = {
    "replay": ("Replay every decision", _replay),
    "verify": ("Check every invariant", _verify),
}


@permission_required(MAY_PROVE, raise_exception=True)
def page(request: HttpRequest, proof: str) -> HttpResponse:
    """Show the page that runs the proof by itself, and how far it is."""
    if proof not in PROOFS:
        raise Http404
    return render_page(request, "console/proof.html", PROOFS[proof][0], proof=proof)


@require_POST
@permission_required(MAY_PROVE, raise_exception=True)
def run(request: HttpRequest, proof: str) -> HttpResponseBase:
    """Run it, and tell how far it is; what came of it is kept."""
    if proof not in PROOFS:
        raise Http404
    actor, work = actor_of(request), PROOFS[proof][1]
    return answer_in_steps(lambda tell: work(actor, tell))


@permission_required(HALT_TRADING, raise_exception=True)
def drill(request: HttpRequest) -> HttpResponse:
    """Ask, then halt trading and resume it at once; the seconds are kept with the halt."""
    if request.method == "POST":
        try:
            halt = run_halt_drill(actor_of(request))
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            messages.success(request, f"The halt was in effect after {halt.drill_seconds} s. Trading is resumed.")
        return redirect("admin:risk")
    page = {
        "lead": "Trading is halted and resumed at once, in well under a second; how long it took until decisions saw "
        "it is kept. Signals of that moment are shadowed by both engines, and permits not used yet are revoked.",
        "submit": "Run halt drill",
        "danger": True,
    }
    return render_page(request, "admin_kit/form_page.html", "Halt drill", **page)
