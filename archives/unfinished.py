"""Notes of the worker's work that is not done: what Now, the metrics and the alert rules look at."""

from __future__ import annotations

from django.db.models.functions import Now

from archives.models import UnfinishedWork


def begun(what: str) -> None:
    """Note that it has begun, unless it has been trying for longer."""
    UnfinishedWork.objects.bulk_create([UnfinishedWork(what=what, since=Now())], ignore_conflicts=True)


def failed(what: str, error: str) -> None:
    """Note why it did not succeed this time."""
    begun(what)
    UnfinishedWork.objects.filter(pk=what).update(error=error)


def succeeded(what: str) -> None:
    """Take the note back."""
    UnfinishedWork.objects.filter(pk=what).delete()
