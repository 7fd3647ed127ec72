"""Admin pages of the queue and of how one signal became one decision.

The experiment's own page spans all apps and is registered by `orchestrator_site.console`.
"""

from experiments.admin.decisions import DecisionAdmin, DistributionAdmin, WorkerHeartbeatAdmin
from experiments.admin.replay_runs import ReplayRunAdmin
from experiments.admin.signals import SignalAdmin

__all__ = ["DecisionAdmin", "DistributionAdmin", "ReplayRunAdmin", "SignalAdmin", "WorkerHeartbeatAdmin"]
