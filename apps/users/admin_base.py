"""What every admin of the project begins with."""

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

ENDINGS = {"", "exact", "in", "isnull", "gte", "gt", "lt", "lte", "id__exact", "id__in", "id__isnull", "pk__exact"}
"""How a filter's links end; not one that looks into a text, and not one that goes on to another table."""
DATES = {"year": 9999, "month": 12, "day": 31}


class Admin(ModelAdmin):
    """A list is filtered by what it offers to filter by, and nothing else.

    Django takes any field of the model in the address: whoever may see a list could then ask for the rows whose
    API key starts with a letter, one letter after the other.
    """

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Whether the address may filter by this, such as `status__exact`."""
        for name in self._offered(request):
            if lookup == name or lookup.startswith(f"{name}__"):
                ending = lookup[len(name) :].removeprefix("__")
                return ending in ENDINGS or _is_date_part(ending, str(value))
        return False

    def _offered(self, request: HttpRequest) -> set[str]:
        """The names that the list's own links filter by: filters, dates, and the row's id (links of other pages)."""
        names = {"id", self.date_hierarchy or "id"}
        for entry in self.get_list_filter(request):
            first = entry[0] if isinstance(entry, tuple | list) else entry
            if isinstance(first, type) and issubclass(first, SimpleListFilter):
                names.add(str(first.parameter_name))
            else:
                names.add(str(first))
        return names


def _is_date_part(ending: str, value: str) -> bool:
    """Whether it is a part of a date that exists: the year 99999 is none."""
    return ending in DATES and value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= DATES[ending]


class ReadOnlyAdmin(Admin):
    """Rows that the system writes and people only read."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
