"""The page of the engines: are they there, were they there, do they keep up."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from orchestrator_site.console.engine_facts import engine_facts


@permission_required("policies.view_engine", raise_exception=True)
def page(request: HttpRequest) -> HttpResponse:
    """Show both engines as of now and over the last 24 hours."""
    context = {
        **admin.site.each_context(request),
        "title": "Engines",
        "engines": engine_facts(),
        "may_switch": request.user.has_perm("policies.change_engine"),
        "may_see_keys": request.user.has_perm("policies.view_apikey"),
    }
    return TemplateResponse(request, "console/engines.html", context)
