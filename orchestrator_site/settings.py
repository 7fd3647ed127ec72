"""Settings, all from the environment; docs/configuration.md lists every variable."""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import partial
from pathlib import Path

import django_stubs_ext
import environ

from embedded_postgres import OWNER
from orchestrator_site.api_schema.spectacular_settings import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS  # noqa: PLC0414 (a Django setting)
from orchestrator_site.console.unfold_settings import UNFOLD as UNFOLD  # noqa: PLC0414 (a Django setting)
from orchestrator_site.environment import Environment, database_settings, kept_secret
from orchestrator_site.log_format import logging_config
from orchestrator_site.sign_in.configuration import providers
from policies.core.settings import SETTINGS

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / ".data"

environ.Env.read_env(BASE_DIR / ".env")
env = Environment()

# PRODUCTION=true refuses to start without a secret key and host names and turns HTTPS on.
PRODUCTION = env.flag(
    "PRODUCTION", meaning="requires `SECRET_KEY` and `ALLOWED_HOSTS`; HTTPS only, secure cookies, HSTS"
)
DEBUG = env.flag("DEBUG", meaning="Django's debug pages; never with real alerts")
SECRET_KEY = env.text(
    "SECRET_KEY",
    default="",
    shown="created at first start",
    allowed="50 characters or more",
    meaning="signs sessions; required in production",
    secret=True,
) or ("" if PRODUCTION else kept_secret(DATA_DIR / "secret_key", partial(secrets.token_urlsafe, 50)))
# Whoever has it can tell every engine's role beforehand; without it, replay cannot verify what was assigned.
ASSIGNMENT_KEY = env.text(
    "ASSIGNMENT_KEY",
    default="",
    shown="created at first start",
    allowed="64 hexadecimal digits",
    meaning="secret that assigns signals to engines; the same for all processes; keep a copy for replay",
    secret=True,
) or kept_secret(DATA_DIR / "assignment_key", partial(secrets.token_hex, 32))
ASSIGNMENT_KEYS = env.names(
    "ASSIGNMENT_KEYS",
    default=[],
    allowed="keys, comma separated",
    meaning="earlier assignment keys, by which replay verifies what was assigned with them",
    secret=True,
)
ALLOWED_HOSTS = env.names(
    "ALLOWED_HOSTS",
    default=[] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]", "testserver"],
    shown="localhost",
    allowed="host names, comma separated",
    meaning="host names the site answers to",
)
CSRF_TRUSTED_ORIGINS = env.names(
    "CSRF_TRUSTED_ORIGINS",
    default=[],
    allowed="origins, comma separated",
    meaning="needed behind a proxy that changes the scheme",
)
# Until a proxy of ours has written it, X-Forwarded-For is what the sender claims.
TRUSTED_PROXIES = env.number(
    "TRUSTED_PROXIES",
    default=0,
    meaning="number of proxies in front whose `X-Forwarded-For` entry is trusted; with 0 no `X-Forwarded` header is",
)
METRICS_TOKEN = env.text(
    "METRICS_TOKEN",
    default="",
    allowed="any text",
    meaning="`/metrics` and the details of `/readyz` require it as `Authorization: Bearer`; without one they are for "
    "requests of the same machine that came through no proxy, and `/metrics` leaves out calls, exits, incidents and "
    "guardrails",
    secret=True,
)
API_DOCS = env.flag(
    "API_DOCS", default=True, meaning="serve the API's document and its page to anybody; `false` closes both"
)
SESSION_IDLE_MINUTES = env.number(
    "SESSION_IDLE_MINUTES",
    default=720,
    allowed="1 or more",
    meaning="minutes without a page opened or a button pressed until a session of the console ends; a page that "
    "refreshes itself does not count",
)

# Templates are looked for in this order: ours before Unfold's, and Unfold's before Django's.
INSTALLED_APPS = [
    "demo",
    "notifications",
    "orchestrator_site",
    "admin_kit",
    "kernel",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "orchestrator_site.apps.OrchestratorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "rest_framework_api_key",
    "axes",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "signals_app",
    "policies",
    "experiments",
    "outcomes",
    "archives",
]
MIDDLEWARE = [
    "orchestrator_site.web.handling.DatabaseUnavailableMiddleware",
    "orchestrator_site.web.handling.RequestIdMiddleware",
    # Ahead of the redirect to HTTPS and of the check of the host name: a load balancer probes by address, over HTTP.
    "orchestrator_site.web.handling.ProbeMiddleware",
    "orchestrator_site.web.handling.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "orchestrator_site.web.handling.ApiMiddleware",
    "orchestrator_site.web.pages.ContentPolicyMiddleware",
    "orchestrator_site.web.handling.CompressionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "orchestrator_site.account_audit.AccountMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "orchestrator_site.sign_in.crowd.CrowdMiddleware",
    "orchestrator_site.sign_in.middleware.SignInMiddleware",
    # Within these: the page that says "not found" asks who is signed in.
    "orchestrator_site.web.handling.NulPathMiddleware",
    # Innermost: it answers what its backend below has refused.
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "orchestrator_site.urls"
WSGI_APPLICATION = "orchestrator_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "orchestrator_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "orchestrator_site.sign_in.account_page.account_context",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The embedded server starts at the first connection, and only when no DATABASE_URL is given.
EMBEDDED_POSTGRES_DIR = DATA_DIR / "postgres"
DATABASE_URL = env.postgresql_url(
    "DATABASE_URL",
    meaning="the database; none means the embedded server in `.data/`; options go into the query, such as "
    "`?prepare_threshold=None` for PgBouncer",
)
DATABASES = {"default": database_settings(DATABASE_URL)}
MIGRATION_DATABASE_URL = env.postgresql_url(
    "MIGRATION_DATABASE_URL",
    meaning="the same database as its owner, for `migrate` and `up` alone, so that the role of `DATABASE_URL` owns "
    "nothing and can drop no guard; none means that it is the owner itself",
)
# None where the role of DATABASE_URL migrates, too (orchestrator_site/database_roles.py).
OWNER_DATABASE = (
    database_settings(MIGRATION_DATABASE_URL, embedded_role=OWNER)
    if MIGRATION_DATABASE_URL or not DATABASE_URL
    else None
)

PASSWORD_HASHERS = ["orchestrator_site.sign_in.hashing.PatientHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTHENTICATION_BACKENDS = [
    # Asked first, so that a password is not even looked at once there were too many.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = env.number(
    "SIGN_IN_ATTEMPTS",
    default=5,
    allowed="1 or more",
    meaning="wrong passwords for one user name from one address before it is locked out there for 15 minutes",
)
AXES_COOLOFF_TIME = timedelta(minutes=15)
# Not by the name alone: whoever knows it could keep an operator from the kill switch.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "orchestrator_site.account_audit.address_of"
AXES_USERNAME_CALLABLE = "orchestrator_site.account_audit.known_name"
AXES_LOCKOUT_CALLABLE = "orchestrator_site.sign_in.crowd.locked_out"
# The audit log has log-ins and refusals already.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# What was typed is kept nowhere: it may be right but for one letter.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "credential"]

REQUIRE_SECOND_FACTOR = env.flag(
    "REQUIRE_SECOND_FACTOR",
    meaning="everybody who signs in with a password sets up an authenticator app or a passkey before anything else",
)
REQUIRE_FRESH_LOGIN = env.flag(
    "REQUIRE_FRESH_LOGIN",
    meaning="releasing a halt or a guardrail, activating a policy, and keys and tokens ask for the second factor "
    "again, or for the password where there is none",
)
FRESH_LOGIN_MINUTES = env.number(
    "FRESH_LOGIN_MINUTES", default=15, allowed="1 or more", meaning="minutes for which that confirmation counts"
)
OIDC_ISSUER = env.text(
    "OIDC_ISSUER",
    default="",
    allowed="an https:// URL",
    meaning="sign in by this OpenID Connect provider as well; its redirect URI is "
    "`https://<host>/admin/account/oidc/oidc/login/callback/`",
)
OIDC_CLIENT_ID = env.text(
    "OIDC_CLIENT_ID", default="", allowed="any text", meaning="the client ID that the provider gave it"
)
OIDC_CLIENT_SECRET = env.text(
    "OIDC_CLIENT_SECRET", default="", allowed="any text", meaning="the client secret that goes with it", secret=True
)
OIDC_NAME = env.text(
    "OIDC_NAME", default="single sign-on", allowed="any text", meaning="what the provider is called on the sign-in page"
)
OIDC_CREATE_ACCOUNTS = env.flag(
    "OIDC_CREATE_ACCOUNTS",
    meaning="anyone whom the provider signs in gets an account; else only accounts that their owners have connected",
)
OIDC_ROLE_CLAIM = env.text(
    "OIDC_ROLE_CLAIM", default="groups", allowed="name of a claim", meaning="where the provider lists groups or roles"
)
OIDC_ROLES = env.names(
    "OIDC_ROLES",
    default=[],
    allowed="`value=group`, comma separated",
    meaning="which of those values puts people into which group here, applied at every sign-in by the provider; "
    "whoever has none of them is refused; blank leaves groups to administrators",
)
ACCOUNT_ADAPTER = "orchestrator_site.sign_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False
SOCIALACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = FRESH_LOGIN_MINUTES * 60
# axes counts, in the database and for all processes.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_FORMS = {
    "login": "orchestrator_site.sign_in.forms.SignInForm",
    "reauthenticate": "orchestrator_site.sign_in.forms.PasswordAgainForm",
}
MFA_ADAPTER = "orchestrator_site.sign_in.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = False
# A phone's clock may be half a minute off.
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_FORMS = {
    name: f"orchestrator_site.sign_in.forms.{form}"
    for name, form in {
        "authenticate": "CodeForm",
        "reauthenticate": "CodeAgainForm",
        "authenticate_webauthn": "PasskeyForm",
        "reauthenticate_webauthn": "PasskeyAgainForm",
        "activate_totp": "ActivateAppForm",
        "add_webauthn": "AddPasskeyForm",
        "edit_webauthn": "NamePasskeyForm",
    }.items()
}
SOCIALACCOUNT_ADAPTER = "orchestrator_site.sign_in.oidc.OidcAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_PROVIDERS = providers(OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_NAME)
LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "orchestrator_site.formats"

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(mode=0o700, parents=True, exist_ok=True)  # WhiteNoise warns when it is not there
# Serves straight from the packages: no collectstatic step between a clone and a running site.
WHITENOISE_USE_FINDERS = True
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# web/door.py keeps one byte more of a body, so that Django sees when one is too long.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
_redirect = env.flag(
    "SECURE_SSL_REDIRECT", default=True, meaning="in production: redirect HTTP; `false` where the proxy does it"
)
if PRODUCTION:
    SECURE_SSL_REDIRECT = _redirect
    if TRUSTED_PROXIES:
        # Believed whoever sends it: the proxy in front must set this header or take it away.
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = SESSION_IDLE_MINUTES * 60
SECURE_CONTENT_TYPE_NOSNIFF = True
# TradingView follows no redirect: the webhook itself refuses plain HTTP, and keeps that it did.
SECURE_REDIRECT_EXEMPT = [r"^webhooks/"]
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["policies.access.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["policies.access.HasKnownKey"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "policies.access.CallNegotiation",
    "DEFAULT_PARSER_CLASSES": ["orchestrator_site.web.handling.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "orchestrator_site.api_schema.generation.CallSchema",
    "EXCEPTION_HANDLER": "orchestrator_site.api_errors.problem_response",
    "UNAUTHENTICATED_USER": None,
    # Six decimals always: DRF leaves them out when they are zero, and one instant would have two spellings.
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

# How orders are decided when the policy says AUTO, and whether real money may move at all.
APP_MODE = env.text(
    "APP_MODE",
    default="PAPER",
    allowed="PAPER, LIVE",
    meaning="LIVE trades real money, and only where the policy says `live_enabled`",
)
POLICY_REQUIRE_APPROVAL = env.flag(
    "POLICY_REQUIRE_APPROVAL", meaning="a policy draft must be approved by someone other than its authors"
)
# The first policy version; from then on operators change the policy in the admin.
INITIAL_POLICY = {
    setting.name: env.text(setting.variable, default=setting.default, allowed=setting.allowed, meaning=setting.phrase)
    for setting in SETTINGS
    if setting.variable
}

# Alerts have processes of their own, without threads (orchestrator_site/web/door.py).
ALERT_PROCESSES = env.number(
    "ALERT_PROCESSES",
    default=2,
    allowed="1 or more",
    meaning="processes that take alerts; at most one a core",
)
WEB_PROCESSES = env.number(
    "WEB_PROCESSES", default=2, allowed="1 or more", meaning="processes that serve everything but alerts"
)
WEB_THREADS = env.number(
    "WEB_THREADS",
    default=10,
    allowed="1 or more",
    meaning="threads of each; every thread holds one database connection",
)
# A claim that waits holds a thread: without a limit, waiting engines would leave none for pages.
LONG_POLLS = env.number(
    "LONG_POLLS",
    default=3,
    meaning="long polls that each engine, and the feeder, may have waiting in one process; one more is 429 "
    "`too_many_polls`",
)

WORKERS = env.number(
    "WORKERS",
    default=1,
    allowed="1 or more",
    meaning="processes of one cluster that decide signals; `manage.py up --workers N` overrides it",
)
# Each line has its reason in docs/adr/0004-worker.md.
Q_CLUSTER = {
    "name": "orchestrator",
    "orm": "default",
    "broker_class": "experiments.worker.queue.SignalBroker",
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "bulk": 1,
    "timeout": 60,
    "retry": 120,
    "max_attempts": 3,
    "ack_failures": False,
    "save_limit": -1,
    "catch_up": False,
    "poll": 1,
    "guard_cycle": 2,
    "recycle": 5000,
    "label": "Task queue",
}

# How long rows stay; see docs/adr/0017-archives.md.
KEEP_SIGNALS_DAYS = env.number(
    "KEEP_SIGNALS_DAYS",
    default=0,
    allowed="0, or 30 or more",
    meaning="days until a finished signal, with everything that hangs on it, goes into an archive; 0 keeps it for ever",
)
KEEP_DELIVERIES_DAYS = env.number(
    "KEEP_DELIVERIES_DAYS",
    default=0,
    allowed="0, or 30 or more",
    meaning="the same for deliveries that belong to no signal",
)
KEEP_QUOTES_DAYS = env.number(
    "KEEP_QUOTES_DAYS",
    default=0,
    allowed="0, or 30 or more",
    meaning="the same for quotes; those from the day before the oldest signal on stay",
)
KEEP_MARKET_DATA_DAYS = env.number(
    "KEEP_MARKET_DATA_DAYS", default=0, allowed="0, or 30 or more", meaning="the same for pushed market data"
)
KEEP_AUDIT_DAYS = env.number(
    "KEEP_AUDIT_DAYS", default=0, allowed="0, or 30 or more", meaning="the same for the audit log"
)
ARCHIVE_DIR = env.text(
    "ARCHIVE_DIR",
    default="",
    shown="`.data/archive`",
    allowed="a folder",
    meaning="where archives are written; the same for all workers, and backed up",
) or str(DATA_DIR / "archive")

LOG_LEVEL = env.one_of(
    "LOG_LEVEL", default="INFO", allowed=("DEBUG", "INFO", "WARNING", "ERROR"), meaning="what is logged"
)
LOGGING = logging_config(LOG_LEVEL)

# What the Settings page shows.
ENVIRONMENT_VARIABLES = env.variables
