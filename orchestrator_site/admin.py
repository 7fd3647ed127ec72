"""Tables of other packages, and the experiment, whose page spans all of our apps."""

from __future__ import annotations

from allauth.account import admin as _accounts  # noqa: F401 (what is replaced here must have registered itself before)
from allauth.account.models import EmailAddress
from allauth.mfa import admin as _factors  # noqa: F401
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as _connections  # noqa: F401
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions import admin as _sessions  # noqa: F401
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django_q import admin as _stock  # noqa: F401
from django_q import models as queue

from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from experiments.models import Experiment
from orchestrator_site import account_admin  # noqa: F401 (registers itself)
from orchestrator_site.console.experiment_admin import ExperimentAdmin

# Success and OrmQ do not come back: no success is kept and signals wait in their own table, so that both lists would
# be empty and look like a fault.
# Of allauth, whoever it concerns has his own page, and administrators that of the account.
STOCK_PAGES = (
    EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession,
    queue.Schedule, queue.Success, queue.Failure, queue.OrmQ,
)  # fmt: skip
for model in STOCK_PAGES:
    if admin.site.is_registered(model):
        admin.site.unregister(model)

admin.site.register(Experiment, ExperimentAdmin)


class TaskAdmin(AuditAdmin):
    """Finished tasks of the queue."""

    list_display = ("name", "func", "cluster", "started", "stopped", "attempt_count")
    list_filter = (recent("started"),)
    search_fields = ("id__exact", "name__exact")
    search_help_text = "Exact task id or name"
    fields = ("id", "name", "func", "group", "cluster", "started", "stopped", "attempt_count", "result")
    empty_hint = "What the worker does in the background has raised no error. Failed signals are listed under Signals."


@admin.register(queue.Failure)
class FailedTaskAdmin(TaskAdmin):
    """Tasks that raised; the result holds the error."""

    row_names = ("failed task", "failed tasks")


@admin.register(queue.Schedule)
class ScheduleAdmin(AuditAdmin):
    """Tasks that the worker runs by the clock."""

    row_names = ("schedule", "schedules")
    list_display = ("name", "func", "minutes", "next_run", "repeats")
    fields = ("name", "func", "schedule_type", "minutes", "cron", "repeats", "next_run", "cluster", "task")
    empty_hint = "The worker creates its schedules when it starts."
    empty_commands = ("manage.py worker",)
