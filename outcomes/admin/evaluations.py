"""Evaluations: written, approved, started and finished, each on a page of its own; one page with every figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.models import fields_for_model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from admin_kit.display import badge, figure, json_of, link_to
from admin_kit.form_fields import UTCTimeField, reason_field
from admin_kit.options import AuditAdmin, page_action, render_page
from admin_kit.steps import Tell, answer_in_steps
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import format_timestamp, row_id
from outcomes.admin.evaluation_trials import ProposalForm, first_terms, propose_run, rehearse_page, rehearse_run
from outcomes.admin.verdict_page import COLOURS, keep, kept, latest, page, reasons
from outcomes.admin.verdict_words import choices_of, label_of
from outcomes.core.evaluation import CHOICES, EvaluationPlan, read_plan
from outcomes.evaluations import lifecycle
from outcomes.evaluations.documents import verdict_of
from outcomes.evaluations.rehearsal import Progress
from outcomes.models import Evaluation, EvaluationBlock

# With it, what was asked for is done at once.
_GO = "go"


class EvaluationForm(forms.Form):
    """What an evaluation fixes; the pure core reads and judges it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in EvaluationPlan.__slots__:
            self.fields[name] = _field(name)

    def clean(self) -> dict[str, Any]:
        """The plan, or the error of the field that is wrong."""
        cleaned: dict[str, Any] = dict(self.cleaned_data)
        starts_at = cleaned.get("starts_at")
        if self.errors:
            return cleaned
        try:
            self.plan = read_plan(cleaned | {"starts_at": format_timestamp(starts_at) if starts_at else None})
        except DomainError as error:
            self.add_error(error.pointer.removeprefix("/") or None, error.detail.partition(": ")[2] or error.detail)
        return cleaned


def _field(name: str) -> forms.Field:
    column = fields_for_model(Evaluation, fields=[name])[name]
    about: dict[str, Any] = {"help_text": column.help_text, "label": label_of(name)}
    if name in CHOICES:
        return forms.ChoiceField(choices=choices_of(name), widget=UnfoldAdminSelectWidget, **about)
    if name == "starts_at":
        return UTCTimeField(**about)
    if name == "slices":
        return forms.CharField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), required=False, **about)
    if name in {"note", "reason"}:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})
        return forms.CharField(widget=widget, required=column.required, max_length=2000, **about)
    # Numbers as text: the pure core reads them, and says what is wrong with one.
    return forms.CharField(widget=UnfoldAdminTextInputWidget, required=column.required, max_length=80, **about)


class ConfirmForm(forms.Form):
    """Nothing to fill in: what is approved or started is the content that was on the page."""

    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=64)


class FinishForm(forms.Form):
    """Why it is finished."""

    reason = reason_field("Shown beside the verdict, and recorded with your name in the audit log.")


@admin.register(Evaluation)
class EvaluationAdmin(AuditAdmin):
    """The questions that were asked before their data existed, and what came of them."""

    list_display = (
        "name", "attempt", badge("state", COLOURS), "verdict", "note", "clock", "metric", "estimand",
        "created_at",
    )  # fmt: skip
    list_select_related = ("approval", "run", "run__policy_version", "run__evaluation")
    search_fields = ("name__exact", "content_hash__exact")
    search_help_text = "Name or content hash"
    actions_list = ("write",)
    actions_detail = ("approve", "start", "finish")
    empty_hint = (
        "An evaluation asks which engine is better, and is fixed before its data exist: write one, let somebody else "
        "approve it, start it. The stored history proposes its terms."
    )
    empty_commands = ("manage.py evaluation propose --max-hold-days 3", "manage.py evaluation create spring ...")

    @admin.display(description="attempt", ordering="run__attempt")
    def attempt(self, evaluation: Evaluation) -> int | None:
        """Its number among all that were ever started; none for a draft."""
        return evaluation.run.attempt if hasattr(evaluation, "run") else None

    @admin.display(description="verdict")
    def verdict(self, evaluation: Evaluation) -> str | None:
        """The verdict that stands; none before it is started."""
        return verdict_of(evaluation.run) if hasattr(evaluation, "run") else None

    def has_write_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Writing a draft needs `outcomes.add_evaluation`; the plain form stays shut."""
        return request.user.has_perm("outcomes.add_evaluation")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Approving needs `outcomes.approve_evaluation`."""
        return request.user.has_perm("outcomes.approve_evaluation")

    def has_run_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Starting and finishing need `outcomes.run_evaluation`."""
        return request.user.has_perm("outcomes.run_evaluation")

    def get_urls(self) -> list[URLPattern]:
        """The pages by name before Django's, whose paths would match them."""
        pages: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
            "verdict/": ("latest", latest),
            "verdict/<str:name>/": ("verdict", page),
            "verdict/<str:name>/reasons/": ("reasons", reasons),
            "verdict/<str:name>/keep/": ("keep", keep),
            "verdict/<str:name>/rehearse/": ("rehearse", rehearse_page),
            "verdict/<str:name>/rehearse/run/": ("rehearse_run", rehearse_run),
            "kept/<str:report_hash>/": ("kept", kept),
            "propose/run/": ("propose_run", propose_run),
        }
        wrap = self.admin_site.admin_view
        ours = [path(route, wrap(view), name=f"outcomes_evaluation_{name}") for route, (name, view) in pages.items()]
        return [*ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its page, whose address has its name."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(_page(_evaluation(object_id)))

    @page_action("New evaluation", permission="write", url_path="write", icon="add")
    def write(self, request: HttpRequest) -> HttpResponseBase:
        """Write a draft; its content never changes."""
        asks = "difference" in request.GET
        first = first_terms()
        terms = ProposalForm(request.GET if asks else None, initial=first, auto_id="terms_%s")
        first |= {"margin": "0"} | request.GET.dict()
        form = EvaluationForm(request.POST if request.method == "POST" else None, initial=first)
        if form.is_bound and form.is_valid():
            try:
                actor, plan = actor_of(request), form.plan
                if not plan.reason:

                    def create(progress: Progress) -> str:
                        return _created(lifecycle.create_evaluation(actor, plan, progress=progress))

                    return _after_history(request, "New evaluation", plan.name, create, _back_to_the_form(request))
                evaluation = lifecycle.create_evaluation(actor, plan)
            except DomainError as error:
                form.add_error(error.pointer.removeprefix("/") or None, error.detail)
            else:
                messages.success(request, _created(evaluation))
                return HttpResponseRedirect(_page(evaluation))
        return render_page(
            request,
            "outcomes/evaluation_new.html",
            "New evaluation",
            opts=self.opts,
            form=form,
            terms=terms,
            ready=asks and terms.is_valid(),
            query=request.GET.urlencode(),
            submit="Create draft",
            back=reverse("admin:outcomes_evaluation_changelist"),
        )

    @page_action("Approve", permission="approve", url_path="approve", icon="thumb_up")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Approve exactly the content on the page."""

        def act(evaluation: Evaluation, content_hash: str) -> str:
            lifecycle.approve_evaluation(actor_of(request), evaluation.name, content_hash=content_hash)
            return f"Evaluation {evaluation} approved."

        return self._step(request, object_id, "Approve", ConfirmForm, act)

    @page_action("Start", permission="run", url_path="start", icon="play_arrow")
    def start(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Start it under the policy and the rules in force."""
        actor = actor_of(request)

        def act(evaluation: Evaluation, content_hash: str) -> HttpResponseBase:
            def start(progress: Progress) -> str:
                run = lifecycle.start_evaluation(actor, evaluation.name, progress=progress)
                return f"Evaluation {evaluation} runs as attempt {run.attempt}."

            return _after_history(request, f"Start evaluation {evaluation}", evaluation.name, start, _page(evaluation))

        return self._step(request, object_id, "Start", ConfirmForm, act)

    @page_action("Finish", permission="run", url_path="finish", icon="stop")
    def finish(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """End it; the worker judges what is over."""

        def act(evaluation: Evaluation, reason: str) -> str:
            lifecycle.finish_evaluation(actor_of(request), evaluation.name, reason=reason)
            return f"Evaluation {evaluation} finished. Blocks that are over are judged within a minute."

        return self._step(request, object_id, "Finish", FinishForm, act)

    def _step(
        self,
        request: HttpRequest,
        object_id: str,
        word: str,
        form_class: type[forms.Form],
        act: Callable[..., str | HttpResponseBase],
    ) -> HttpResponseBase:
        """Show the content and ask; a valid answer is acted on, and what happened is shown on the evaluation."""
        evaluation = _evaluation(object_id)
        form = form_class(
            request.POST if request.method == "POST" else None, initial={"content_hash": evaluation.content_hash}
        )
        if form.is_bound and form.is_valid():
            try:
                done = act(evaluation, **form.cleaned_data)
                if isinstance(done, HttpResponseBase):
                    return done
                messages.success(request, done)
                return HttpResponseRedirect(_page(evaluation))
            except DomainError as error:
                form.add_error(None, error.detail)
        return render_page(
            request,
            "outcomes/evaluation_step.html",
            f"{word} evaluation {evaluation}",
            opts=self.opts,
            form=form,
            content=evaluation.plan.document(),
            submit=word,
            back=_page(evaluation),
        )


@admin.register(EvaluationBlock)
class EvaluationBlockAdmin(AuditAdmin):
    """What each judged block came to, with the signals that it was made of."""

    list_display = (
        link_to("evaluation_id", "outcomes_evaluation"), "number", "revision", "first_day", "last_day", "n", "arrived",
        figure("x_low"), figure("x_high"), figure("m"), "judged_at",
    )  # fmt: skip
    search_fields = ("evaluation__name__exact",)
    search_help_text = "Name of the evaluation"
    fields = (
        link_to("evaluation_id", "outcomes_evaluation"), "number", "revision", "first_day", "last_day", "n", "arrived",
        "x_low", "x_high", "m", "opened_a", "opened_b", "missing_a", "missing_b", "judged_at", json_of("counts"),
        json_of("judgement"), json_of("signals"),
    )  # fmt: skip
    empty_hint = "A block is judged once it is over and all its trades have settled."
    empty_commands = ("manage.py evaluation list",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without what only the page of a block shows: thousands of signals each."""
        of_signals = ("experiment_ids", "counts", "signals", "sums", "slices", "records", "judgement")
        return super().get_queryset(request).defer(*of_signals)


def _evaluation(object_id: str) -> Evaluation:
    found = Evaluation.objects.select_related("approval", "run", "run__policy_version").filter(pk=row_id(object_id))
    evaluation = found.first()
    if evaluation is None:
        raise Http404
    return evaluation


def _page(evaluation: Evaluation) -> str:
    return _page_of(evaluation.name)


def _page_of(name: str) -> str:
    return reverse("admin:outcomes_evaluation_verdict", args=(name,))


def _created(evaluation: Evaluation) -> str:
    return f"Draft {evaluation} created. Somebody else must approve it."


def _after_history(
    request: HttpRequest, title: str, name: str, act: Callable[[Progress], str], back: str
) -> HttpResponseBase:
    """A page that asks for the same once more by itself, which is answered by how much of history is read."""
    if _GO in request.POST:

        def work(tell: Tell) -> str:
            told = act(lambda number: tell(f"{number:,} {'block' if number == 1 else 'blocks'} of history read"))
            return render_to_string("outcomes/evaluation_done.html", {"told": told, "page": _page_of(name)})

        return answer_in_steps(work)
    asked = [(field, value) for field, value in request.POST.items() if field != "csrfmiddlewaretoken"]
    return render_page(request, "outcomes/evaluation_history.html", title, asked=[*asked, (_GO, "1")], back=back)


def _back_to_the_form(request: HttpRequest) -> str:
    asked = [(name, request.POST[name]) for name in EvaluationPlan.__slots__ if request.POST.get(name)]
    return f"{reverse('admin:outcomes_evaluation_write')}?{urlencode(asked)}#fixed"
