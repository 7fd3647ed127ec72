"""Decisions, distributions and worker heartbeats: read-only."""

from __future__ import annotations

from django.contrib import admin

from admin_kit.display import badge, full_hash, hash_of, json_of, link_to
from admin_kit.filters import recent
from admin_kit.options import AuditAdmin
from experiments.models import ExecutionDecision, SignalDistribution, WorkerHeartbeat

EMPTY_HINT = "The worker creates these when it decides a signal."
EMPTY_COMMANDS = ("manage.py demo", "manage.py worker")


@admin.register(ExecutionDecision)
class DecisionAdmin(AuditAdmin):
    """Who trades for real, by which rule (R3.6)."""

    list_display = (
        "decided_at",
        link_to("experiment_id", "experiments_experiment", short=True),
        badge("execution_mode", {}),
        "executed_engine",
        "shadow_engine",
        badge("reason", {}),
        link_to("policy_version_id", "policies_policyversion"),
        hash_of("decision_hash"),
    )
    list_filter = ("execution_mode", "executed_engine", "reason", recent("decided_at"))
    search_fields = ("experiment_id__exact", "decision_hash__exact", "policy_version_id__exact")
    search_help_text = "Experiment id, decision hash or policy version (v7)"
    fields = (
        link_to("experiment_id", "experiments_experiment"),
        "decided_at",
        badge("execution_mode", {}),
        "executed_engine",
        "shadow_engine",
        badge("reason", {}),
        link_to("policy_version_id", "policies_policyversion"),
        "rules_version",
        full_hash("decision_hash"),
        json_of("inputs"),
    )
    empty_hint = EMPTY_HINT
    empty_commands = EMPTY_COMMANDS


@admin.register(SignalDistribution)
class DistributionAdmin(AuditAdmin):
    """What was given to which engine, and whether it answered (R1.5)."""

    list_display = (
        "distributed_at",
        link_to("experiment_id", "experiments_experiment", short=True),
        "engine",
        hash_of("context_hash"),
        "lease_expires_at",
        "answered_at",
    )
    list_filter = ("engine", recent("distributed_at"))
    ordering = ("-id",)
    search_fields = ("experiment_id__exact",)
    search_help_text = "Experiment id"
    fields = (
        link_to("experiment_id", "experiments_experiment"),
        "engine",
        full_hash("context_hash"),
        "distributed_at",
        "lease_token",
        "lease_expires_at",
        "answered_at",
    )
    empty_hint = EMPTY_HINT
    empty_commands = EMPTY_COMMANDS


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(AuditAdmin):
    """The latest heartbeat of each worker cluster; one goes through all of its processes."""

    list_display = ("cluster", "heartbeat_at")
    fields = ("cluster", "heartbeat_at")
    empty_hint = "No worker has run against this database yet."
    empty_commands = ("manage.py worker",)
