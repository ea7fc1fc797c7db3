"""Recognising prose that the reader cannot read: own answers in many languages, and English that only looks so."""

import json
import re
from pathlib import Path

import pytest
import yaml
from growth import assert_about_linear

from spd_faith.language.lexicon import LEXICON, READ, languages_with
from spd_faith.language.recognition import MAX_READ, is_unread, language_of, short_answer, values_of

VALIDATION = Path(__file__).parents[2] / "resources" / "judge_validation"
JSON = json.dumps({"predicted_num": 1, "structured_output": [{"type": "color", "category": "bus"}]})

PROSE = {
    "zh": "第一张图片中的公交车是红色的，而第二张图片中它变成了蓝色。长椅旁边的自行车不见了。",
    "ja": "1枚目の画像ではバスが赤いですが、2枚目では青くなっています。ベンチの横の自転車がなくなりました。",
    "ko": "첫 번째 사진에서는 버스가 빨간색이지만 두 번째 사진에서는 파란색입니다. 벤치 옆의 자전거가 사라졌습니다.",
    "ru": "На первом изображении автобус красный, а на втором он синий. Велосипед рядом со скамейкой исчез.",
    "ar": "في الصورة الأولى الحافلة حمراء، بينما أصبحت زرقاء في الصورة الثانية. اختفت الدراجة بجانب المقعد.",
    "hi": "पहली तस्वीर में बस लाल है, जबकि दूसरी तस्वीर में वह नीली है। बेंच के पास की साइकिल गायब है।",
    "es": "En la primera imagen el autobús es rojo y en la segunda es azul. La bicicleta junto al banco ya no está.",
    "fr": "Dans la première image, le bus est rouge, et dans la seconde il est bleu. Le vélo à côté du banc a disparu.",
    "de": "Im ersten Bild ist der Bus rot, im zweiten Bild ist er blau. Das Fahrrad neben der Bank wurde entfernt.",
    "pt": "Na primeira imagem o ônibus é vermelho e na segunda ele é azul. A bicicleta não está mais lá.",
    "it": "Nella prima immagine l'autobus è rosso, nella seconda è blu. La bicicletta non c'è più.",
    "nl": "Op de eerste afbeelding is de bus rood en op de tweede is hij blauw. De fiets is er niet meer.",
    "pl": "Na pierwszym zdjęciu autobus jest czerwony, a na drugim jest niebieski. Roweru obok ławki już nie ma.",
    "tr": "İlk resimde otobüs kırmızı, ikinci resimde ise mavi. Bankın yanındaki bisiklet artık yok.",
    "vi": "Trong bức ảnh thứ nhất, xe buýt có màu đỏ, còn trong ảnh thứ hai thì màu xanh. Chiếc xe đạp đã biến mất.",
    "id": "Pada gambar pertama bus berwarna merah, sedangkan pada gambar kedua warnanya biru. Sepeda itu tidak ada.",
    "sv": "På den första bilden är bussen röd och på den andra är den blå. Cykeln vid bänken finns inte längre.",
    "cs": "Na prvním obrázku je autobus červený, zatímco na druhém je modrý. Kolo vedle lavičky zmizelo.",
    "ro": "În prima imagine autobuzul este roșu, iar în a doua este albastru. Bicicleta de lângă bancă nu mai este.",
    "hu": "Az első képen a busz piros, a második képen pedig kék. A pad melletti bicikli már nincs ott.",
    "fi": "Ensimmäisessä kuvassa bussi on punainen, mutta toisessa se on sininen. Pyörä ei ole enää siellä.",
    "th": "ในภาพแรกรถบัสเป็นสีแดง แต่ในภาพที่สองเป็นสีน้ำเงิน จักรยานข้างม้านั่งหายไป",
    "el": "Στην πρώτη εικόνα το λεωφορείο είναι κόκκινο, ενώ στη δεύτερη είναι μπλε.",
}

ENGLISH = [
    "The bus is red in the first image and blue in the second.",
    "Bus: red -> blue; bicycle gone",
    "car",
    "No.",
    'The sign says "出口" in the first picture and "入口" in the second.',
    "The sign that reads 停车 was removed.",
    'Sign gone: "出口请走右侧通道，谢谢您的合作"',
    "The shop «Le Petit Café de la Gare» lost its awning.",
    "Yes, the El Niño mural by De La Cruz in Los Angeles is missing.",
    "Rio de Janeiro poster: removed.",
    "Die Hard poster gone. Pho sign moved.",
    "The café's façade is red now.",
    "𝗧𝗵𝗲 𝗯𝘂𝘀 is red in one and blue in the other.",
    "Ｔｈｅ　ｂｕｓ　ｉｓ　ｒｅｄ.",
    "Δ color: bus. α = 0.5",
    "asdf qwer zxcv uiop hjkl",
    "de de de de de de de de",
    "的的的的的的的的的的的的",
    "Qwertz uiopü asdfg. Lorem ipsum dolor sit amet.",
    "`el coche` `la casa` `los perros` is what I print",
    "```python\nfor el in los: print(el, la, una)\n```\nThe bus is red now.",
]


@pytest.mark.parametrize("code", PROSE)
@pytest.mark.parametrize("form", ["PROSE", f"PROSE\n\n```json\n{JSON}\n```", f"{JSON}\nPROSE", "“PROSE”"])
def test_prose_in_another_language(code, form):
    assert language_of(form.replace("PROSE", PROSE[code])) == code


@pytest.mark.parametrize("code", ["zh", "ja", "ko", "ru", "ar", "hi", "es", "fr", "de", "pt", "it", "nl", "vi"])
def test_each_sentence_alone(code):
    for sentence in filter(None, re.split(r"(?<=[.。।])\s*", PROSE[code])):
        assert is_unread(sentence), sentence


@pytest.mark.parametrize("text", ENGLISH)
def test_english_with_foreign_words(text):
    assert language_of(text) == "en"


def test_an_answer_in_two_languages_is_in_that_of_most_of_its_words():
    english = "The bus is red in the first image and blue in the second."
    assert language_of(f"{english} 自行车不见了。") == "en"
    assert language_of(f"{PROSE['zh']} {PROSE['zh']} The bus is red.") == "zh"
    assert language_of(f"{english} {english} {PROSE['fr']}") == "en"


@pytest.mark.parametrize("text", ["", "  ", "42", JSON, f"```json\n{JSON}\n```", "…"])
def test_no_prose(text):
    assert language_of(text) is None
    assert not is_unread(text)


def test_no_labelled_answer_in_english_is_flagged():
    flagged = []
    for name in ("answers.yaml", "further_answers.yaml"):
        for item in yaml.safe_load((VALIDATION / name).read_text(encoding="utf-8"))["items"]:
            texts = item["answer"].values() if isinstance(item["answer"], dict) else [item["answer"]]
            flagged += [text for text in texts if is_unread(text)]
    assert flagged == []


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("不同。", "differs"),
        ("是的", "yes"),
        ("相同", "same"),
        ("Oui.", "yes"),
        ("NON !", "no"),
        ("Sí", "yes"),
        ("Nein.", "no"),
        ("はい。", "yes"),
        ("다릅니다.", "differs"),
        ("Да.", "yes"),
        (values_of('{"answer": "不同"}'), "differs"),
        ("Yes.", None),  # English is read elsewhere
        ("No.", None),
        ("Oui, elles sont identiques.", None),
    ],
)
def test_short_answers(text, meaning):
    assert short_answer(text) == meaning


def test_words_of_other_languages_are_no_words_of_the_english_lexicon():
    def words(raw):
        raw = raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else [raw]
        for one in raw:
            yield from re.findall(r"[^\W\d_]+", one.lower()) if isinstance(one, str) else words(one)

    def content(path):
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)

    english = {word for path in (LEXICON / READ).glob("*.yaml") for word in words(content(path))}
    for language in languages_with("recognition"):
        if language != READ:
            assert english.isdisjoint(content(LEXICON / language / "recognition.yaml")["words"]), language


@pytest.mark.parametrize("piece", ["el ", "不", "{", "[", '"', "`", "a b ", "«", "é"])
def test_an_endless_answer_is_recognised_quickly(piece):
    read = MAX_READ // len(piece)
    assert_about_linear(language_of, lambda times: piece * times, read)
    assert language_of(piece * 60_000) == language_of(piece * read)
