"""Admin pages of what came in and what both engines saw.

The signals themselves are registered by `experiments.admin`, whose queue can try one again.
"""

from signals_app.admin.audit import MarketContextAdmin, MarketDataAdmin, UnknownTokenAttemptAdmin, WebhookDeliveryAdmin
from signals_app.admin.sources import WebhookSourceAdmin
from signals_app.admin.watching import AlertStreamAdmin, MissingAlertAdmin

__all__ = [
    "AlertStreamAdmin",
    "MarketContextAdmin",
    "MarketDataAdmin",
    "MissingAlertAdmin",
    "UnknownTokenAttemptAdmin",
    "WebhookDeliveryAdmin",
    "WebhookSourceAdmin",
]
