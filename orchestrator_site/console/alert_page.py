"""Check an alert: paste a message, see how the webhook would read it."""

from __future__ import annotations

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from admin_kit.options import render_page
from signals_app.alerts.check_alert import (
    DEFAULT_MAX_AGE_SECONDS,
    TRADINGVIEW_INDICATOR_TEMPLATE,
    TRADINGVIEW_TEMPLATE,
    check_alert,
)
from signals_app.models import BareSell

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
        help_text="What an alert means that only says to sell, as set on the webhook source.",
    )


@permission_required("signals_app.view_signal", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show the form and, for a message, how the webhook would read it now."""
    form = CheckAlertForm(request.POST if request.method == "POST" else None)
    check = None
    if request.method == "POST" and form.is_valid():
        entered = form.cleaned_data
        bare_sell = entered["bare_sell"] or BareSell.ENTRY_SHORT
        check = check_alert(entered["message"], timezone.now(), entered["max_age_seconds"], bare_sell)
    templates = [
        ("Strategy alerts", TRADINGVIEW_TEMPLATE),
        ("Indicator or price alerts (one alert per direction)", TRADINGVIEW_INDICATOR_TEMPLATE),
    ]
    return render_page(
        request, "console/check_alert.html", "Check an alert", form=form, check=check, templates=templates
    )
