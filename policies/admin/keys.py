"""API keys: made and shown once, revoked, never edited. A key's row is named by its prefix.

The primary key of the table contains the hash, so no page or link here is made from it.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from rest_framework_api_key.models import APIKey as UnusedApiKey
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from admin_kit.display import badge, label
from admin_kit.options import AuditAdmin, page_action
from kernel.actors import actor_of
from policies.models import ApiKey, KeyOwner
from policies.services import create_api_key, revoke_api_key

# The package brings a table of its own for keys that open nothing here.
if admin.site.is_registered(UnusedApiKey):
    admin.site.unregister(UnusedApiKey)


class KeyForm(forms.Form):
    """Whose key it is."""

    owner = forms.ChoiceField(
        choices=KeyOwner.choices, widget=UnfoldAdminSelectWidget, help_text="Decides what the key may call."
    )
    name = forms.CharField(
        max_length=50,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="For people, to tell several keys of one owner apart.",
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
    list_display_links = None
    list_filter = ("owner", "revoked")
    search_fields = ("prefix__exact", "name__exact")
    search_help_text = "Prefix or name, exactly"
    actions_list = ("new_key",)
    empty_hint = "An engine, a feeder or an analyst needs a key. Make one here or on the command line."
    empty_commands = ("manage.py apikey create --owner engine-a",)

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of the table and of revoking a key."""
        revoke = path("revoke/<str:prefix>/", self.admin_site.admin_view(self.revoke), name="policies_apikey_revoke")
        return [revoke, *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return nothing: the list says all there is to say about a key."""
        return None

    def has_create_permission(self, request: HttpRequest) -> bool:
        """Making a key needs `policies.add_apikey`; the plain add form stays shut."""
        return request.user.has_perm("policies.add_apikey")

    @admin.display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        """Return whether the key opens anything."""
        word = "revoked" if key.revoked else "expired" if key.has_expired else "live"
        return label(word, _COLOURS[word])

    @admin.display(description="")
    def revoke_link(self, key: ApiKey) -> SafeString | None:
        """Return a link to revoke a live key."""
        if key.revoked:
            return None
        return format_html('<a class="text-link" href="{}">Revoke</a>', _revoke_address(key.prefix))

    @page_action("New key", permission="create", url_path="new", icon="add")
    def new_key(self, request: HttpRequest) -> HttpResponse:
        """Make a key and show it, this once: it is part of this answer and stored nowhere."""
        form = KeyForm(request.POST if request.method == "POST" else None)
        shown = None
        if request.method == "POST" and form.is_valid():
            key, shown = create_api_key(
                actor_of(request), owner=form.cleaned_data["owner"], name=form.cleaned_data["name"]
            )
            form = KeyForm()
            messages.success(request, f"Key {key.prefix} of {key.owner} is made.")
        context = self._context(request, "New API key", form) | {
            "secret": shown,
            "secret_hint": "Send it as the header Authorization: Api-Key <key>. It will never be shown again.",
            "submit": "Make the key",
        }
        return TemplateResponse(request, "admin_kit/form_page.html", context)

    def revoke(self, request: HttpRequest, prefix: str) -> HttpResponse:
        """Ask once, then make the key useless at once."""
        if not request.user.has_perm("policies.change_apikey"):
            raise PermissionDenied
        key = ApiKey.objects.filter(prefix=prefix, revoked=False).first()
        if key is None:
            raise Http404
        if request.method == "POST":
            revoke_api_key(actor_of(request), prefix=prefix)
            messages.success(request, f"Key {prefix} is revoked.")
            return HttpResponseRedirect(reverse("admin:policies_apikey_changelist"))
        context = self._context(request, f"Revoke key {prefix}", None) | {
            "lead": f"Whoever calls with key {prefix} ({key.owner}, {key.name}) gets 401 from now on. "
            "It cannot be undone; a new key can be made.",
            "submit": "Revoke the key",
            "danger": True,
        }
        return TemplateResponse(request, "admin_kit/form_page.html", context)

    def _context(self, request: HttpRequest, title: str, form: forms.Form | None) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "form": form}


_COLOURS = {"live": "success", "expired": "warning", "revoked": "danger"}


def _revoke_address(prefix: str) -> str:
    return reverse("admin:policies_apikey_revoke", args=(prefix,))
