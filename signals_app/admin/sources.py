"""Webhook sources: create, edit, rotate the token, disable; a token is shown once and stored nowhere."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from admin_kit.display import pretty_json
from admin_kit.options import AuditAdmin, page_action
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import row_id
from signals_app.admin.source_forms import ChangeSourceForm, NewSourceForm
from signals_app.admin.watching import WatchForm, initial_of, watching_of
from signals_app.models import WebhookSource
from signals_app.watch_models import WatchMode
from signals_app.watching.watches import set_watch
from signals_app.webhook.sources import change_source, create_source, rotate_source, set_source_active, webhook_path

SHOWN_ONCE = "Copy the URL now: it is not shown again. Anyone who has it can send alerts; if it leaks, rotate it."


@admin.register(WebhookSource)
class WebhookSourceAdmin(AuditAdmin):
    """Who may send alerts. Django's own forms stay read-only; the buttons open ours, which call the services."""

    list_display = (
        "slug",
        "name",
        "is_active",
        "max_age_seconds",
        "rate_limit_per_minute",
        "replay",
        "watch_mode",
        "address_count",
        "expects_secret",
        "created_at",
    )
    list_filter = ("is_active",)
    list_select_related = ("watch",)
    search_fields = ("slug__exact", "name__exact")
    search_help_text = "Slug or name, exact match"
    fields = (
        "slug",
        "name",
        "is_active",
        "max_age_seconds",
        "rate_limit_per_minute",
        "bare_sell",
        "replay",
        "watching",
        "addresses",
        "expects_secret",
        "client_certificate_subject",
        "tokens",
        "created_at",
    )
    actions_list = ("new_source",)
    actions_detail = ("edit_source", "watch_source", "rotate_token", "switch_source")
    empty_hint = "TradingView sends alerts to the URL of a webhook source. Create one here or on the command line."
    empty_commands = ("manage.py source add tv",)

    def has_create_permission(self, request: HttpRequest) -> bool:
        """Whether the user has `signals_app.add_webhooksource`."""
        return request.user.has_perm("signals_app.add_webhooksource")

    def has_manage_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether the user has `signals_app.change_webhooksource`."""
        return request.user.has_perm("signals_app.change_webhooksource")

    @admin.display(description="allowed addresses")
    def address_count(self, source: WebhookSource) -> str:
        """The number of addresses and networks, or "any"."""
        return str(len(source.allowed_addresses)) if source.allowed_addresses else "any"

    @admin.display(description="allowed addresses")
    def addresses(self, source: WebhookSource) -> SafeString | str:
        """The addresses and networks as JSON, or "any"."""
        return pretty_json(source.allowed_addresses) if source.allowed_addresses else "any"

    @admin.display(description="body secret", boolean=True)
    def expects_secret(self, source: WebhookSource) -> bool:
        """Whether a message must contain the body secret."""
        return bool(source.body_secret_hash)

    @admin.display(description="valid tokens")
    def tokens(self, source: WebhookSource) -> str:
        """How many tokens are valid, never which."""
        return "2 (the previous one expires at the next rotation)" if source.previous_token_hash else "1"

    @admin.display(description="watched for")
    def watch_mode(self, source: WebhookSource) -> str:
        """By what missing alerts are noticed."""
        watch = getattr(source, "watch", None)
        return watch.get_mode_display() if watch else WatchMode.OFF.label

    @admin.display(description="missing alerts")
    def watching(self, source: WebhookSource) -> str:
        """How the source is watched for missing alerts."""
        return watching_of(getattr(source, "watch", None))

    @page_action("New source", permission="create", url_path="new", icon="add")
    def new_source(self, request: HttpRequest) -> HttpResponse:
        """Create a source and show its URL, this once."""
        form = NewSourceForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                source, token = create_source(
                    slug=form.cleaned_data["slug"],
                    body_secret=form.cleaned_data["body_secret"],
                    actor=actor_of(request),
                    **form.settings(),
                )
            except DomainError as error:
                form.add_error(_field_of(error), error.detail)
            else:
                self.log_addition(request, source, "Created")
                messages.success(request, f"Webhook source {source.slug} created.")
                return self._show_token(request, source, token)
        return self._form_page(request, "New webhook source", form, "Create source")

    @page_action("Edit", permission="manage", url_path="edit", icon="edit")
    def edit_source(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Edit the settings of the source."""
        source = self._source(object_id)
        form = ChangeSourceForm(source, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                changed = change_source(
                    source.slug, body_secret=form.new_secret(), actor=actor_of(request), **form.settings()
                )
            except DomainError as error:
                form.add_error(_field_of(error), error.detail)
            else:
                self.log_change(request, changed, f"Changed {', '.join(form.changed_data) or 'nothing'}")
                messages.success(request, f"Webhook source {source.slug} changed.")
                return HttpResponseRedirect(_page_of(source))
        return self._form_page(request, f"Edit {source.slug}", form, "Save")

    @page_action("Watch", permission="manage", url_path="watch", icon="visibility")
    def watch_source(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Edit how the source is watched for missing alerts, from now on."""
        source = self._source(object_id)
        watch = getattr(source, "watch", None)
        form = WatchForm(request.POST if request.method == "POST" else None, initial=initial_of(watch))
        if request.method == "POST" and form.is_valid():
            try:
                set_watch(source.slug, form.settings(), actor=actor_of(request))
            except DomainError as error:
                name = error.pointer.removeprefix("/")
                form.add_error(name if name in form.fields else None, error.detail)
            else:
                self.log_change(request, source, f"Changed the watch: {', '.join(form.changed_data) or 'nothing'}")
                messages.success(request, f"Webhook source {source.slug} is watched as of now.")
                return HttpResponseRedirect(_page_of(source))
        lead = "An overdue alert is reported within a minute, here and in /metrics."
        return self._form_page(request, f"Watch {source.slug} for missing alerts", form, "Save", lead=lead)

    @page_action("Rotate token", permission="manage", url_path="rotate", icon="autorenew")
    def rotate_token(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then create a new token and show it, this once."""
        source = self._source(object_id)
        if request.method == "POST":
            source, token = rotate_source(source.slug, actor=actor_of(request))
            self.log_change(request, source, "Rotated the token")
            messages.success(request, f"Token of {source.slug} rotated.")
            return self._show_token(request, source, token)
        lead = (
            "The current token stays valid until the next rotation, so that no alert is lost while you update "
            "TradingView. The token before it stops working now."
        )
        return self._form_page(request, f"Rotate the token of {source.slug}", None, "Rotate token", lead=lead)

    @page_action("Disable or enable", permission="manage", url_path="switch", icon="power_settings_new")
    def switch_source(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then disable or enable the source."""
        source = self._source(object_id)
        verb = "Disable" if source.is_active else "Enable"
        if request.method == "POST":
            set_source_active(source.slug, is_active=not source.is_active, actor=actor_of(request))
            self.log_change(request, source, f"{verb}d")
            messages.success(request, f"Webhook source {source.slug} {verb.lower()}d.")
            return HttpResponseRedirect(_page_of(source))
        lost = "While disabled, its alerts get 401 and are lost: TradingView does not retry a 401."
        lead = lost if source.is_active else ""
        return self._form_page(request, f"{verb} {source.slug}", None, verb, lead=lead)

    def _show_token(self, request: HttpRequest, source: WebhookSource, token: str) -> HttpResponse:
        # Shown in the answer to the form itself: a redirect would have to carry the token.
        url = request.build_absolute_uri(webhook_path(token))
        shown = {
            "secret": token,
            "secret_rows": [("Webhook URL for TradingView", url), ("Token", token)],
            "secret_hint": SHOWN_ONCE,
            "done": _page_of(source),
        }
        return TemplateResponse(
            request, "admin_kit/form_page.html", self._context(request, f"Source {source.slug}", None) | shown
        )

    def _form_page(
        self, request: HttpRequest, title: str, form: forms.Form | None, submit: str, *, lead: str = ""
    ) -> HttpResponse:
        context = self._context(request, title, form) | {"submit": submit, "lead": lead}
        return TemplateResponse(request, "admin_kit/form_page.html", context)

    def _context(self, request: HttpRequest, title: str, form: forms.Form | None) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "form": form}

    @staticmethod
    def _source(object_id: str) -> WebhookSource:
        source = WebhookSource.objects.filter(pk=row_id(object_id)).first()
        if source is None:
            raise Http404
        return source


def _field_of(error: DomainError) -> str | None:
    """The field of the form that an error is about; None for the form as a whole."""
    return next((name for name in ("slug", "replay", "bare_sell") if error.code.startswith(name)), None)


def _page_of(source: WebhookSource) -> str:
    return reverse("admin:signals_app_webhooksource_change", args=(source.pk,))
