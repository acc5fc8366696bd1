"""Which language words are in: by their script, and within Latin script by the little words that no text is without."""

from collections import Counter
from collections.abc import Sequence

DEFAULT = "english"
"""Of words that no language claims: names, numbers, rows of tables."""
_LITTLE_WORDS = {
    "english": "the of and to in a is that for it was on are as with be by at from this have or an not were which "
    "has had but its they you i what how who when where why does did",
    "german": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden "
    "aus er hat dass sie nach wird bei einer um am sind noch wie einem über so zum war haben nur oder aber vor zur "
    "bis mehr durch man was wer wann wo welche welcher welches warum",
    "spanish": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me "
    "si sin sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde qué cuál cuáles "
    "cuándo quién quiénes cómo dónde cuánto cuánta cuántos cuántas",
    "french": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec "
    "son sa ses aux ou leur été cette mais comme ont nous vous elle quel quelle quels quelles quand où comment "
    "combien pourquoi",
    "italian": "di e il la che in a per un del è una della con non le i si da dei sono al alla come nel anche più "
    "gli ha delle lo dal degli su o ma se quale quali quando chi dove cosa quanto quanti quante perché",
    "dutch": "de en van het een in is dat te op voor met zijn die niet aan er om ook als bij door nog uit maar naar "
    "wordt heeft hebben of worden dan over tot wat wie hoe welke waar wanneer waarom",
    "portuguese": "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao das à foi seu "
    "sua ou é são pelo pela também quando qual quais quem onde quanto quantos",
    "swedish": "och i att det som en på är av för den med till inte ett om har de från var men så kan vid sin när "
    "eller också sig hade vad vem hur vilken vilka varför",
    "danish": "og i at det er en til på som af for med den de ikke der et var han har fra sig om ved men kan vi "
    "blev også eller efter hvad hvem hvor hvordan hvilken hvornår hvorfor",
    "norwegian": "og i det er som en på til av for at med den de ikke et var har han fra seg om ved men kan vi ble "
    "også eller etter hva hvem hvor hvordan hvilken når hvorfor",
    "finnish": "ja on ei että se oli hän mutta ovat myös joka kuin tai sekä jotka sen niin kun voi hänen siitä ole "
    "mikä kuka missä milloin miksi kuinka",
    "hungarian": "a az és hogy nem is egy meg van ez volt csak vagy de mint már ha el azt ki mi hol mikor melyik "
    "miért hány",
    "romanian": "de și în a la cu pe din nu un că o este care se mai pentru sunt ce al sau au prin după fost ale "
    "lui ca să cine când unde cât câți",
    "turkish": "ve bir bu için ile de da olarak daha olan gibi çok o en ne kadar sonra ancak var kim nasıl hangi "
    "nerede kaç neden",
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
    return Counter(name for word in {word.lower() for word in words} for name in _CLAIMS.get(word, ()))
