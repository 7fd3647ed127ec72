"""Keeping it for years: what leaves the database, first into Parquet files, and what has to stay."""
