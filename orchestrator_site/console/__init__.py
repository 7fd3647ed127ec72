"""The admin's own pages: overview, kill switch, experiment, report, check an alert."""
