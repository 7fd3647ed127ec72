"""Settings of the django-q2 peer: the stock broker with one task per signal, tuned as its documentation advises."""

from orchestrator_site.settings import *  # noqa: F403 (a settings module)

Q_CLUSTER = {
    "name": "orchestrator",
    "orm": "default",
    "workers": 1,
    # Ten tasks are fetched at once, and the queue holds them: the fastest of what was tried.
    "queue_limit": 10,
    "bulk": 10,
    "poll": 0.02,
    "timeout": 60,
    "retry": 120,
    "max_attempts": 3,
    "save_limit": -1,
    "catch_up": False,
    "scheduler": False,
    "recycle": 500,
    "label": "Task queue",
}
