"""Addresses below /api/v1/."""

from django.urls import path

from signals_app.market_data_views import MarketDataView

urlpatterns = [path("market-data", MarketDataView.as_view(), name="market-data")]
