"""All URLs of the site; the webhook first, because it must be found fastest."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from orchestrator_site import health
from orchestrator_site.api_schema.views import SchemaView
from signals_app.urls import webhook_urls

api: list[URLPattern | URLResolver] = [
    path("", include("signals_app.urls")),
    path("", include("policies.urls")),
    path("", include("outcomes.urls")),
]
api_docs: list[URLPattern | URLResolver] = [
    path("schema", SchemaView.as_view(), name="schema"),
    # Without OPTIONS, which is a 500 of DRF's on this page.
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("webhooks/", include(webhook_urls)),
    path("api/v1/", include(api + (api_docs if settings.API_DOCS else []))),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("admin/", include("orchestrator_site.sign_in.urls")),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    # Browsers ask for it on every page that names no icon, such as /healthz.
    path("favicon.ico", RedirectView.as_view(url=static("orchestrator_site/favicon.svg"))),
]
handler400 = "orchestrator_site.api_errors.bad_request"
handler404 = "orchestrator_site.api_errors.not_found"
handler500 = "orchestrator_site.api_errors.server_error"
