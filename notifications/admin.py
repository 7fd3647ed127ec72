"""Who is told what, and what was sent and why not; a recipient's URL and key are shown to nobody again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminTimeWidget,
    UnfoldBooleanSwitchWidget,
)

from admin_kit.display import badge
from admin_kit.filters import equals, recent
from admin_kit.form_fields import TIME_ZONES
from admin_kit.options import AuditAdmin, page_action, render_page
from kernel.actors import actor_of
from kernel.errors import DomainError
from kernel.values import instant_text, row_id
from notifications.models import CHOICES, EventKind, Notification, Recipient, State
from notifications.services import change_recipient, create_recipient, send_again, send_test, switch_recipient

MANAGE = "notifications.change_recipient"
URL_HINT = (
    "Where to send, as apprise writes it: slack://…, workflows://… (Teams), pagerduty://…, "
    "mailtos://user:password@host, or the https:// address of a webhook. Encrypted, and not shown again."
)
KEY_SHOWN_ONCE = "Copy the key now: it is not shown again. With it the receiver checks who has sent a message."


class RecipientForm(forms.Form):
    """What a recipient is told, and when."""

    name = forms.CharField(
        max_length=100, widget=UnfoldAdminTextInputWidget, help_text="A person or a channel, such as Desk."
    )
    url = forms.CharField(
        label="URL",
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text=URL_HINT,
    )
    kinds = forms.MultipleChoiceField(
        label="What",
        choices=CHOICES,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="Choose none for everything.",
    )
    urgent_only = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, help_text="Only what is urgent, such as a halt."
    )
    grace_seconds = forms.IntegerField(
        initial=0,
        min_value=0,
        max_value=86_400,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="What is over within so many seconds is not sent at all.",
    )
    digest_minutes = forms.IntegerField(
        initial=0,
        min_value=0,
        max_value=1_440,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="One message for all of so many minutes; 0 sends each at once. What is urgent never waits.",
    )
    quiet_from = forms.TimeField(
        required=False, widget=UnfoldAdminTimeWidget, help_text="Start of quiet hours, such as 22:00. Blank for none."
    )
    quiet_until = forms.TimeField(
        required=False, widget=UnfoldAdminTimeWidget, help_text="What is held back is sent then, in one message."
    )
    timezone = forms.ChoiceField(
        label="Time zone",
        initial="UTC",
        choices=[(name, name) for name in TIME_ZONES],
        widget=UnfoldAdminSelectWidget,
        help_text="Of the quiet hours.",
    )
    quiet_when_urgent = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, help_text="Quiet hours hold for what is urgent, too."
    )

    def clean(self) -> dict[str, Any]:
        """Quiet hours have two ends."""
        found: dict[str, Any] = super().clean() or {}
        if (found.get("quiet_from") is None) != (found.get("quiet_until") is None):
            self.add_error("quiet_until", "Enter both ends of the quiet hours, or neither.")
        return found


class ChangeRecipientForm(RecipientForm):
    """The same without a name, which is in the audit log; a blank URL keeps the one there is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["name"]
        self.fields["url"].required = False
        self.fields["url"].help_text = f"Leave blank to keep the present one. {URL_HINT}"


@admin.register(Recipient)
class RecipientAdmin(AuditAdmin):
    """Who is told what. Django's own forms stay read-only; the buttons open ours, which call the services."""

    list_display = (
        "name", "url", "kind_count", "urgent_only", "grace_seconds", "digest_minutes", "quiet_hours", "is_active",
    )  # fmt: skip
    list_filter = ("is_active",)
    fields = (
        "name", "url", "what", "urgent_only", "grace_seconds", "digest_minutes", "quiet_hours",
        "quiet_when_urgent", "is_active", "latest", "created_by", "created_at",
    )  # fmt: skip
    actions_list = ("new",)
    actions_detail = ("edit", "test", "switch")
    empty_hint = "Nobody is notified of anything yet. Add a person or a channel."

    def has_manage_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether the user may say who is told."""
        return request.user.has_perm(MANAGE)

    @admin.display(description="URL")
    def url(self, recipient: Recipient) -> str:
        """Where it is sent, without secrets."""
        return recipient.shown_url

    @admin.display(description="what")
    def what(self, recipient: Recipient) -> str:
        """The kinds that it is told of."""
        return ", ".join(EventKind(kind).label for kind in recipient.kinds) or "everything"

    @admin.display(description="what")
    def kind_count(self, recipient: Recipient) -> str:
        """The same in a list: all names would not fit."""
        return self.what(recipient) if len(recipient.kinds) < 2 else f"{len(recipient.kinds)} kinds"

    @admin.display(description="quiet hours")
    def quiet_hours(self, recipient: Recipient) -> str:
        """From when to when, and where."""
        if recipient.quiet_from is None or recipient.quiet_until is None:
            return "none"
        return f"{recipient.quiet_from:%H:%M} to {recipient.quiet_until:%H:%M} {recipient.timezone}"

    @admin.display(description="latest")
    def latest(self, recipient: Recipient) -> str:
        """What became of the latest notification."""
        last = recipient.notifications.exclude(state=State.WAITING).order_by("-settled_at").first()
        return "nothing yet" if last is None else f"{last.get_state_display()}: {last.outcome or last.event}"

    @page_action("New recipient", permission="manage", url_path="new", icon="add")
    def new(self, request: HttpRequest) -> HttpResponse:
        """Add a recipient; the key of a webhook is shown, this once."""
        form = RecipientForm(request.POST or None)
        if form.is_bound and form.is_valid():
            try:
                recipient, key = create_recipient(actor_of(request), **form.cleaned_data)
            except DomainError as error:
                form.add_error(error.pointer.removeprefix("/"), error.detail)
            else:
                messages.success(request, f"{recipient} is told from now on.")
                return self._done(request, recipient, key)
        return self._page(request, "New recipient", form, "Add recipient")

    @page_action("Edit", permission="manage", url_path="edit", icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change what it is told, when, and where."""
        recipient = self._recipient(object_id)
        initial = {name: getattr(recipient, name) for name in ChangeRecipientForm.base_fields if name != "url"}
        form = ChangeRecipientForm(request.POST or None, initial=initial)
        if form.is_bound and form.is_valid():
            try:
                key = change_recipient(actor_of(request), recipient, **form.cleaned_data)
            except DomainError as error:
                form.add_error(error.pointer.removeprefix("/"), error.detail)
            else:
                messages.success(request, f"{recipient} changed.")
                return self._done(request, recipient, key)
        return self._page(request, f"Edit {recipient}", form, "Save")

    @page_action("Send a test", permission="manage", url_path="test", icon="send")
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put a test message into the outbox; its page says what became of it."""
        recipient = self._recipient(object_id)
        if request.method == "POST":
            sent = send_test(actor_of(request), recipient)
            messages.success(request, "The worker sends it within seconds; this page says what became of it.")
            return HttpResponseRedirect(reverse("admin:notifications_notification_change", args=(sent.pk,)))
        lead = "It goes out at once, whatever the quiet hours."
        return self._page(request, f"Send a test message to {recipient}", None, "Send a test", lead=lead)

    @page_action("Disable or enable", permission="manage", url_path="switch", icon="power_settings_new")
    def switch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then disable or enable it."""
        recipient = self._recipient(object_id)
        verb = "Disable" if recipient.is_active else "Enable"
        if request.method == "POST":
            switch_recipient(actor_of(request), recipient)
            messages.success(request, f"{recipient} {verb.lower()}d.")
            return HttpResponseRedirect(self._url(recipient))
        lead = "What happens while it is disabled it is never told."
        return self._page(request, f"{verb} {recipient}", None, verb, lead=lead)

    def _done(self, request: HttpRequest, recipient: Recipient, key: str) -> HttpResponse:
        if not key:
            return HttpResponseRedirect(self._url(recipient))
        shown = {
            "secret": key,
            "secret_rows": [("Signing key", key)],
            "secret_hint": KEY_SHOWN_ONCE,
            "done": self._url(recipient),
        }
        return self._page(request, f"Recipient {recipient}", None, "", **shown)

    def _page(
        self, request: HttpRequest, title: str, form: forms.Form | None, submit: str, **more: Any
    ) -> HttpResponse:
        return render_page(request, "admin_kit/form_page.html", title, opts=self.opts, form=form, submit=submit, **more)

    @staticmethod
    def _url(recipient: Recipient) -> str:
        return reverse("admin:notifications_recipient_change", args=(recipient.pk,))

    @staticmethod
    def _recipient(object_id: str) -> Recipient:
        recipient = Recipient.objects.filter(pk=row_id(object_id)).first()
        if recipient is None:
            raise Http404
        return recipient


@admin.register(Notification)
class NotificationAdmin(AuditAdmin):
    """What was sent to whom, what waits, and what was not sent and why."""

    list_display = (
        "due_at", "recipient", "event", badge("state", {"SENT": "success", "DEAD": "danger"}), "outcome",
    )  # fmt: skip
    csv_columns = (
        "id", "due_at", "recipient__name", "event__kind", "event__text", "event__happened_at", "state", "attempts",
        "outcome", "settled_at",
    )  # fmt: skip
    list_filter = ("state", equals("recipient__name", "recipient"), recent("due_at"))
    list_select_related = ("recipient", "event")
    fields = (
        "recipient", "kind", "event", "happened_at", "due_at", badge("state", {"SENT": "success", "DEAD": "danger"}),
        "attempts", "outcome", "settled_at", "message_id",
    )  # fmt: skip
    actions_detail = ("again",)
    empty_hint = "Add a recipient: it is notified of whatever happens from then on."

    def has_manage_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whether the user may say who is told."""
        return request.user.has_perm(MANAGE)

    @admin.display(description="what")
    def kind(self, notification: Notification) -> str:
        """What kind of event it tells of."""
        return notification.event.get_kind_display()

    @admin.display(description="happened at")
    def happened_at(self, notification: Notification) -> str:
        """When the event was."""
        return instant_text(notification.event.happened_at)

    @admin.display(description="message ID")
    def message_id(self, notification: Notification) -> str:
        """By which a receiver knows a repetition; `webhook-id` of a webhook."""
        return str(notification.pk)

    @page_action("Send again", permission="manage", url_path="again", icon="replay")
    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Try a notification that was given up once more."""
        notification = self.get_object(request, object_id)
        if notification is None:
            raise Http404
        if request.method == "POST":
            send_again(actor_of(request), notification)
            messages.success(request, "The worker tries again within seconds.")
            return HttpResponseRedirect(reverse("admin:notifications_notification_change", args=(object_id,)))
        title = f"Send again to {notification.recipient}"
        lead = str(notification.event) if notification.state == State.DEAD else "It was not given up: nothing is done."
        page: dict[str, Any] = {"opts": self.opts, "form": None, "submit": "Send again", "lead": lead}
        return render_page(request, "admin_kit/form_page.html", title, **page)
