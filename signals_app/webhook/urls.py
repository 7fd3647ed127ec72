"""Addresses of the webhook."""

from django.urls import re_path

from signals_app.webhook.views import TradingViewWebhookView

urlpatterns = [
    # Without a token it is the same 401 as with a wrong one.
    re_path(r"^tradingview(?:/(?P<token>[^/]+))?/?$", TradingViewWebhookView.as_view(), name="tradingview-webhook"),
]
