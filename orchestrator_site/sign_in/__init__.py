"""Signing in: passwords, second factors, OIDC and sessions, by django-allauth (ADR 16)."""
