"""Forms for webhook sources; none of them shows a token or a stored hash."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from signals_app.alerts.admission import TRADINGVIEW_ADDRESSES, invalid_addresses
from signals_app.models import BareSell, WebhookSource

LARGEST_INTEGER = 2**31 - 1
ADDRESSES_HINT = "IP addresses or networks such as 203.0.113.0/24, one per line. Leave blank to allow any."


class SourceForm(forms.Form):
    """What a source may send and from where."""

    name = forms.CharField(
        max_length=100,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Display name. Leave blank to use the slug.",
    )
    max_age_seconds = forms.IntegerField(
        min_value=0,
        max_value=LARGEST_INTEGER,
        initial=300,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Older alerts are recorded as stale and create no signal. 0 disables the check.",
    )
    rate_limit_per_minute = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_INTEGER,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Leave blank for no limit. TradingView does not resend alerts that exceed it.",
    )
    bare_sell = forms.ChoiceField(
        choices=BareSell,
        initial=BareSell.ENTRY_SHORT,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Meaning of an alert that says only sell. Choose exit if this source never goes short.",
    )
    replay = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="The feed of a demo, a backtest or a rehearsal. Its alerts have no maximum age; they are shown as "
        "replayed and count in no evaluation by the wall clock. Not allowed in LIVE mode.",
    )
    tradingview_addresses = forms.BooleanField(
        required=False,
        label="Allow TradingView's addresses",
        widget=UnfoldBooleanSwitchWidget,
        help_text=f"Adds the addresses that TradingView publishes: {', '.join(TRADINGVIEW_ADDRESSES)}.",
    )
    allowed_addresses = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), help_text=ADDRESSES_HINT
    )
    client_certificate_subject = forms.CharField(
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Required subject of the sender's TLS certificate, as the proxy reports it. Blank for none.",
    )
    body_secret = forms.CharField(
        max_length=200,
        required=False,
        # White space may be part of it; without it no message would match the stored hash.
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text='Every message must contain it as "secret". Only its SHA-256 is stored. Leave blank for none.',
    )

    def clean_allowed_addresses(self) -> list[str]:
        """The addresses, with TradingView's where they were chosen; names the invalid ones."""
        given = self.cleaned_data["allowed_addresses"].split()
        if wrong := invalid_addresses(given):
            raise forms.ValidationError(f"{', '.join(wrong)}: not an IP address or network.")
        preset = TRADINGVIEW_ADDRESSES if self.cleaned_data["tradingview_addresses"] else ()
        return list(dict.fromkeys([*given, *preset]))

    def clean_bare_sell(self) -> str:
        """The meaning of a bare sell; one that is left out stays as it is."""
        field = self.fields["bare_sell"]
        return self.cleaned_data["bare_sell"] or str(self.get_initial_for_field(field, "bare_sell"))

    def settings(self) -> dict[str, Any]:
        """The validated settings as `create_source` and `change_source` take them."""
        names = ("name", "max_age_seconds", "rate_limit_per_minute", "bare_sell", "replay", "allowed_addresses")
        return {name: self.cleaned_data[name] for name in (*names, "client_certificate_subject")}


class NewSourceForm(SourceForm):
    """A new source."""

    slug = forms.SlugField(
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text="Part of every signal's identity, so it cannot be changed later.",
    )
    field_order = ("slug", "name")


class ChangeSourceForm(SourceForm):
    """An existing source; a blank body secret keeps the current one."""

    remove_body_secret = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Messages no longer have to contain a secret.",
    )

    def __init__(self, source: WebhookSource, data: QueryDict | None = None) -> None:
        initial = {
            "name": source.name,
            "max_age_seconds": source.max_age_seconds,
            "rate_limit_per_minute": source.rate_limit_per_minute,
            "bare_sell": source.bare_sell,
            "replay": source.replay,
            "allowed_addresses": "\n".join(map(str, source.allowed_addresses)),
            "client_certificate_subject": source.client_certificate_subject,
        }
        super().__init__(data, initial=initial)
        state = "Set. Leave blank to keep it." if source.body_secret_hash else "Not set. Leave blank for none."
        self.fields["body_secret"].help_text = f'A secret that every message must contain as "secret". {state}'

    def new_secret(self) -> str | None:
        """The secret to set, "" to remove it, None to keep the current one."""
        if self.cleaned_data["remove_body_secret"]:
            return ""
        return self.cleaned_data["body_secret"] or None
