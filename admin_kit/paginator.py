"""Pages of a large table without counting it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connections
from django.utils.functional import cached_property

# Counted exactly up to here, which takes a millisecond; beyond, nobody needs the exact number.
COUNTED = 10_000
# Rows passed over on the way to a page cost next to nothing up to here.
FAR_DOWN = 1_000
ESTIMATE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass"


class EstimatePaginator(Paginator[Any]):
    """Counts up to 10,000 rows; of more it takes PostgreSQL's estimate, or says "more than 10,000"."""

    template_name = "admin_kit/pagination.html"
    object_list: Any  # a QuerySet, as the admin gives it

    def page(self, number: Any) -> Page[Any]:
        """Return a page; of one far down only the ids are looked for first, for which an index will do."""
        page = super().page(number)
        skipped = (page.number - 1) * self.per_page
        if skipped >= FAR_DOWN:
            ids = self.object_list.values_list("pk", flat=True)[skipped : skipped + self.per_page]
            page.object_list = self.object_list.filter(pk__in=list(ids))
        return page

    @cached_property
    def count(self) -> int:
        """Return the number of rows, exact when it is below 10,000."""
        counted: int = self.object_list.order_by()[: COUNTED + 1].count()
        if counted <= COUNTED:
            return counted
        return counted if self._is_filtered else max(counted, self._estimate())

    @property
    def is_estimate(self) -> bool:
        """Tell whether `count` is PostgreSQL's estimate of the whole table."""
        return self.count > COUNTED + 1

    @property
    def is_lower_bound(self) -> bool:
        """Tell whether there are more rows than `count` says."""
        return self.count == COUNTED + 1

    @property
    def _is_filtered(self) -> bool:
        return bool(self.object_list.query.where)

    def _estimate(self) -> int:
        table = self.object_list.model._meta.db_table  # noqa: SLF001 (Django's public model API)
        with connections[self.object_list.db].cursor() as cursor:
            cursor.execute(ESTIMATE, (table,))
            return int(cursor.fetchone()[0])
