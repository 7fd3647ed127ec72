"""Evaluations: written, approved, started and finished, each on a page of its own; one page with every figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.models import fields_for_model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from admin_kit.display import badge, hash_of, json_of, link_to
from admin_kit.form_fields import UTCTimeField, reason_field
from admin_kit.options import AuditAdmin, page_action, render_page
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import format_timestamp, row_id
from outcomes.core.evaluation import CHOICES, EvaluationPlan, read_plan
from outcomes.core.sentences import FLAGS
from outcomes.evaluations import lifecycle
from outcomes.evaluations.documents import evaluation_document
from outcomes.models import Evaluation, EvaluationBlock

COLOURS = {
    "DRAFT": "info", "APPROVED": "warning", "RUNNING": "success", "ENDED_BY_CHANGE": "danger", "FINISHED": "neutral",
}  # fmt: skip


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
    about: dict[str, Any] = {"help_text": column.help_text, "label": name.replace("_", " ").capitalize()}
    if name in CHOICES:
        values = [(value, value) for value in CHOICES[name]]
        return forms.ChoiceField(choices=values, widget=UnfoldAdminSelectWidget, **about)
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


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that can be done with an evaluation."""

    text: str
    url: str


@admin.register(Evaluation)
class EvaluationAdmin(AuditAdmin):
    """The questions that were asked before their data existed, and what came of them."""

    list_display = (
        "name", badge("state", COLOURS), "metric", "estimand", "prices", "block_days", "worst_block", "created_by",
        "created_at", hash_of("content_hash"),
    )  # fmt: skip
    list_select_related = ("approval", "run")
    search_fields = ("name__exact", "content_hash__exact")
    search_help_text = "Name or content hash"
    actions_list = ("write",)
    actions_detail = ("approve", "start", "finish")
    empty_hint = "An evaluation asks which engine is better, and is fixed before its data exist."
    empty_commands = ("manage.py evaluation create spring --metric R --estimand SYNCHRONISED ...",)

    def has_write_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Writing a draft needs `outcomes.add_evaluation`; the plain form stays shut."""
        return request.user.has_perm("outcomes.add_evaluation")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Approving needs `outcomes.approve_evaluation`."""
        return request.user.has_perm("outcomes.approve_evaluation")

    def has_run_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Starting and finishing need `outcomes.run_evaluation`."""
        return request.user.has_perm("outcomes.run_evaluation")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Everything about one evaluation."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        evaluation = _evaluation(object_id)
        document = evaluation_document(evaluation)
        return render_page(
            request,
            "outcomes/evaluation.html",
            f"Evaluation {evaluation}",
            opts=self.opts,
            evaluation=evaluation,
            found=document,
            colour=COLOURS[document["state"]],
            flags=[(flag, FLAGS[flag]) for flag in document["flags"]],
            # `from` is no name that a template can look up.
            blocks=[block | {"first": block["from"], "last": block["to"]} for block in document["blocks"]],
            counts=list(_flat(document["counts"])),
            beside=list(_flat(document["beside"])),
            earlier=[
                one | {"url": _url("change", Evaluation.objects.get(name=one["name"]))} for one in document["earlier"]
            ],
            buttons=list(self._buttons(request, evaluation)),
        )

    @page_action("New evaluation", permission="write", url_path="write", icon="add")
    def write(self, request: HttpRequest) -> HttpResponse:
        """Write a draft; its content never changes."""
        form = EvaluationForm(request.POST if request.method == "POST" else None, initial={"margin": "0"})
        if form.is_bound and form.is_valid():
            try:
                evaluation = lifecycle.create_evaluation(actor_of(request), form.plan)
            except DomainError as error:
                form.add_error(error.pointer.removeprefix("/") or None, error.detail)
            else:
                messages.success(request, f"Draft {evaluation} created. Somebody else must approve it.")
                return HttpResponseRedirect(_url("change", evaluation))
        page = {"form": form, "submit": "Create draft", "back": reverse("admin:outcomes_evaluation_changelist")}
        return render_page(request, "outcomes/evaluation_step.html", "New evaluation", opts=self.opts, **page)

    @page_action("Approve", permission="approve", url_path="approve", icon="thumb_up")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Approve exactly the content on the page."""

        def act(evaluation: Evaluation, content_hash: str) -> str:
            lifecycle.approve_evaluation(actor_of(request), evaluation.name, content_hash=content_hash)
            return f"Evaluation {evaluation} approved."

        return self._step(request, object_id, "Approve", ConfirmForm, act)

    @page_action("Start", permission="run", url_path="start", icon="play_arrow")
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Start it under the policy and the rules in force."""

        def act(evaluation: Evaluation, content_hash: str) -> str:
            run = lifecycle.start_evaluation(actor_of(request), evaluation.name)
            return f"Evaluation {evaluation} runs as attempt {run.attempt}."

        return self._step(request, object_id, "Start", ConfirmForm, act)

    @page_action("Finish", permission="run", url_path="finish", icon="stop")
    def finish(self, request: HttpRequest, object_id: str) -> HttpResponse:
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
        act: Callable[..., str],
    ) -> HttpResponse:
        """Show the content and ask; a valid answer is acted on, and what happened is shown on the evaluation."""
        evaluation = _evaluation(object_id)
        form = form_class(
            request.POST if request.method == "POST" else None, initial={"content_hash": evaluation.content_hash}
        )
        if form.is_bound and form.is_valid():
            try:
                messages.success(request, act(evaluation, **form.cleaned_data))
                return HttpResponseRedirect(_url("change", evaluation))
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
            back=_url("change", evaluation),
        )

    def _buttons(self, request: HttpRequest, evaluation: Evaluation) -> Iterator[Button]:
        """What this person may do with it as it is."""
        state = evaluation.state
        is_author = evaluation.created_by == request.user.get_username()
        # The service refuses an author; without this he would be offered a button that never works.
        if state == "DRAFT" and self.has_approve_permission(request) and not is_author:
            yield Button("Approve", _url("approve", evaluation))
        if state == "APPROVED" and self.has_run_permission(request):
            yield Button("Start", _url("start", evaluation))
        if state == "RUNNING" and self.has_run_permission(request):
            yield Button("Finish", _url("finish", evaluation))


@admin.register(EvaluationBlock)
class EvaluationBlockAdmin(AuditAdmin):
    """What each judged block came to, with the signals that it was made of."""

    list_display = (
        link_to("evaluation_id", "outcomes_evaluation"), "number", "revision", "first_day", "last_day", "n", "arrived",
        "x_low", "x_high", "m", "judged_at",
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


def _flat(found: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """A document as lines of a list: names with dots, and their values."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                yield from _flat(one, f"{above}{name}.{next(iter(one.values()))}.")
        else:
            yield f"{above}{name}", "none" if value is None else value


def _evaluation(object_id: str) -> Evaluation:
    found = Evaluation.objects.select_related("approval", "run", "run__policy_version").filter(pk=row_id(object_id))
    evaluation = found.first()
    if evaluation is None:
        raise Http404
    return evaluation


def _url(page: str, evaluation: Evaluation) -> str:
    return reverse(f"admin:outcomes_evaluation_{page}", args=(evaluation.pk,))
