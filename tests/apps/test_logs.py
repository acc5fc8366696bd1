"""What becomes a line in the log."""

import pytest
from django.http import HttpResponseServerError
from django.test import Client, RequestFactory
from django.utils.log import log_response


@pytest.mark.django_db
def test_what_people_typed_amiss_is_no_line_and_a_failure_is_one(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/nothere").status_code == 404
    assert caplog.messages == []
    failed = HttpResponseServerError()
    log_response("%s: %s", failed.reason_phrase, "/", response=failed, request=RequestFactory().get("/"))
    assert caplog.messages == ["Internal Server Error: /"]
