"""When somebody is told; no database."""
