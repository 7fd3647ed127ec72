"""API keys: created and shown once, revoked, never edited. A key is identified by its prefix.

The primary key of the table contains the hash, so no URL here contains it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework_api_key.models import APIKey as UnusedApiKey
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from admin_kit.display import badge, label
from admin_kit.options import AuditAdmin, page_action, render_page
from kernel.actors import actor_of
from policies.models import ApiKey, KeyOwner
from policies.services import create_api_key, revoke_api_key, rotate_api_key

# The package has a table of its own, whose keys are not accepted here.
if admin.site.is_registered(UnusedApiKey):
    admin.site.unregister(UnusedApiKey)

OVERLAPS = [("0", "not at all: it stops within a second"), ("1", "1 hour"), ("24", "24 hours"), ("168", "7 days")]
SENT = "Send it in the header Authorization: Api-Key <key>. It will not be shown again."


class KeyForm(forms.Form):
    """Who the key is for."""

    owner = forms.ChoiceField(
        choices=KeyOwner.choices, widget=UnfoldAdminSelectWidget, help_text="Decides what the key may call."
    )
    name = forms.CharField(
        max_length=50,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Optional. Tells several keys of one owner apart.",
    )


class RotateForm(forms.Form):
    """How long the old key goes on working."""

    overlap = forms.TypedChoiceField(
        choices=OVERLAPS,
        coerce=int,
        label="The old key goes on working for",
        widget=UnfoldAdminSelectWidget,
        help_text="Long enough to put the new key in place; not at all if the old one has leaked.",
    )


@admin.register(ApiKey)
class ApiKeyAdmin(AuditAdmin):
    """Who may call the API."""

    list_display = (
        "prefix",
        "name",
        badge("owner", {}),
        "created",
        "expiry_date",
        "last_used_at",
        "state",
        "revoke_link",
    )
    # A link would put the primary key, and so the hash, into URLs and the logs of proxies.
    list_display_links = None
    list_filter = ("owner", "revoked")
    search_fields = ("prefix__exact", "name__exact")
    search_help_text = "Prefix or name, exact match"
    actions_list = ("new_key",)
    empty_hint = "Engines, feeders and analysts each need a key. Create one here or on the command line."
    empty_commands = ("manage.py apikey create --owner engine-a",)

    def get_urls(self) -> list[URLPattern]:
        """The URLs of the table, and of revoking and rotating a key."""
        pages = {"revoke": self.revoke, "rotate": self.rotate}
        ours = [
            path(f"{word}/<str:prefix>/", self.admin_site.admin_view(view), name=f"policies_apikey_{word}")
            for word, view in pages.items()
        ]
        return [*ours, *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """None: the list shows all there is to know about a key."""
        return None

    def has_create_permission(self, request: HttpRequest) -> bool:
        """Creating a key needs `policies.add_apikey`; the plain add form stays shut."""
        return request.user.has_perm("policies.add_apikey")

    @admin.display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        """Whether calls with the key are accepted."""
        if key.revoked:
            return label("revoked", "danger")
        return label("expired") if key.has_expired else label("active", "success")

    @admin.display(description="")
    def revoke_link(self, key: ApiKey) -> SafeString | None:
        """Links to rotate and to revoke the key; None for one that is revoked."""
        if key.revoked:
            return None
        rotate, revoke = (reverse(f"admin:policies_apikey_{word}", args=(key.prefix,)) for word in ("rotate", "revoke"))
        links = '<a class="text-link" href="{}">Rotate</a> · <a class="text-link" href="{}">Revoke</a>'
        return format_html(links, rotate, revoke)

    @page_action("Create key", permission="create", url_path="new", icon="add")
    def new_key(self, request: HttpRequest) -> HttpResponse:
        """Create a key and show it once: it is part of this response and stored nowhere."""
        form = KeyForm(request.POST if request.method == "POST" else None)
        shown = None
        if form.is_bound and form.is_valid():
            # No redirect here, unlike after every other form: the key's text would have to survive it in the session,
            # which is a table.
            key, shown = create_api_key(actor_of(request), **form.cleaned_data)
            form = KeyForm()
            messages.success(request, f"API key {key.prefix} created for {key.owner}.")
        page = {
            "opts": self.opts,
            "form": form,
            "secret": shown,
            "secret_hint": SENT,
            "submit": "Create key",
        }
        return render_page(request, "admin_kit/form_page.html", "Create API key", **page)

    def rotate(self, request: HttpRequest, prefix: str) -> HttpResponse:
        """Create a key in place of this one, show it once, and let the old one end."""
        key = _changeable(request, prefix)
        form = RotateForm(request.POST if request.method == "POST" else None, initial={"overlap": 24})
        page: dict[str, Any] = {"opts": self.opts, "form": form, "submit": "Rotate key"}
        page["lead"] = f"A new key for {key.owner} ({key.name}) takes the place of {prefix}."
        if form.is_bound and form.is_valid():
            overlap = timedelta(hours=form.cleaned_data["overlap"])
            new, shown = rotate_api_key(actor_of(request), prefix=prefix, overlap=overlap)
            messages.success(request, f"API key {new.prefix} takes the place of {prefix}.")
            page |= {"secret": shown, "secret_hint": SENT, "lead": "", "done": _all_keys()}
        return render_page(request, "admin_kit/form_page.html", f"Rotate API key {prefix}", **page)

    def revoke(self, request: HttpRequest, prefix: str) -> HttpResponse:
        """Ask for confirmation, then revoke the key."""
        key = _changeable(request, prefix)
        if request.method == "POST":
            revoke_api_key(actor_of(request), prefix=prefix)
            messages.success(request, f"API key {prefix} revoked.")
            return HttpResponseRedirect(_all_keys())
        page = {
            "opts": self.opts,
            "lead": f"Calls with key {prefix} ({key.owner}, {key.name}) will get 401 within a second. "
            "This cannot be undone; you can create a new key.",
            "submit": "Revoke key",
            "danger": True,
        }
        return render_page(request, "admin_kit/form_page.html", f"Revoke API key {prefix}", **page)


def _changeable(request: HttpRequest, prefix: str) -> ApiKey:
    """The key that works, for whoever may change it."""
    if not request.user.has_perm("policies.change_apikey"):
        raise PermissionDenied
    key: ApiKey | None = ApiKey.objects.filter(prefix=prefix, revoked=False).first()
    if key is None:
        raise Http404
    return key


def _all_keys() -> str:
    return reverse("admin:policies_apikey_changelist")
