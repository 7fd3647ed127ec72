"""URLs of the webhook and of the feeders' call."""

from django.urls import path, re_path

from signals_app.market_data_api import MarketDataView
from signals_app.webhook.receive import TradingViewWebhookView

webhook_urls = [
    # Without a token it is the same 401 as with a wrong one.
    re_path(r"^tradingview(?:/(?P<token>[^/]+))?/?$", TradingViewWebhookView.as_view(), name="tradingview-webhook"),
]
urlpatterns = [path("market-data", MarketDataView.as_view(), name="market-data")]
