"""The words of a question, found again in what was found for it."""

from collections.abc import Iterator
from functools import lru_cache

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from rag.words import content_words, surface_words


class QuestionWords:
    """The words of a question that carry content; compared as `rag.words` does, which is lighter than the index."""

    def __init__(self, question: str) -> None:
        self._asked: dict[str, str] = {}
        for word in surface_words(question):
            parts = _parts(word)
            for part in parts:
                self._asked.setdefault(part, word if len(parts) == 1 else part)

    def found_in(self, *texts: str) -> list[str]:
        """Those that stand in one of the texts, as they were asked and in the order of the question."""
        there = {part for text in texts for word in surface_words(text) for part in _parts(word)}
        return list(dict.fromkeys(word for part, word in self._asked.items() if part in there))

    def marked(self, text: str) -> SafeString:
        """The text, escaped, with every one of them in a `<mark>`."""
        pieces: list[str] = []
        position = 0
        for start, end in _joined(self._spans(text)):
            pieces += [conditional_escape(text[position:start]), format_html("<mark>{}</mark>", text[start:end])]
            position = end
        # Every piece was escaped above.
        return mark_safe("".join([*pieces, conditional_escape(text[position:])]))  # noqa: S308

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        end = 0
        for word in surface_words(text):
            start = text.index(word, end)
            end = start + len(word)
            if len(parts := _parts(word)) > 1:  # of a script without spaces, compared by pairs
                pairs = (place for place in range(len(word) - 1) if self._is_asked(word[place : place + 2]))
                yield from ((start + place, start + place + 2) for place in pairs)
            elif parts and parts[0] in self._asked:
                yield start, end

    def _is_asked(self, word: str) -> bool:
        return any(part in self._asked for part in _parts(word))


@lru_cache(maxsize=20_000)
def _parts(word: str) -> tuple[str, ...]:
    """What a word is compared by: its stem; its pairs in a script without spaces; nothing for a stop word."""
    return tuple(content_words(word))


def _joined(spans: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans in order, those that touch made one."""
    begun: tuple[int, int] | None = None
    for start, end in spans:
        if begun is not None and start <= begun[1]:
            begun = begun[0], end
            continue
        if begun is not None:
            yield begun
        begun = start, end
    if begun is not None:
        yield begun
