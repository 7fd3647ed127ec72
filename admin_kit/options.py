"""What admin pages are made of: `BrowseAdmin` for every table, `AuditAdmin` for what nobody may edit, `render_page`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import DecimalField, FloatField, IntegerField, Model, QuerySet, TextField
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

if TYPE_CHECKING:
    # Unfold's annotations contradict Django's; to the type checker its classes are Django's.
    from django.contrib.admin import ModelAdmin as StockModelAdmin
    from django.contrib.admin.views.main import ChangeList

    ModelAdmin = StockModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin
    from unfold.views import ChangeList

from admin_kit.csv_export import EXPORTS
from admin_kit.paginator import EstimatePaginator
from admin_kit.places import title_of_list
from admin_kit.saved_views import COLUMNS
from admin_kit.search import search_exactly

View = TypeVar("View", bound=Callable[..., Any])
NUMERIC_FIELDS = (IntegerField, DecimalField, FloatField)
# Names and descriptions may be as long; codes and hashes, which stay in one piece, are not.
LONG_TEXT = 100
# The name of a page's URL by the model it is about: an app registers its page, so that none below needs to name it.
_PAGES_ABOVE: dict[type[Model], str] = {}


class BrowseList(ChangeList):
    """A list that tells "nothing there yet" from "nothing matches"."""

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or filter is active."""
        return bool(self.query or self.has_active_filters)

    @property
    def csv_query(self) -> str:
        """The query of the same list as CSV, all pages in one."""
        return self.get_query_string({"as": "csv"}, ["p"])

    @property
    def json_query(self) -> str:
        """The same as JSON."""
        return self.get_query_string({"as": "json"}, ["p"])

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """The parameters that narrow the list; which columns it has does not."""
        found: dict[str, Any] = super().get_filters_params(params)
        found.pop(COLUMNS, None)
        return found

    @property
    def page_name(self) -> str:
        """The name of the list's URL."""
        return f"{self.opts.app_label}_{self.opts.model_name}_changelist"

    @property
    def column_choices(self) -> list[tuple[str, str, bool]]:
        """The columns that can be chosen: name, title, and whether it is shown."""
        options = cast("BrowseAdmin", self.model_admin)
        return [
            (name, str(label_for_field(name, self.model, options)), name in self.list_display)
            for name in options.column_choices
        ]

    @property
    def kept_parameters(self) -> list[tuple[str, str]]:
        """What the query holds beside the columns, for the form that chooses them."""
        return [(name, value) for name, values in self.filter_params.items() if name != COLUMNS for value in values]

    @property
    def number_columns(self) -> list[str]:
        """The columns of numbers, which are right-aligned: numeric fields that are no key, and marked columns."""
        fields = [field for field in self.lookup_opts.concrete_fields if not field.primary_key]
        numeric = {field.name for field in fields if isinstance(field, NUMERIC_FIELDS)}
        columns = []
        for column in self.list_display:
            name = column.__name__ if callable(column) else column
            marked = column if callable(column) else getattr(self.model_admin, column, None)
            if name in numeric or getattr(marked, "is_number", False):
                columns.append(name)
        return columns

    @property
    def row_names(self) -> tuple[str, str]:
        """What one row is called, and several."""
        names: tuple[str, str] | None = getattr(self.model_admin, "row_names", None)
        return names or (str(self.opts.verbose_name), str(self.opts.verbose_name_plural))

    @property
    def text_columns(self) -> list[str]:
        """The columns of free text, which may wrap; all others stay on one line."""
        fields = self.lookup_opts.concrete_fields
        return [each.name for each in fields if isinstance(each, TextField) or (each.max_length or 0) >= LONG_TEXT]

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """The order asked for by a column that is sortable, else the list's own: no other has an index."""
        sortable = [str(place) for place, column in enumerate(self.list_display) if column in (self.sortable_by or ())]
        asked = self.params.get(ORDER_VAR)
        if asked is not None and asked.removeprefix("-") not in sortable:
            del self.params[ORDER_VAR]
        return super().get_ordering(request, queryset)

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page; the whole table is not counted a second time."""
        super().get_results(request)
        if not self.is_narrowed:
            self.full_result_count = self.result_count


class BrowseAdmin(ModelAdmin):
    """Lists that stay fast at a million rows and answer nonsense in the URL with a message."""

    paginator = EstimatePaginator
    change_list_template = "admin_kit/change_list.html"
    # Else a filtered list counts the whole table as well, only to say "12 of 1,000,000".
    show_full_result_count = False
    # How many rows each choice of a filter has would be counted over the whole table, choice by choice.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_fullwidth = True
    list_horizontal_scrollbar_top = False
    # Buttons above a list and on a detail page: names of methods decorated with `page_action`.
    actions_list: tuple[str, ...] = ()
    actions_detail: tuple[str, ...] = ()
    # The columns of the list as CSV and JSON, by the names of fields; none for a list that is not offered so.
    csv_columns: ClassVar[tuple[str, ...]] = ()
    # The columns that a user can choose from and keep as a view; none for a list that has always the same.
    column_choices: tuple[str, ...] = ()
    # What one row and several are called where people know them by another name than the table's.
    row_names: tuple[str, str] | None = None
    # What an empty list says: what creates rows, and the commands for it.
    empty_hint = ""
    empty_commands: tuple[str, ...] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search exactly; a malformed ID finds nothing."""
        if not search_term.strip():
            return queryset, False
        return search_exactly(queryset, self.get_search_fields(request), search_term), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the filters on offer and no other lookup: `?symbol__regex=(` makes the database raise."""
        return lookup in {name for item in self.list_filter for name in _parameters(item)}

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        """The column that the list is ordered by, either way: an index serves it, and most others have none."""
        first = next(iter(self.get_ordering(request) or self.opts.ordering or ()), "")
        return [column for column in self.get_list_display(request) if column == str(first).removeprefix("-")]

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns that the query asks for, in the list's order; the usual ones where it asks for none of them."""
        asked = ",".join(request.GET.getlist(COLUMNS)).split(",")
        return [name for name in self.column_choices if name in asked] or super().get_list_display(request)

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        """The columns that lead to a row's page, if it has one; the first where none of those is shown."""
        if self.list_display_links is None:
            return None
        links = super().get_list_display_links(request, list_display) or ()
        return [name for name in links if name in list_display] or list(list_display)[:1]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BrowseList]:
        """The list that can say why it is empty."""
        return BrowseList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; nonsense in the query string shows it unfiltered, with a message, and is no file."""
        # Django's flag for "the filters were wrong": a second mistake must not show its database error page.
        query = request.GET.copy()
        wrong = query.pop("e", None)
        export = EXPORTS.get(query.pop("as", [""])[-1]) if self.csv_columns else None
        # PostgreSQL's text holds no U+0000: a filter or search with one raises in the adapter, before any query.
        if request.method == "GET" and any("\x00" in value for values in query.lists() for value in values[1]):
            return _refused() if export else self._unfiltered(request)
        if request.method == "POST":
            self._keep_well_formed_selection(request)
        if export:
            query.pop("p", None)  # a file is all pages in one
        request.GET = query  # type: ignore[assignment]  # Django reads it only
        if wrong:
            messages.warning(request, "The URL contained an unknown filter or page, which was ignored.")
        try:
            if export and self.has_view_or_change_permission(request):
                listed = self.get_changelist_instance(request)
                if any(map(_chooses_nothing, listed.filter_specs)):
                    return _refused()
                rows = listed.get_queryset(request)
                return export(rows, self.csv_columns, self.opts.db_table)  # type: ignore[return-value]  # streamed
            answer = super().changelist_view(request, extra_context)
        # Of a list Django has caught the second already.
        except (SuspiciousOperation, IncorrectLookupParameters):
            return _refused() if export else self._unfiltered(request)
        if isinstance(answer, TemplateResponse) and answer.context_data and "cl" in answer.context_data:
            answer.context_data["title"] = title_of_list(answer.context_data, self.opts)
        return answer

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; None for what cannot be an ID."""
        return None if "\x00" in object_id else super().get_object(request, object_id, from_field)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons of a row's page; none where nothing is left to be done."""
        row = self.get_object(request, str(object_id))
        if row is not None and self.is_settled(row):
            return []
        actions: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # Unfold has no types
        return actions

    def is_settled(self, row: Any) -> bool:
        """Whether everything has been done with a row that its page has buttons for."""
        return False

    def _keep_well_formed_selection(self, request: HttpRequest) -> None:
        """Drop from an action's selection what cannot be an ID: the database would reject it."""
        selected = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not selected:
            return
        form = request.POST.copy()
        well_formed = []
        for text in selected:
            with suppress(ValidationError):
                self.opts.pk.to_python(text)
                # A UUID or number is refused above; text passes, and may be empty or hold U+0000.
                well_formed += [text] if text and "\x00" not in text else []
        form.setlist(ACTION_CHECKBOX_NAME, well_formed)
        request.POST = form  # type: ignore[assignment]  # Django reads it only

    @staticmethod
    def _unfiltered(request: HttpRequest) -> HttpResponseRedirect:
        return HttpResponseRedirect(f"{request.path}?e=1")


class AuditAdmin(BrowseAdmin):
    """Rows that can be viewed and never changed here, whoever is signed in."""

    actions: Sequence[Any] | None = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes rows here."""
        return False


def page_action(description: str, *, permission: str, url_path: str, icon: str) -> Callable[[View], View]:
    """Turn a method into a button with a URL of its own, for those with `has_<permission>_permission`."""
    decorate = action(description=description, permissions=[permission], url_path=url_path, icon=icon)
    return cast("Callable[[View], View]", decorate)


def _chooses_nothing(spec: Any) -> bool:
    """Whether a filter was given a choice that it does not have; it narrows nothing then."""
    choices = dict(spec.lookup_choices) if isinstance(spec, admin.SimpleListFilter) else {}
    return bool(choices) and bool(spec.value()) and spec.value() not in choices


def _refused() -> HttpResponseBadRequest:
    """No file: whoever reads one without its filter takes it for the filtered one."""
    return HttpResponseBadRequest("The URL contains an unknown filter.", content_type="text/plain; charset=utf-8")


def _parameters(item: Any) -> tuple[str, ...]:
    """The query parameters of one entry of `list_filter`."""
    if not isinstance(item, str | tuple):
        return (item.parameter_name,)
    field, kind = (item, None) if isinstance(item, str) else item
    if kind is admin.EmptyFieldListFilter:
        return (f"{field}__isempty",)
    return f"{field}__exact", f"{field}__isnull"


def render_page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    """A page with menu, banners and title; give `opts` (a model's) to pages that belong to a table."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), "title": title, **context})


def register_page_above(model: type[Model], url_name: str) -> None:
    """Make a page the one that the model's own app leads to with `page_above`."""
    _PAGES_ABOVE[model] = url_name


def page_above(model: type[Model], *arguments: object) -> str | None:
    """The URL of the page that an app above has about the model; None when there is none."""
    name = _PAGES_ABOVE.get(model)
    return None if name is None else reverse(name, args=arguments)
