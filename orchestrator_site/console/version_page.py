"""What a policy version has decided: a part of its page, which belongs to an app below the decisions."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

# More are not counted: a version that has been active for a year would keep its page waiting.
MOST = 10_000
DECIDED = """
SELECT executed_engine, reason, count(*), min(decided_at), max(decided_at)
  FROM (SELECT executed_engine, reason, decided_at FROM execution_policy WHERE policy_version = %s LIMIT %s) latest
 GROUP BY executed_engine, reason ORDER BY count(*) DESC, reason
"""


@permission_required("experiments.view_executiondecision", raise_exception=True)
def part(request: HttpRequest, version: int) -> HttpResponse:
    """Count the version's decisions by who traded for real, and why."""
    with connection.cursor() as cursor:
        cursor.execute(DECIDED, (version, MOST))
        rows = cursor.fetchall()
    total = sum(count for _, _, count, _, _ in rows)
    seen = {
        "version": version,
        "rows": [(engine, reason, count) for engine, reason, count, _, _ in rows],
        "total": total,
        "more": total >= MOST,
        "first": min((row[3] for row in rows), default=None),
        "last": max((row[4] for row in rows), default=None),
    }
    return TemplateResponse(request, "console/version_decisions.html", seen)
