"""Which language words are in: by their script, and within Latin script by the little words that no text is without."""

from collections import Counter
from collections.abc import Sequence

DEFAULT = "english"
"""Of words that no language claims: names, numbers, rows of tables."""
_LITTLE_WORDS = {
    "english": "the of and to in is that for it was on are as with be by at from this have or an which you what how "
    "who when where why does did",
    "german": "der die und das von zu den mit ist des sich nicht dem ein eine im für auf als auch wird bei oder sind "
    "nach wie wurde was wer wann wo welche",
    "spanish": "el los las del que en por con una para es se su al lo como más fue son pero este qué cuál cuándo quién",
    "french": "le les des et est une du dans que qui pour pas sur au par plus il avec ce sont cette aux quel quelle",
    "italian": "il di che è per un una del della con non sono dei nel da come anche alla più gli quale quando chi",
    "dutch": "de het een van en is dat op te zijn met voor niet aan door om ook bij wordt naar uit wat wie hoe welke",
    "portuguese": "o os as que do da em um uma para com não é por dos no na mais ao são das pelo qual quando quem",
    "swedish": "och att det som en på är av för den med till inte ett om har från var kan vid vad vem hur vilken",
    "danish": "og at det som en på er af for den med til ikke et om har fra var kan ved der hvad hvem hvordan hvilken",
    "norwegian": "og å det som en på er av for den med til ikke et om har fra var kan ved hva hvem hvordan hvilken",
    "finnish": "ja on ei että se oli hän mutta ovat myös joka kuin tai sekä mikä kuka missä milloin",
    "hungarian": "a az és hogy nem is egy meg van ez volt csak vagy mi ki hol mikor melyik",
    "romanian": "și de la în a cu pe nu este care din un o mai pentru sunt ce cine când unde",
    "turkish": "ve bir bu için ile da de olarak daha olan gibi çok ne kim nasıl hangi nerede",
}
_CLAIMS: dict[str, tuple[str, ...]] = {}
for _name, _few in _LITTLE_WORDS.items():
    for _word in _few.split():
        _CLAIMS[_word] = (*_CLAIMS.get(_word, ()), _name)
_ENOUGH = 2
"""Little words that make a text another language's than DEFAULT: one may be part of a name (El Paso, Le Mans)."""
_SCRIPTS = ((0x370, 0x3FF, "greek"), (0x400, 0x52F, "russian"), (0x600, 0x77F, "arabic"), (0xB80, 0xBFF, "tamil"))


def stemmer_of_script(word: str) -> str:
    """The stemmer of a word that its script alone decides; "" for Latin and for scripts that have none."""
    if word.isascii():
        return ""
    first = ord(word[0])
    return next((name for low, high, name in _SCRIPTS if low <= first <= high), "")


def is_little(word: str) -> bool:
    """Whether it is one of the words that no text is without, in any language."""
    return word.lower() in _CLAIMS


def language_of(words: Sequence[str]) -> str:
    """The one language of Latin script that a text most likely is in."""
    votes = _votes(words)
    best = max(votes, key=lambda name: (votes[name], name == DEFAULT), default=DEFAULT)
    return best if votes[best] >= _ENOUGH else DEFAULT


def languages_of(words: Sequence[str]) -> list[str]:
    """Every language of Latin script that a question may be in, DEFAULT among them; all, where no word tells."""
    votes = _votes(words)
    if not votes:
        return list(_LITTLE_WORDS)
    most = max(votes.values())
    return list(dict.fromkeys([*(name for name, count in votes.items() if count == most), DEFAULT]))


def _votes(words: Sequence[str]) -> Counter[str]:
    return Counter(name for word in words for name in _CLAIMS.get(word.lower(), ()))
