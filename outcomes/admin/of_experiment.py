"""Lists whose rows are each of one experiment: which one it is, and whether its signal was replayed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from admin_kit.display import beside_replayed, link
from admin_kit.options import AuditAdmin, BrowseList
from experiments.models import Experiment


class OfExperimentList(BrowseList):
    """The page's rows, and which of them are of replayed signals."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page; of its experiments the replayed ones after it, as a join would be read for every row."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        asked = {row.experiment_id for row in self.result_list}
        replayed = set(Experiment.objects.filter(pk__in=asked, signal__replayed=True).values_list("pk", flat=True))
        for row in self.result_list:
            row.is_replayed = row.experiment_id in replayed


class OfExperimentAdmin(AuditAdmin):
    """A list with the column `experiment_link`."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BrowseList]:
        """The list that knows what was replayed."""
        return OfExperimentList

    @admin.display(description="experiment")
    def experiment_link(self, row: Any) -> SafeString:
        """A link to the experiment, and whether its signal was replayed."""
        address = link("experiments_experiment", row.experiment_id, str(row.experiment_id)[:8])
        return beside_replayed(address) if row.is_replayed else address
