"""The four built-in roles: groups with the permissions of their work, who gives them, and what never comes together.

Every migration resets them to this; for another mix, create a group of another name.
"""

from __future__ import annotations

from typing import Any, cast

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from django.db.models import Func, Q, QuerySet, TextField
from psycopg import Error as PsycopgError

from outcomes.models import RealOutcome

OWN_APPS = ("kernel", "signals_app", "policies", "experiments", "outcomes", "archives", "notifications")
VIEW_REPORT = "outcomes.view_report"
KEEP_REPORT = "outcomes.add_keptreport"
HALT_TRADING = "policies.halt_trading"

OPERATOR_CODENAMES = (
    "add_policydraft",
    "change_policydraft",
    "approve_policydraft",
    "activate_policydraft",
    "halt_trading",
    "decide_tradeamendment",
    "acknowledge_incident",
    "change_engine",
    "change_signal",
    "add_webhooksource",
    "change_webhooksource",
    "redrive_webhookdelivery",
    "add_apikey",
    "change_apikey",
    "add_evaluation",
    "approve_evaluation",
    "run_evaluation",
    "add_attentionmark",
    "add_replayrun",
    "add_legalhold",
    "lift_legalhold",
)
VIEW_TABLES = Q(content_type__app_label__in=OWN_APPS, codename__startswith="view_") & ~Q(codename="view_report")
REPORT = Q(content_type__app_label="outcomes", codename__in=("view_report", "add_keptreport"))
OPERATE = Q(content_type__app_label__in=OWN_APPS, codename__in=OPERATOR_CODENAMES)
WATCH_QUEUE = Q(content_type__app_label="django_q", codename__startswith="view_")
# Whoever says where notifications go could have them sent anywhere.
MANAGE_RECIPIENTS = Q(content_type__app_label="notifications", codename="change_recipient")
# What a group may, and superusers, are a superuser's to say.
MANAGE_USERS = Q(
    content_type__app_label="auth", codename__in=("view_user", "add_user", "change_user", "view_group")
) | Q(content_type__app_label="admin", codename="view_logentry")
# To give a right is a right of its own, one for each role: nobody gives what he lacks.
GRANT = Q(content_type__app_label="auth", codename__startswith="grant_")

# What refuses rights of both kinds in one account (kernel/migrations/two_hats.sql).
ONE_HAT = "accounts_wear_one_hat"

ROLES = {
    "viewer": VIEW_TABLES,
    "analyst": VIEW_TABLES | REPORT,
    "operator": VIEW_TABLES | REPORT | OPERATE | WATCH_QUEUE,
    "administrator": VIEW_TABLES | REPORT | WATCH_QUEUE | MANAGE_USERS | GRANT | MANAGE_RECIPIENTS,
}


def permissions_of(groups: QuerySet[Group], permissions: QuerySet[Permission]) -> QuerySet[Permission]:
    """What an account may that has these groups, and these permissions of its own."""
    return Permission.objects.filter(Q(group__in=groups) | Q(pk__in=permissions))


def kinds(permissions: QuerySet[Permission]) -> set[str]:
    """What an account with these permissions does beside looking: `grants`, `operates`; never both (ADR 16)."""
    kind = Func("content_type__app_label", "codename", function="kind_of_right", output_field=TextField())
    return set(permissions.annotate(kind=kind).filter(kind__isnull=False).values_list("kind", flat=True))


def grants_and_operates(permissions: QuerySet[Permission]) -> bool:
    """Whether these are rights of both kinds."""
    return len(kinds(permissions)) > 1


def rights_to_give(giver: User) -> QuerySet[Permission]:
    """What this person may give and take: everything for a superuser, else the rights of the roles he may grant."""
    if giver.is_superuser:
        return Permission.objects.all()
    roles = [role for role in ROLES if giver.has_perm(f"auth.grant_{role}")]
    return Permission.objects.filter(group__name__in=roles)


def may_give(giver: User, permissions: QuerySet[Permission]) -> bool:
    """Whether all of these are his to give."""
    return not permissions.exclude(pk__in=rights_to_give(giver)).exists()


def groups_to_give(giver: User) -> QuerySet[Group]:
    """The groups of which every right is his to give, whatever they are called."""
    beyond = Permission.objects.exclude(pk__in=rights_to_give(giver))
    return Group.objects.exclude(permissions__in=beyond)


def wears_two_hats(error: IntegrityError) -> bool:
    """Whether the database has refused rights because an account would have both kinds."""
    return isinstance(error.__cause__, PsycopgError) and error.__cause__.diag.constraint_name == ONE_HAT


def ensure_roles(**kwargs: Any) -> None:
    """Create the four groups and give each exactly its permissions; a receiver of `post_migrate`."""
    # This may run before Django has created the permissions of the app migrated last.
    for label in (*OWN_APPS, "django_q", "auth", "admin"):
        create_permissions(apps.get_app_config(label), verbosity=0)
    # The report is a page, not a table, so that no model's Meta can carry its permission.
    Permission.objects.get_or_create(
        content_type=ContentType.objects.get_for_model(RealOutcome),
        codename="view_report",
        defaults={"name": "Can see the comparison report"},
    )
    for role in ROLES:
        Permission.objects.get_or_create(
            content_type=ContentType.objects.get_for_model(Group),
            codename=f"grant_{role}",
            defaults={"name": f"Can give and take the rights of the role {role}"},
        )
    try:
        with transaction.atomic():
            for name, permissions in ROLES.items():
                group, _ = Group.objects.get_or_create(name=name)
                # Set, not added: what a role has lost in a new release goes at its migration.
                group.permissions.set(Permission.objects.filter(permissions))
    except IntegrityError as error:
        if not wears_two_hats(error):
            raise
        # An earlier release let them.
        what = cast("PsycopgError", error.__cause__).diag.message_primary
        raise CommandError(
            f"Roles were not set: {what}. Take a group away and migrate again: manage.py account leave-group NAME GROUP"
        ) from error
