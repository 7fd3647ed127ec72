"""Views of lists: the filters, order and columns that a user has given a name; each sees and changes only his own."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_POST

from kernel.models import SavedView

COLUMNS = "columns"
# A page number is a place in a list, and not what the list is; Django's mark of a wrong filter is neither.
_NOT_KEPT = (COLUMNS, "p", "e", "csrfmiddlewaretoken")


def views_of(user: AbstractBaseUser | AnonymousUser, page: str) -> QuerySet[SavedView]:
    """The user's own views of a list, given by the name of its URL."""
    return SavedView.objects.filter(owner_id=user.pk, page=page)


def query_of(view: SavedView) -> str:
    """The query that opens the list as it was kept."""
    columns = urlencode({COLUMNS: view.columns}) if view.columns else ""
    return "&".join(filter(None, (view.query, columns)))


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the list's `page` with its `query` under a `name`; a view of that name is replaced."""
    # PostgreSQL's text holds no U+0000.
    page, name, query = (request.POST.get(field, "").replace("\x00", "").strip() for field in ("page", "name", "query"))
    shown = QueryDict(query, mutable=True)
    columns = ",".join(shown.getlist(COLUMNS))
    for left_out in _NOT_KEPT:
        shown.pop(left_out, None)
    assert request.user.pk is not None  # the site asks everybody to log in
    kept: dict[str, Any] = {"owner_id": request.user.pk, "page": page, "name": name}
    view = SavedView.objects.filter(**kept).first() or SavedView(**kept)
    view.query, view.columns = shown.urlencode(), columns
    return _answer(request, view, "saved")


@require_POST
def change(request: HttpRequest, view_id: int) -> HttpResponse:
    """Rename one's own view to `name`, or delete it where `delete` is pressed."""
    view = get_object_or_404(SavedView, pk=view_id, owner_id=request.user.pk)
    if "delete" in request.POST:
        view.delete()
        messages.success(request, f"View {view.name} deleted.")
        return HttpResponseRedirect(_address(view.page))
    view.name = request.POST.get("name", "").replace("\x00", "").strip()
    return _answer(request, view, "renamed")


def _answer(request: HttpRequest, view: SavedView, done: str) -> HttpResponse:
    address = _address(view.page)
    try:
        view.full_clean()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(address)
    view.save()
    messages.success(request, f"View {view.name} {done}.")
    return HttpResponseRedirect(f"{address}?{query_of(view)}")


def _address(page: str) -> str:
    try:
        return reverse(f"admin:{page}")
    except NoReverseMatch:
        raise Http404 from None
