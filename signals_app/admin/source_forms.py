"""Forms for webhook sources; a token or a stored hash is on none of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from signals_app.alerts.admission import TRADINGVIEW_ADDRESSES, invalid_addresses
from signals_app.models import WebhookSource

LARGEST_INTEGER = 2**31 - 1
ADDRESSES_HINT = "One address or network a line, such as 203.0.113.0/24. Empty: anybody who knows the token may send."


class SourceForm(forms.Form):
    """What a source may send and from where."""

    name = forms.CharField(
        max_length=100, required=False, widget=UnfoldAdminTextInputWidget, help_text="Shown in lists, for people."
    )
    max_age_seconds = forms.IntegerField(
        min_value=0,
        max_value=LARGEST_INTEGER,
        initial=300,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Older alerts are recorded as stale and make no signal; 0 turns the check off.",
    )
    rate_limit_per_minute = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_INTEGER,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Alerts accepted per minute; empty means no limit. TradingView never sends a refused alert again.",
    )
    tradingview_addresses = forms.BooleanField(
        required=False,
        label="Allow TradingView's addresses",
        widget=UnfoldBooleanSwitchWidget,
        help_text=f"Adds the four addresses that TradingView publishes: {', '.join(TRADINGVIEW_ADDRESSES)}.",
    )
    allowed_addresses = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), help_text=ADDRESSES_HINT
    )
    client_certificate_subject = forms.CharField(
        max_length=300,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Subject that the trusted proxy must report for the sender's TLS certificate; empty means none.",
    )
    body_secret = forms.CharField(
        max_length=200,
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text='A second secret that every message must carry as "secret"; only its SHA-256 is kept. Empty: none.',
    )

    def clean_allowed_addresses(self) -> list[str]:
        """Return the addresses, the preset among them; name those that are none."""
        given = self.cleaned_data["allowed_addresses"].split()
        if wrong := invalid_addresses(given):
            raise forms.ValidationError(f"{', '.join(wrong)}: neither an IP address nor a network.")
        preset = TRADINGVIEW_ADDRESSES if self.cleaned_data["tradingview_addresses"] else ()
        return list(dict.fromkeys([*given, *preset]))

    def settings(self) -> dict[str, Any]:
        """Return the validated settings as `create_source` and `change_source` take them."""
        names = ("name", "max_age_seconds", "rate_limit_per_minute", "allowed_addresses", "client_certificate_subject")
        return {name: self.cleaned_data[name] for name in names}


class NewSourceForm(SourceForm):
    """A source that does not exist yet."""

    slug = forms.SlugField(
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text="Short name, part of every signal's identity: it can never be changed.",
    )
    field_order = ("slug", "name")


class ChangeSourceForm(SourceForm):
    """A source that exists; an empty body secret keeps the present one."""

    remove_body_secret = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Expect no secret in the message from now on.",
    )

    def __init__(self, source: WebhookSource, data: QueryDict | None = None) -> None:
        initial = {
            "name": source.name,
            "max_age_seconds": source.max_age_seconds,
            "rate_limit_per_minute": source.rate_limit_per_minute,
            "allowed_addresses": "\n".join(map(str, source.allowed_addresses)),
            "client_certificate_subject": source.client_certificate_subject,
        }
        super().__init__(data, initial=initial)
        state = "One is set; empty keeps it." if source.body_secret_hash else "None is set; empty keeps it so."
        self.fields["body_secret"].help_text = f'A second secret that every message must carry as "secret". {state}'

    def new_secret(self) -> str | None:
        """Return the secret to set, "" to remove it, None to keep what there is."""
        if self.cleaned_data["remove_body_secret"]:
            return ""
        return self.cleaned_data["body_secret"] or None
