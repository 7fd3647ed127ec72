"""Addresses below /api/v1/."""

from django.urls import path

from policies.views import HeartbeatView

urlpatterns = [path("heartbeat", HeartbeatView.as_view(), name="heartbeat")]
