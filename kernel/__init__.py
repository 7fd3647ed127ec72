"""The ground floor: what every app above stands on. One noun a file; nothing here knows an app."""
