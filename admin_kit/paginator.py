"""Pages of a large table without counting it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db import connections
from django.utils.functional import cached_property

# Counted exactly up to here, which takes some milliseconds; beyond, nobody needs the exact number.
COUNTED = 1_000
# Rows passed over on the way to a page cost next to nothing up to here.
SEEK_BY_ID_FROM = 1_000
# -1 until a table is first analysed, hence the greatest(). Of one in partitions, what those hold.
ESTIMATE = """
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
 WHERE relkind = 'r' AND (oid = %(table)s::regclass
                          OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %(table)s::regclass))
"""


class EstimatePaginator(Paginator[Any]):
    """Counts up to 1,000 rows; of more it takes PostgreSQL's estimate, or says "more than 1,000"."""

    template_name = "admin_kit/pagination.html"
    object_list: Any  # a QuerySet, as the admin gives it

    def page(self, number: Any) -> Page[Any]:
        """A page; far down, only the IDs are looked up first, for which an index will do."""
        page = super().page(number)
        skipped = (page.number - 1) * self.per_page
        if skipped >= SEEK_BY_ID_FROM:
            ids = self.object_list.values_list("pk", flat=True)[skipped : skipped + self.per_page]
            page.object_list = self.object_list.filter(pk__in=list(ids))
        return page

    @cached_property
    def count(self) -> int:
        """The number of rows, exact up to 1,000."""
        # A whole table without its order, which Django keeps in a count that is cut off, and PostgreSQL would then sort
        # by; of what is narrowed by an index that has this order, it is the shortest way.
        narrowed = bool(self.object_list.query.where)
        rows = self.object_list if narrowed else self.object_list.order_by()
        counted: int = rows[: COUNTED + 1].count()
        if counted <= COUNTED:
            return counted
        if narrowed:
            # PostgreSQL's estimate is of the whole table; of a part, "more than 1,000" is all that is known.
            return counted
        table = self.object_list.model._meta.db_table  # noqa: SLF001 (Django's public model API)
        with connections[self.object_list.db].cursor() as cursor:
            cursor.execute(ESTIMATE, {"table": table})
            # The estimate lags behind a table that has just grown.
            return max(counted, int(cursor.fetchone()[0]))

    @property
    def is_estimate(self) -> bool:
        """Whether `count` is PostgreSQL's estimate of the whole table."""
        return self.count > COUNTED + 1

    @property
    def is_lower_bound(self) -> bool:
        """Whether there are more rows than `count` says."""
        return self.count == COUNTED + 1
