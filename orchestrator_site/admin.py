"""Tables of other packages, and the experiment, whose page spans all of our apps."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django_q import admin as _stock  # noqa: F401 (what is replaced here must have registered itself before)
from django_q import models as queue
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from admin_kit.display import badge
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin, BrowseAdmin
from experiments.models import Experiment
from orchestrator_site.console.experiment_admin import ExperimentAdmin

# Success and OrmQ do not come back: no success is kept and signals wait in their own table, so that both lists would
# be empty and look like a fault.
STOCK_PAGES = (User, Group, queue.Schedule, queue.Success, queue.Failure, queue.OrmQ)
for model in STOCK_PAGES:
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.register(Experiment, ExperimentAdmin)


@admin.register(User)
class UserAdmin(StockUserAdmin[User], BrowseAdmin):  # type: ignore[misc]  # the stubs name a parameter differently
    """Accounts; membership in one of the four groups gives a role."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username__exact", "email__exact")
    search_help_text = "Exact user name or e-mail address"
    actions = None


@admin.register(Group)
class GroupAdmin(StockGroupAdmin, BrowseAdmin):
    """Roles; the four built-in ones are reset at every migration."""

    search_fields = ("name__exact",)
    search_help_text = "Exact name"
    actions = None


@admin.register(LogEntry)
class LogEntryAdmin(AuditAdmin):
    """Who did what in the admin."""

    list_display = ("action_time", "user", "content_type", "object_repr", "change_message")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag", recent("action_time"))
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "action_flag", "change_message")
    empty_hint = "No changes have been made in the admin yet."


class TaskAdmin(AuditAdmin):
    """Finished tasks of the queue."""

    list_display = ("name", "func", "cluster", "started", "stopped", "attempt_count")
    list_filter = (recent("started"),)
    search_fields = ("id__exact", "name__exact")
    search_help_text = "Exact task id or name"
    fields = ("id", "name", "func", "group", "cluster", "started", "stopped", "attempt_count", "result")
    empty_hint = "No failed tasks. Failed signals are listed under Signals."


@admin.register(queue.Failure)
class FailedTaskAdmin(TaskAdmin):
    """Tasks that raised; the result holds the error."""


@admin.register(queue.Schedule)
class ScheduleAdmin(AuditAdmin):
    """Tasks that the worker runs by the clock."""

    list_display = ("name", "func", badge("schedule_type", {}), "minutes", "next_run", "repeats")
    fields = ("name", "func", "schedule_type", "minutes", "cron", "repeats", "next_run", "cluster", "task")
    empty_hint = "The worker creates its schedules when it starts."
    empty_commands = ("manage.py worker",)
