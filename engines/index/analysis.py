"""Text to terms: words by script and language, what is written together taken apart, and the other way round.

A term is what an index holds and what a question looks up. Chunks are stemmed by the language they are in; a word of a
question stands for its stems in every language the question may be in, because questions are too short to be sure.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise

import tantivy
from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

from engines.index.languages import DEFAULT, is_little, language_of, languages_of, stemmer_of_script
from rag.words import UNSPACED

VERSION = "words_2"
"""In the schema of an index on disk: another way of making terms needs another name, so that old ones are rebuilt."""
LONGEST_WORD = 60
ENOUGH = 2
"""Words of a question without which its little words count as well: somebody may look for The Who."""
_LONGEST_JOINED = 30
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)+"
_PLAIN = re.compile(rf"{_NUMBER}|[A-Za-z0-9]+(?:'[A-Za-z]+)?")
# The vowel signs of India's scripts belong to their words, though Unicode does not call them letters.
_LETTER = rf"(?:(?![{UNSPACED}_])[\w\u0900-\u0dff])"
_ANY = re.compile(rf"{_NUMBER}|[{UNSPACED}]+|{_LETTER}+(?:['’]{_LETTER}+)?")
_UNSPACED_RUN = re.compile(rf"[{UNSPACED}]+")
_SEAM = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[a-z])(?=[A-Z])")
_POSSESSIVE = re.compile(r"['’].*")
_UNWRITTEN = re.compile("[\u0591-\u05bd\u0640\u064b-\u065f\u0670]")
"""Points of Hebrew and Arabic that most texts leave out, and the stroke that only stretches a word."""
_BINDING = frozenset("-‐‑&")
"""Signs between two parts of one name: 10-K, PP&E, AB-4711."""


def terms(text: str) -> list[str]:
    """The terms of a text that is to be found, as often as they stand in it, in no particular order."""
    words = list(_words(text))
    return _stemmed(words, language_of(words))


def query_terms(text: str) -> list[tuple[str, ...]]:
    """For each distinct word of any text the terms that it stands for; empty when there is no word.

    Little words ("what is the") are left out where ENOUGH others remain. Neighbours written as one are looked up as
    well: "CVS Health" finds CVSHEALTH.
    """
    telling = ["" if is_little(word) else _POSSESSIVE.sub("", word) for word, _ in _segments(text)]
    pairs = [a + b for a, b in pairwise(telling) if _joinable(a) and _joinable(b) and len(a + b) <= _LONGEST_JOINED]
    every = own_terms(text)
    little = {term for word, _ in _segments(text) if is_little(word) for each in own_terms(word) for term in each}
    kept = [alternatives for alternatives in every if not little.issuperset(alternatives)]
    chosen = kept if len(kept) >= ENOUGH else every
    return list(dict.fromkeys([*chosen, *((each,) for each in _each(pairs, DEFAULT) if each)]))


def own_terms(text: str) -> list[tuple[str, ...]]:
    """`query_terms` without what only neighbours make together: a text that holds them all may hold the words."""
    words = list(_words(text))
    by_language = [_each(words, name) for name in languages_of(words)]
    alternatives = [tuple(dict.fromkeys(filter(None, each))) for each in zip(*by_language, strict=True)]
    return list(dict.fromkeys(filter(None, alternatives)))


def _joinable(word: str) -> bool:
    return word.isalpha() and not _UNSPACED_RUN.match(word)


def _words(text: str) -> Iterator[str]:
    """Words as they stand, what they are made of, and what they make together."""
    before = ""
    for word, bound in _segments(text):
        if not word.isascii() and _UNSPACED_RUN.match(word):
            yield from word
            yield from (a + b for a, b in pairwise(word))
        else:
            yield word
            if not (word.isdigit() or (word.isalpha() and (word.islower() or word.istitle() or word.isupper()))):
                parts = _SEAM.split(word)
                if len(parts) > 1:
                    yield from parts
            if bound and len(before + word) <= _LONGEST_JOINED:
                yield before + word
        before = word


def _segments(text: str) -> Iterator[tuple[str, bool]]:
    """Words as they stand, and whether a sign binds each to the one before."""
    pattern = _PLAIN
    if not text.isascii():
        # A lone surrogate cannot be handed to tantivy, which takes UTF-8.
        text = unicodedata.normalize("NFKC", _UNWRITTEN.sub("", text.encode("utf-8", "ignore").decode()))
        pattern = _ANY
    ended = -1
    for match in pattern.finditer(text):
        start, end = match.span()
        word = match[0]
        if "," in word:
            word = word.replace(",", "")
        yield word, start == ended + 1 and text[ended] in _BINDING
        ended = end


def _stemmed(words: Sequence[str], language: str) -> list[str]:
    """The words' stems, each by its script's stemmer; those of Latin script by `language`'s."""
    if all(word.isascii() for word in words):
        return list(_analyser(language).analyze(" ".join(words)))
    by_stemmer: dict[str, list[str]] = {}
    for word in words:
        by_stemmer.setdefault(stemmer_of_script(word) or language, []).append(word)
    return [stem for name, some in by_stemmer.items() for stem in _analyser(name).analyze(" ".join(some))]


def _each(words: Sequence[str], language: str) -> list[str]:
    """The stem of each word, in order; "" for one that is too long to be looked up."""
    return [_stem(word, stemmer_of_script(word) or language) for word in words]


@lru_cache(maxsize=20_000)
def _stem(word: str, stemmer: str) -> str:
    return next(iter(_analyser(stemmer).analyze(word)), "")


@cache
def _analyser(stemmer: str) -> tantivy.TextAnalyzer:
    """Takes words apart at white space alone; endings off, then accents."""
    return (
        TextAnalyzerBuilder(Tokenizer.whitespace())
        .filter(Filter.remove_long(LONGEST_WORD))
        .filter(Filter.lowercase())
        .filter(Filter.stemmer(stemmer))
        .filter(Filter.ascii_fold())
        .build()
    )
