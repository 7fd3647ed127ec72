"""Form fields that several pages share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from kernel.values import parse_typed_instant

# "Factory" means that none was chosen, and "localtime" whichever the host has.
TIME_ZONES = tuple(sorted(available_timezones() - {"Factory", "localtime"}))
TIME_HINT = "Enter a time in UTC, such as 2026-03-16T14:30 or 2026-03-16T14:30:00Z."


def reason_field(hint: str, *, focused: bool = True) -> forms.CharField:
    """A required reason, kept with what was done; `focused` where the page is about nothing else."""
    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, **({"autofocus": True} if focused else {})})
    return forms.CharField(max_length=2000, widget=widget, help_text=hint)


class ConfirmedReasonForm(forms.Form):
    """A reason, and a word typed out so that nobody decides by accident."""

    reason = reason_field("Recorded with your name and the time.")
    confirmation = forms.CharField(
        max_length=20, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autocapitalize": "characters"})
    )

    def __init__(self, word: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.word = word
        self.fields["confirmation"].label = f"Type {word} to confirm"

    def clean_confirmation(self) -> str:
        """The typed word; anything else is an error that says what to type."""
        typed: str = self.cleaned_data["confirmation"]
        if typed.strip() != self.word:
            raise forms.ValidationError(f"Type {self.word} in capital letters.")
        return typed


def filter_text(*, max_length: int | None = None, **attrs: str) -> forms.CharField:
    """An optional text by which a page is filtered; attributes of the input, such as `placeholder`."""
    return forms.CharField(required=False, max_length=max_length, widget=UnfoldAdminTextInputWidget(attrs=attrs))


def filter_choice(values: Sequence[str], **options: Any) -> forms.ChoiceField:
    """One of the values, or any of them when left blank."""
    choices = [("", "Any"), *((value, value) for value in values)]
    return forms.ChoiceField(required=False, choices=choices, widget=UnfoldAdminSelectWidget, **options)


class _Calendar(UnfoldAdminTextInputWidget):
    """The browser's own picker; it knows no zone, and the label says which one is meant."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> str | None:
        """As the picker takes it: without zone and seconds."""
        return None if value is None else str(value)[:16].replace(" ", "T")


class UTCTimeField(forms.CharField):
    """An optional time typed as text; without an offset it is UTC, as everything in the admin."""

    def __init__(self, *, picked: bool = False, **kwargs: Any) -> None:
        """Typed or, for a time to come, picked from the browser's calendar."""
        plain = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "YYYY-MM-DDTHH:MM"})
        super().__init__(required=False, max_length=40, widget=_Calendar() if picked else plain, **kwargs)

    def clean(self, value: Any) -> datetime | None:
        """The instant; None when left blank."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_typed_instant(text)
        except ValueError as error:
            raise forms.ValidationError(TIME_HINT) from error
