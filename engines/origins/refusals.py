"""Every way an origin is refused, each in one sentence and a hint that says what to do."""

from engines.origins.port import OriginError, OriginRefused, OriginUnavailable

CHECK_ADDRESS = "Check the address."


def bad_address(what: str = "That is no web address.") -> OriginRefused:
    return OriginRefused("bad_address", what, "Write it as https://example.org/page, without spaces.")


def has_credentials() -> OriginRefused:
    return OriginRefused(
        "bad_address",
        "The address holds a user name or a password, which are not sent.",
        "Give the address without them, or upload the files instead.",
    )


def unknown_host(host: str) -> OriginRefused:
    return OriginRefused("bad_address", f"There is no host called {host}.", CHECK_ADDRESS)


def forbidden_port(port: int) -> OriginRefused:
    return OriginRefused(
        "forbidden_address",
        f"Port {port} is not open to sources.",
        "Use one of 80, 443, 8080 and 8443, or ask an administrator to add host and port to SOURCE_ALLOW.",
    )


def forbidden_host(host: str) -> OriginRefused:
    return OriginRefused(
        "forbidden_address",
        f"{host} does not lead to the public internet, and sources are kept from inner networks.",
        "Ask an administrator to add the host to SOURCE_ALLOW.",
    )


def insecure_redirect(host: str) -> OriginRefused:
    return OriginRefused(
        "redirects",
        f"{host} redirects from https to plain http, where anybody on the way could change the content.",
        "Give the http address itself if that is what you want.",
    )


def too_many_redirects(host: str, most: int) -> OriginRefused:
    return OriginRefused("redirects", f"{host} redirects more than {most} times.", CHECK_ADDRESS)


def leads_elsewhere(url: str) -> OriginRefused:
    return OriginRefused(
        "redirects",
        f"{url} redirects to a page outside the site, or to one that robots.txt closes.",
        "Add the address it leads to as a source of its own.",
    )


def bad_certificate(host: str) -> OriginRefused:
    return OriginRefused(
        "bad_certificate",
        f"The certificate of {host} is not valid, so it may be somebody else's server.",
        "Ask whoever runs the server to renew it; for an authority of your own set SSL_CERT_FILE.",
    )


def too_large(name: str, max_bytes: int) -> OriginRefused:
    return OriginRefused(
        "too_large",
        f"{name} is larger than {max_bytes / 1024**2:,.0f} MB.",
        "Split it, or ask an administrator to raise MAX_UPLOAD_MB.",
    )


def gone(name: str) -> OriginRefused:
    return OriginRefused("gone", f"{name} is not there any more.", "Check whether it has moved.")


def no_access(name: str) -> OriginRefused:
    return OriginRefused(
        "no_access", f"Footnote has no right to read {name}.", "Give it that right, or upload the file instead."
    )


def not_a_folder(path: str) -> OriginRefused:
    return OriginRefused("refused", f"{path} is not a folder.", "Give the folder, or upload the file itself.")


def no_bucket(name: str) -> OriginRefused:
    return OriginRefused("bad_address", f"There is no bucket called {name} there.", "Check its name and the endpoint.")


def wrong_keys(name: str) -> OriginRefused:
    return OriginRefused(
        "no_access",
        f"The keys given do not let Footnote read the bucket {name}.",
        "Check the access key and its rights: it needs s3:ListBucket and s3:GetObject.",
    )


def archived(key: str) -> OriginRefused:
    return OriginRefused("refused", f"{key} lies in cold storage.", "Restore it there first.")


def bad_bucket(name: str, what: str) -> OriginRefused:
    return OriginRefused("refused", f"The bucket {name} cannot be read: {what}.", "Check bucket, region and endpoint.")


def needs_s3() -> OriginRefused:
    return OriginRefused(
        "needs_extra",
        "Reading S3 buckets needs the extra “s3”, which is not installed.",
        'Ask an administrator to run make setup EXTRAS="s3".',
    )


def unsupported(name: str, what: str) -> OriginRefused:
    return OriginRefused("unsupported", f"{name} is {what}, which is not taken.", "Leave it out of the source.")


def closed_by_robots(url: str) -> OriginRefused:
    return OriginRefused(
        "robots",
        f"The robots.txt of the site does not let Footnote read {url}.",
        "Ask whoever runs the site to allow the user agent Footnote, or upload the files instead.",
    )


def no_sitemap(url: str) -> OriginRefused:
    return OriginRefused("no_sitemap", f"No sitemap was found for {url}.", "Give its address, or follow links instead.")


def unpacking(host: str) -> OriginRefused:
    return OriginRefused(
        "refused", f"{host} sends a compression that is not read, or a broken one.", "Upload the file instead."
    )


def status(code: int, url: str) -> OriginError:
    """What an HTTP status that is no success means."""
    if code in (404, 410):
        return gone(url)
    if code in (401, 403, 407):
        return no_access(url)
    if code in (408, 425, 429) or code >= 500:
        return OriginUnavailable(f"The server of {url} cannot answer now (status {code}).")
    return OriginRefused("refused", f"The server of {url} refuses it (status {code}).", CHECK_ADDRESS)
