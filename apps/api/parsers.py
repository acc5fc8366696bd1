"""What a request's body may be."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from apps.api.errors import TooLarge


class BoundedJSONParser(JSONParser):
    """JSON up to DATA_UPLOAD_MAX_MEMORY_SIZE bytes. DRF's own reads a body of any size into memory, and
    brackets nested too deep end its thread's stack (a 500), and lets through half a surrogate pair (`\\ud800`),
    which no database and no response can hold."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"A JSON body may have at most {limit:,} bytes; send a file as multipart/form-data.")
        try:
            value = super().parse(BytesIO(body), media_type, parser_context)
            if b"\\u" in body:
                json.dumps(value, ensure_ascii=False).encode()
            return value
        except UnicodeEncodeError:
            raise ParseError("The body holds half of a surrogate pair, which is no text; send it as UTF-8.") from None
        except RecursionError:
            raise ParseError("This JSON is nested too deep.") from None
        except ParseError as error:
            raise ParseError(f"The body is not JSON: {str(error.detail).removeprefix('JSON parse error - ')}") from None
