"""Where documents come from besides uploads, each kind behind one port (port.py)."""

from engines.origins.bucket import Bucket, Keys
from engines.origins.client import Client, Seconds
from engines.origins.folder import Folder
from engines.origins.port import Entry, Fetched, Origin, OriginError, OriginRefused, OriginUnavailable
from engines.origins.web import WebPage
from engines.origins.website import Website

__all__ = [
    "Bucket",
    "Client",
    "Entry",
    "Fetched",
    "Folder",
    "Keys",
    "Origin",
    "OriginError",
    "OriginRefused",
    "OriginUnavailable",
    "Seconds",
    "WebPage",
    "Website",
]
