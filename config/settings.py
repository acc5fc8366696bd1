"""The environment, read once, typed, refusing nonsense with a sentence that says what to do."""

import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.local import kept_secret_key, private_directory, private_socket
from config.logs import not_a_probe

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def positive(name: str, default: float) -> float:
    """A number above zero from the environment; anything else is refused by name."""
    text = env.str(name, default=str(default))
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value <= 0:
        raise ImproperlyConfigured(f"{name} is {text!r}; give a number above zero, such as {default:g}.")
    return value


def one_of(name: str, default: str, *, choices: tuple[str, ...]) -> str:
    """One of a few words from the environment."""
    value = env.str(name, default=default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; choose one of: {', '.join(choices)}.")
    return value


def database(url: str) -> dict[str, Any]:
    """Django's settings for a database URL; one that is neither SQLite nor PostgreSQL is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what is refused here
        config: dict[str, Any] = env.db_url_config(url)
    if config.get("ENGINE") not in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
        raise ImproperlyConfigured(
            "DATABASE_URL names no database that Footnote knows; give postgres://user:password@host:5432/name, "
            "or leave it out for SQLite."
        )
    return config


# ------------------------------------------------------------------------------------------- places
# Everything Footnote writes lies below DATA_DIR; what costs minutes to make again, below CACHE_DIR.
# Tests write to a folder of their own; it is chosen here because pytest-django reads the settings before
# any conftest runs.
TESTING = "pytest" in sys.modules
DATA_DIR = private_directory(
    tempfile.mkdtemp(prefix="footnote-tests-") if TESTING else env.str("DATA_DIR", default=str(BASE_DIR / "var"))
)
CACHE_DIR = Path(env.str("CACHE_DIR", default=str(BASE_DIR / ".cache"))).expanduser().resolve()
MEDIA_ROOT = DATA_DIR / "files"
INDEX_DIR = DATA_DIR / "index"
PORT = int(positive("PORT", 8000))
HOST = env.str("HOST", default="127.0.0.1")

# ------------------------------------------------------------------------------------------ security
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or kept_secret_key(DATA_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", HOST])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# HTTPS=1 says that people reach Footnote by https (usually through a proxy that ends it).
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = int(env.int("HSTS_SECONDS", default=31_536_000 if HTTPS else 0))
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# ---------------------------------------------------------------------------------------------- apps
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "axes",
    "django_htmx",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.users",
    "apps.inference",
    "apps.documents",
    "apps.chat",
    "apps.api",
    "config",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.middleware.OneThreadMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ------------------------------------------------------------------------------------------ database
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'footnote.sqlite3'}")
DATABASES = {"default": database(DATABASE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file: in memory, threads share one cache and meet locks that no time-out waits for.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=134217728;",
    }
elif DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A pool instead of CONN_MAX_AGE: under ASGI and in threads a kept connection is never given back.
    DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 20, "timeout": 10}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------------------------ redis, celery
# Without REDIS_URL the embedded valkey of `manage.py up` answers on a unix socket.
REDIS_SOCKET = private_socket(DATA_DIR, "valkey/valkey.sock")
REDIS_URL = env.str("REDIS_URL", default=f"unix://{REDIS_SOCKET}")
REDIS_EMBEDDED = "REDIS_URL" not in os.environ and "REDIS_URL" not in env.ENVIRON
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # recovery is by lease and reconciler (docs/adr/0003)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 6 * 3600,
    "socket_connect_timeout": 2,
    "socket_timeout": 30,
}
CELERY_TASK_PUBLISH_RETRY = False  # a request that cannot be queued is refused within 2 s, not held
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "answers"
CELERY_TASK_ROUTES = {
    "documents.ingest": {"queue": "ingest"},
    "documents.sync": {"queue": "sources"},
    "documents.search": {"queue": "search"},
    "documents.compact": {"queue": "search"},
    # Not behind a long ingestion: a reader waits for it. The drawing is a child process of its own.
    "documents.render_page": {"queue": "search"},
    "chat.answer": {"queue": "answers"},
    # Not behind the answers or documents they watch over: a killed writer's reader waits for them.
    "chat.reconcile": {"queue": "search"},
    "documents.reconcile": {"queue": "search"},
}
CELERY_BEAT_SCHEDULE = {
    "reconcile-documents": {"task": "documents.reconcile", "schedule": 5.0, "options": {"expires": 5}},
    "reconcile-answers": {"task": "chat.reconcile", "schedule": 2.0, "options": {"expires": 2}},
}
# Everything scheduled is due again within seconds of a start: a schedule kept on disk could only break.
CELERY_BEAT_SCHEDULER = "celery.beat.Scheduler"

# --------------------------------------------------------------------------------------------- users
AUTH_USER_MODEL = "users.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", default=False)
ACCOUNT_ADAPTER = "apps.users.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = False  # django-axes locks out; one lock is enough to explain
AXES_FAILURE_LIMIT = int(positive("SIGN_IN_FAILURES", 10))
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "account/locked.html"
AXES_USERNAME_FORM_FIELD = "login"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"  # Footnote sends no mail

# --------------------------------------------------------------------------------------------- files
STATIC_URL = "static/"
STATIC_ROOT = private_directory(str(DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
MEDIA_URL = ""
FILE_UPLOAD_PERMISSIONS = 0o600
# Uploads stream to disk, on the same disk as the store, so that keeping one is a rename.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024  # of a body that comes or waits; the rest of it is on disk
FILE_UPLOAD_TEMP_DIR = private_directory(str(DATA_DIR / "incoming"))
DATA_UPLOAD_MAX_NUMBER_FILES = 1000

# ------------------------------------------------------------------------------------------ language
LANGUAGE_CODE = "en-us"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = False
USE_TZ = True

# -------------------------------------------------------------------------------------------- limits
MAX_UPLOAD_MB = positive("MAX_UPLOAD_MB", 200)
MAX_PAGES = int(positive("MAX_PAGES", 5000))
MAX_CHARACTERS = int(positive("MAX_CHARACTERS", 20_000_000))
MAX_BLOCKS = int(positive("MAX_BLOCKS", 500_000))
MAX_ARCHIVE_MEMBERS = int(positive("MAX_ARCHIVE_MEMBERS", 5000))
MAX_ARCHIVE_MB = positive("MAX_ARCHIVE_MB", 2000)
MAX_ARCHIVE_RATIO = positive("MAX_ARCHIVE_RATIO", 200)
MAX_ARCHIVE_DEPTH = int(positive("MAX_ARCHIVE_DEPTH", 3))
MAX_QUESTION_CHARS = int(positive("MAX_QUESTION_CHARS", 8000))
MAX_OCR_PAGES = int(positive("MAX_OCR_PAGES", 500))
MAX_IMAGE_MEGAPIXELS = positive("MAX_IMAGE_MEGAPIXELS", 100)
OCR_PAGE_SECONDS = positive("OCR_PAGE_SECONDS", 60)
PARSE_MEMORY_MB = positive("PARSE_MEMORY_MB", 1500)
PARSE_CPU_SECONDS = positive("PARSE_CPU_SECONDS", 300)
PARSE_WALL_SECONDS = positive("PARSE_WALL_SECONDS", 600)
SOURCE_FOLDERS = env.list("SOURCE_FOLDERS", default=[])  # folders on the server that administrators may add as sources
SOURCE_ALLOW = env.list("SOURCE_ALLOW", default=[])  # hosts and networks that sources may reach though they are private
SOURCE_S3_KEY_ID = env.str("SOURCE_S3_KEY_ID", default="")
SOURCE_S3_SECRET = env.str("SOURCE_S3_SECRET", default="")
INGEST_ATTEMPTS = int(positive("INGEST_ATTEMPTS", 3))
SEARCH_LIMIT_MAX = int(positive("SEARCH_LIMIT_MAX", 100))

# ------------------------------------------------------------------------------------------ processes
INGEST_THREADS = int(positive("INGEST_THREADS", 2))
INGEST_NICENESS = env.int("INGEST_NICENESS", default=15)  # 0 to 19: how far questions go before documents
ANSWER_THREADS = int(positive("ANSWER_THREADS", 200))
SEARCH_THREADS = int(positive("SEARCH_THREADS", 8))
UPLOADS_AT_ONCE = int(positive("UPLOADS_AT_ONCE", 2))
UPLOADS_NICENESS = env.int("UPLOADS_NICENESS", default=10)  # 0 to 19: how far questions go before uploads
UPLOADS_SOCKET = private_socket(DATA_DIR, "uploads.sock")
SAMPLE = env.bool("SAMPLE", default=True)

# ------------------------------------------------------------------------------- retrieval and engines
EMBEDDING_MODEL = env.str("EMBEDDING_MODEL", default="all-MiniLM-L6-v2")
EMBEDDING_URL = env.str("EMBEDDING_URL", default="")
EMBEDDING_API_KEY = env.str("EMBEDDING_API_KEY", default="")
EMBEDDING_QUANTIZED = env.bool("EMBEDDING_QUANTIZED", default=True)
EMBEDDING_BACKEND = one_of("EMBEDDING_BACKEND", "auto", choices=("auto", "openvino", "sentence-transformers", "http"))
RERANK_MODEL = env.str("RERANK_MODEL", default="")  # a cross-encoder's folder; empty: what was found is not reranked
RERANK_SECONDS = positive("RERANK_SECONDS", 0.5)
INDEX_BACKEND = one_of("INDEX_BACKEND", "local", choices=("local",))
LLM_BASE_URL = env.str("LLM_BASE_URL", default="")
LLM_MODEL = env.str("LLM_MODEL", default="")
LLM_API_KEY = env.str("LLM_API_KEY", default="")
LLM_CONTEXT_WINDOW = int(positive("LLM_CONTEXT_WINDOW", 8192))
if LLM_BASE_URL and not LLM_MODEL:
    raise ImproperlyConfigured("LLM_BASE_URL is set but LLM_MODEL is not; name the model it serves.")
SEARCH_TIMEOUT_SECONDS = positive("SEARCH_TIMEOUT_SECONDS", 10)
ENGINE_CONNECT_SECONDS = positive("ENGINE_CONNECT_SECONDS", 1.5)
ENGINE_FIRST_TOKEN_SECONDS = positive("ENGINE_FIRST_TOKEN_SECONDS", 8)
ENGINE_GAP_SECONDS = positive("ENGINE_GAP_SECONDS", 15)
ANSWER_MAX_TOKENS = int(positive("ANSWER_MAX_TOKENS", 700))
ANSWER_PASSAGES = int(positive("ANSWER_PASSAGES", 10))
STREAM_KEEP_SECONDS = int(positive("STREAM_KEEP_SECONDS", 3600))
ANSWER_WAIT_SECONDS = positive("ANSWER_WAIT_SECONDS", 120)  # POST /answers without `stream`; then 202

# ----------------------------------------------------------------------------------------------- API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.api.authentication.ApiKeyAuthentication",
        "apps.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "apps.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "EXCEPTION_HANDLER": "apps.api.errors.one_shape",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Footnote",
    "DESCRIPTION": "Questions answered from your own documents, every sentence with its source.",
    "VERSION": "1",
    "PREPROCESSING_HOOKS": ["apps.api.schema.without_optional_slash"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "DocumentStateEnum": "apps.api.serializers.documents.STATES",
        "AnswerStatusEnum": "apps.api.serializers.answers.STATUSES",
        "SourceKindEnum": "apps.api.serializers.sources.KINDS",
        "RoleEnum": "apps.api.serializers.collections.ROLES",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
}

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # without one, /metrics answers this machine only

# --------------------------------------------------------------------------------------------- admin
UNFOLD = {
    "SITE_TITLE": "Footnote",
    "SITE_HEADER": "Footnote",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": ["/static/css/admin.css"],
    "SCRIPTS": ["/static/js/admin-theme.js"],
    "SIDEBAR": {"navigation": "config.admin_menu.menu"},
}

# ------------------------------------------------------------------------------------------- logging
LOG_LEVEL = one_of("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname).1s %(name)s: %(message)s", "datefmt": "%H:%M:%S"}},
    "filters": {"no_probes": {"()": "django.utils.log.CallbackFilter", "callback": not_a_probe}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_probes"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # What people typed amiss (4xx) they are told on the page; only failures of the server are worth a line.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedModelAdminLookup": {"level": "CRITICAL"},
        "httpx": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "faiss.loader": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
