"""What is not worth a line in the log."""

import logging

PROBES = ("/readyz", "/healthz")


def not_a_probe(record: logging.LogRecord) -> bool:
    """False for Django's own line about a health check: it is asked every few seconds and says why itself."""
    request = getattr(record, "request", None)
    return getattr(request, "path", "") not in PROBES
