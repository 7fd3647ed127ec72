"""Where the pages of evaluations are, and what they say."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse


def url(page: str, *arguments: object) -> str:
    return reverse(f"admin:outcomes_evaluation_{page}", args=arguments)


def text(answer: HttpResponse | Any) -> str:
    return str(answer.content.decode())
