"""Print both: what the source is made of, and the files that an alert visits.

Arguments: `--helpers` names every private helper that is called once; `--source` leaves the alert out.
"""

from __future__ import annotations

import argparse
import os

from tests.size.source import FOLDERS, HEADING, ROOT, measure, product_files


def main() -> None:
    """Print the figures; about ten seconds, most of them for the migrations of a test database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--helpers", action="store_true", help="name the private helpers that are called once")
    parser.add_argument("--source", action="store_true", help="read the source only; no database")
    options = parser.parse_args()
    files = {folder: product_files(folder) for folder in FOLDERS}
    product = measure(path for paths in files.values() for path in paths)
    print(HEADING)
    for folder, paths in files.items():
        print(measure(paths).row(folder))
    print(product.row("product"))
    print(measure(sorted((ROOT / "tests").rglob("*.py"))).row("tests"))
    if options.helpers:
        print("\nPrivate helpers called once:\n  " + "\n  ".join(product.called_once))
    if not options.source:
        _print_itinerary()


def _print_itinerary() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()
    from tests.size.itinerary import trace_an_alert

    trace = trace_an_alert()
    *stages, page = trace.stages.items()
    before = {path for _, paths in stages for path in paths}
    for stage, paths in (*stages, (page[0], [path for path in page[1] if path not in before])):
        print(f"\n{stage}: {len(paths)} files")
        print("  " + "\n  ".join(str(path.relative_to(ROOT)) for path in paths))
    print(f"\nAn alert visits {len(before)} files from its bytes to the report that the API answers.")
    print(f"With the report's page in the admin, templates included: {len(trace.files())}.")


if __name__ == "__main__":
    main()
