"""Addresses below /api/v1/."""

from django.urls import path

from outcomes.experiments_views import ExperimentListView, ExperimentView
from outcomes.performance_views import PerformanceView

urlpatterns = [
    path("experiments", ExperimentListView.as_view(), name="experiments"),
    path("experiments/<uuid:experiment_id>", ExperimentView.as_view(), name="experiment"),
    path("performance", PerformanceView.as_view(), name="performance"),
]
