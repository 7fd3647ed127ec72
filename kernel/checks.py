"""The tag of the checks of settings, for programs that make no others when they start."""

SETTINGS = "settings"
