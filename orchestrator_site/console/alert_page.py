"""Check an alert: paste a message, see how the webhook would read it."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from admin_kit.options import render_page
from kernel.values import whole_number
from signals_app.alerts.check_alert import (
    DEFAULT_MAX_AGE_SECONDS,
    check_alert,
    templates_for,
)
from signals_app.models import BareSell, WebhookDelivery, WebhookSource
from signals_app.webhook.sources import wants_of

MAX_CHARACTERS = 64 * 1024


class CheckAlertForm(forms.Form):
    """A message as written in TradingView, or as it was sent."""

    message = forms.CharField(
        max_length=MAX_CHARACTERS,
        # Django would strip white space that is none in JSON, such as a no-break space, which the webhook refuses.
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14, "spellcheck": "false", "class": "to-code-area"}),
        help_text="Placeholders such as {{ticker}} are filled with sample values. Nothing is stored.",
    )
    source = forms.ModelChoiceField(
        WebhookSource.objects.select_related("watch"),
        to_field_name="slug",
        required=False,
        empty_label="None: use the settings below",
        widget=UnfoldAdminSelectWidget,
        help_text="Use this source's settings, and adapt the templates to it.",
    )
    max_age_seconds = forms.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        initial=DEFAULT_MAX_AGE_SECONDS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="As set on the webhook source; 0 disables the age check.",
    )
    bare_sell = forms.ChoiceField(
        choices=BareSell,
        required=False,
        initial=BareSell.ENTRY_SHORT,
        widget=UnfoldAdminSelectWidget,
        help_text="Meaning of an alert that says only sell, as set on the webhook source.",
    )


@permission_required("signals_app.view_signal", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the form and, for a message, how the webhook would read it now.

    `?source=` chooses a source by its slug, `?delivery=` takes message and source of an alert that came.
    """
    asked = {"source": request.GET.get("source", "").replace("\x00", "")}
    number = whole_number(request.GET.get("delivery", ""))
    if number is not None and request.user.has_perm("signals_app.view_webhookdelivery"):
        came = WebhookDelivery.objects.select_related("source").filter(pk=number).first()
        if came is not None:
            asked = {"source": came.source.slug, "message": bytes(came.body).decode(errors="replace")}
    form = CheckAlertForm(request.POST if request.method == "POST" else None, initial=asked)
    check, source = None, WebhookSource.objects.select_related("watch").filter(slug=asked["source"]).first()
    if request.method == "POST" and form.is_valid():
        entered = form.cleaned_data
        source = entered["source"]
        max_age, bare_sell = entered["max_age_seconds"], entered["bare_sell"] or BareSell.ENTRY_SHORT
        if source is not None:
            max_age, bare_sell = source.max_age_seconds, source.bare_sell
        check = check_alert(entered["message"], timezone.now(), max_age, bare_sell, wants_of(source))
    wants = {"secret"} if source is None else wants_of(source)
    templates = templates_for(secret="secret" in wants, sequence="sequence" in wants)
    return render_page(
        request, "console/check_alert.html", "Check an alert", form=form, check=check, templates=templates
    )
