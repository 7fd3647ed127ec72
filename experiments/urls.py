"""Addresses below /api/v1/."""

from django.urls import path

from experiments.views import AssignmentView, ClaimView

urlpatterns = [
    path("assignments/claim", ClaimView.as_view(), name="claim-assignments"),
    path("assignments/<uuid:experiment_id>", AssignmentView.as_view(), name="assignment"),
]
