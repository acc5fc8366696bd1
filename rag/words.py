"""Words as support, evidence and quoting compare them: folded, lightly stemmed, stop words aside.

This is not the index's analysis (tantivy has its own). It is kept small and language-light: Latin scripts
lose plural and verb endings, scripts without spaces are compared by pairs of characters.
"""

import re
import unicodedata
from functools import lru_cache

STOP_WORDS = frozenset(
    """
    a about above after again against all also am an and any are as at be because been before being below
    between both but by can could did do does doing don down during each few for from further get give had
    has have having he her here hers him his how i if in into is it its itself just like make many me more
    most much my no nor not now of off on once only or other our out over own per please same she should
    show so some such tell than that the their theirs them themselves then there these they this those
    through to too under until up us very was we were what whatever when where whether which while who whom
    whose why will with within without would you your yours
    der die das den dem des ein eine einer eines einem einen und oder ist sind war waren wird werden wurde
    wurden hat haben hatte mit von vom zu zum zur im in am an auf aus bei für nach über unter wie was wer
    wann wo warum welche welcher welches nicht auch es er sie sich als
    el la los las un una unos unas y o es son fue fueron ha han con de del al en por para que qué quién
    cuándo cuál cuáles cómo dónde cuánto cuántos cuántas no se su sus lo le como
    le les des du une et ou est sont était a ont avec dans par pour que qui quand quel quelle quels quelles
    comment où pourquoi combien ne pas se sa ses son ce cette ces il elle ils elles au aux sur
    """.split()  # noqa: SIM905 - a list of words reads better than 300 quotes
)
# Scripts written without spaces: CJK ideographs, kana, Thai, Lao, Khmer, Myanmar.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"\d+(?:[.,]\d+)*|[{UNSPACED}]+|[^\W\d_{UNSPACED}]+(?:['’][^\W\d_]+)?")
_UNSPACED_RUN = re.compile(rf"[{UNSPACED}]+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ments", "ment", "edly", "ies", "ied", "ed", "ly", "es", "s", "e")
SHORTEST_STEM = 3


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without one common ending; at least three letters stay, and what has digits stays whole."""
    word = re.sub(r"['’]s?$", "", word)
    if not word.isalpha():
        return word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM and not word.endswith("ss"):
            base = word[: -len(ending)]
            if ending in ("ies", "ied"):
                return base + "i"
            if len(base) > SHORTEST_STEM and base[-1] == base[-2] and ending in ("ing", "ings", "ed"):
                return base[:-1]
            return base.rstrip("y") + "i" if base.endswith("y") and ending == "s" else base
    return word[:-1] + "i" if word.endswith("y") and len(word) > SHORTEST_STEM else word


def _folded(text: str) -> str:
    """Compatibility forms joined, lower case, accents gone: `Übergröße` and `ubergrosse` meet."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


_FOLDED_STOP_WORDS = frozenset(_folded(word) for word in STOP_WORDS)


def surface_words(text: str) -> list[str]:
    """The words of a text as they stand, in order; runs of unspaced scripts are one word."""
    return _WORD.findall(text)


def content_words(text: str) -> list[str]:
    """Folded, stemmed words in order, stop words and single letters left out.

    Numbers lose their thousands separators, so that `1,577` meets `1577`.
    """
    found: list[str] = []
    for word in _WORD.findall(_folded(text)):
        if _UNSPACED_RUN.fullmatch(word):
            found += [word[i : i + 2] for i in range(max(len(word) - 1, 1))]
        elif word[0].isdigit():
            found.append(re.sub(r",(?=\d{3}\b)", "", word))
        elif len(word) > 1 and word not in _FOLDED_STOP_WORDS:
            found.append(stem(word))
    return found


def is_stop_word(word: str) -> bool:
    """Whether a surface word carries no content of its own."""
    return _folded(word) in _FOLDED_STOP_WORDS
