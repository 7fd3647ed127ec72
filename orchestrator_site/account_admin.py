"""Accounts and groups: nobody grants what he lacks, who grants rights does not operate, no account is deleted (ADR 16).

All of it holds for what is posted, whatever the form shows: a field that is read-only is left out of the form, and what
remains is checked as a whole.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from admin_kit.filters import recent
from admin_kit.options import AuditAdmin, BrowseAdmin, page_action
from kernel.values import row_id
from orchestrator_site.roles import (
    ROLES,
    grants_and_operates,
    groups_to_give,
    may_give,
    permissions_of,
    wears_two_hats,
)

for model in (User, Group):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

TWO_HATS = "Who grants rights does not operate or approve: {} would do both. Use two accounts, of two people."
NOT_YOURS = "One of these groups holds a right that you may not grant. Nothing was saved; ask a superuser."
# What only a superuser gives: everything at once, and permissions past the groups.
SUPERUSERS_ONLY = {"is_superuser", "user_permissions"}
# What nobody changes of himself.
OF_OTHERS_ONLY = ("is_active", "is_staff", "groups")


class AccountForm(UserChangeForm):
    """An account, which either grants rights or operates."""

    def clean(self) -> dict[str, Any]:
        """Look at what the account could do once this is saved."""
        cleaned: dict[str, Any] = super().clean() or {}
        groups = cleaned.get("groups", self.instance.groups.all())
        permissions = cleaned.get("user_permissions", self.instance.user_permissions.all())
        is_superuser = cleaned.get("is_superuser", self.instance.is_superuser)
        if not is_superuser and grants_and_operates(permissions_of(groups, permissions)):
            self.add_error("groups" if "groups" in self.fields else None, TWO_HATS.format(self.instance))
        return cleaned


class GroupForm(forms.ModelForm):  # type: ignore[type-arg]
    """A group, which either grants rights or operates, and so does each of its members."""

    def clean(self) -> dict[str, Any]:
        """Look at what every member could do once this is saved."""
        cleaned: dict[str, Any] = super().clean() or {}
        permissions = cleaned.get("permissions")
        if permissions is None:
            return cleaned
        if grants_and_operates(permissions):
            raise ValidationError(TWO_HATS.format("this group"))
        members = User.objects.filter(groups=self.instance, is_superuser=False) if self.instance.pk else []
        for member in members:
            others = permissions_of(member.groups.exclude(pk=self.instance.pk), member.user_permissions.all())
            if grants_and_operates(others | permissions.all()):
                raise ValidationError(TWO_HATS.format(f"its member {member}"))
        return cleaned


class RightsAdmin(admin.ModelAdmin[Any]):
    """Where rights are given: the form refuses both kinds, and the database whoever was as fast as another."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show or save the form; what somebody else gave at the same moment is shown, and nothing of this is saved."""
        try:
            answer: HttpResponse = super().changeform_view(request, *args, **kwargs)
        except IntegrityError as error:
            if not wears_two_hats(error):
                raise
            messages.error(request, "Nothing was saved: with rights that were given at the same moment, "
                           "an account would both grant rights and operate.")  # fmt: skip
            return HttpResponseRedirect(request.get_full_path())
        return answer


@admin.register(User)
class UserAdmin(RightsAdmin, StockUserAdmin[User], BrowseAdmin):  # type: ignore[misc]  # the stubs name a parameter differently
    """Accounts; membership in one of the four groups gives a role."""

    form = AccountForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username__exact", "email__exact")
    search_help_text = "Exact user name or e-mail address"
    actions = None
    actions_detail = ("sessions",)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whether its rights are this person's to grant: a new password would give him all of them."""
        if not super().has_change_permission(request, obj):
            return False
        assert isinstance(request.user, User)
        if obj is None or obj == request.user or request.user.is_superuser:
            return True
        return not obj.is_superuser and may_give(
            request.user, permissions_of(obj.groups.all(), obj.user_permissions.all())
        )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Of groups, those that this person may give."""
        field = super().formfield_for_manytomany(db_field, request, **options)
        if field is not None and db_field.name == "groups":
            assert isinstance(request.user, User)
            field.queryset = groups_to_give(request.user)
            field.error_messages["invalid_choice"] = NOT_YOURS
        return field

    def has_sessions_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change the account."""
        return self.has_change_permission(request, self.get_object(request, str(object_id)))

    @page_action("Where signed in", permission="sessions", url_path="sessions", icon="devices")
    def sessions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to where the account is signed in."""
        return redirect("account_sessions_of", user_id=row_id(object_id))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody's: what he did stays told under his account, which is deactivated instead."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """The fields that this person may set."""
        found = super().get_fieldsets(request, obj)
        if request.user.is_superuser:
            return found
        return [
            (title, options | {"fields": [name for name in options["fields"] if name not in SUPERUSERS_ONLY]})
            for title, options in found
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """To who is no superuser: dates, and of his own account what gives rights."""
        found = super().get_readonly_fields(request, obj)
        if request.user.is_superuser:
            return found
        return (*found, *(OF_OTHERS_ONLY if obj == request.user else ()), "last_login", "date_joined")


@admin.register(Group)
class GroupAdmin(RightsAdmin, StockGroupAdmin, BrowseAdmin):
    """Roles. The four built-in ones are reset at every migration, and what others may is a superuser's to say."""

    form = GroupForm
    search_fields = ("name__exact",)
    search_help_text = "Exact name"
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only superusers: a new group could hold rights that its author lacks."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Likewise; and never a built-in one, which would be put back."""
        return self.has_add_permission(request) and (obj is None or obj.name not in ROLES)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Likewise."""
        return self.has_change_permission(request, obj)


@admin.register(LogEntry)
class LogEntryAdmin(AuditAdmin):
    """Who did what in the admin."""

    list_display = ("action_time", "user", "content_type", "object_repr", "change_message")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag", recent("action_time"))
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "action_flag", "change_message")
    empty_hint = "No changes have been made in the admin yet."
