"""JSON in forms of its own: keys that are names, a list for each image, other languages."""

import json
import time

import pytest

from spd_faith.parsing.differences import parse_differences

BOTH = [("color", "car"), ("remove", "dog")]

# (answer, number stated); each lists the color of the car, then the removal of the dog
LISTS = [
    (
        {"difference_1": {"type": "color", "category": "car"}, "difference_2": {"type": "remove", "category": "dog"}},
        None,
    ),
    ({"Difference 1": "The car is blue instead of red.", "Difference 2": "The dog is missing."}, None),
    ({"1": {"type": "color", "category": "car"}, "2": {"type": "remove", "category": "dog"}}, None),
    ({"total": 2, "change1": "car color", "change2": "dog removed"}, 2),
    ({"car": "color changed from red to blue", "dog": "removed"}, None),
    ({"car": "red -> blue", "dog": "no longer there", "bench": "unchanged"}, None),
    ({"count": 2, "car": {"type": "color"}, "dog": {"type": "remove"}}, 2),
    ({"car": ["color"], "dog": ["remove"]}, None),
    ([{"car": "color"}, {"dog": "gone"}], None),
    ({"differences": [{"car": "color changed"}, {"dog": "removed"}]}, None),
    ({"predicted_num": 2, "Car": {"Color": {"image 1": "red", "image 2": "blue"}}, "Dog": "removed"}, 2),
    (
        {"comparison": {"car": {"status": "changed", "type": "color"}, "dog": "removed", "cup": {"status": "same"}}},
        None,
    ),
    (
        {
            "differences": [
                {"id": 1, "change": "the car changed from red to blue"},
                {"id": 2, "change": "the dog is gone"},
            ]
        },
        None,
    ),
    ({"car": "color", "dog": "removed"}, None),
    ({"differences": {"car": "changed from red to blue", "dog": "removed"}, "number_of_differences": 2}, 2),
    ({"differences": {"1": "The car changed from red to blue.", "2": "The dog was removed."}}, None),
    ({"answer": {"count": 2, "differences": {"car": "now blue instead of red", "dog": "removed"}}}, 2),
    ({"result": {"difference_1": "The car is blue instead of red", "difference_2": "The dog is missing"}}, None),
    (["The car changed from red to blue.", "The dog is missing."], None),
    ([["color", "car"], ["dog", "remove"]], None),
    ({"predicted_num": 2, "structured_output": ["car: color", "dog: removed"]}, 2),
    ({"predicted_num": 2, "structured_output": "color: car; remove: dog"}, 2),
    ({"predicted_num": 2, "color": ["car"], "remove": ["dog"], "position": []}, 2),
    ({"structured_output": {"color": ["car"], "remove": ["dog"]}, "num_differences": 2}, 2),
    ({"color_changes": [{"object": "car", "from": "red", "to": "blue"}], "removed_objects": ["dog"]}, None),
    ({"Color": "The car changed from red to blue.", "Removal": "The dog was removed.", "Position": "none"}, None),
    ({"color_changed": "car", "removed": "dog", "moved": None}, None),
    ({"car_color": {"image1": "red", "image2": "blue"}, "dog": "removed"}, None),
    ({"type": ["color", "remove"], "category": ["car", "dog"]}, None),
    (
        [
            {"object": "car", "image1": "red", "image2": "blue"},
            {"object": "dog", "before": "present", "after": "absent"},
        ],
        None,
    ),
    (
        {
            "differences": [
                {"item": "car", "image_1": "red car", "image_2": "blue car"},
                {"item": "dog", "image_1": True, "image_2": False},
            ]
        },
        None,
    ),
    ({"differences": {"image1": ["red car", "dog on the grass"], "image2": ["blue car", "no dog"]}}, None),
    (
        {
            "differences": [
                {"category": "car", "description": "changed from red to blue"},
                {"category": "dog", "change": "gone"},
            ]
        },
        None,
    ),
]

TRANSLATED = [
    {"差异数量": 2, "差异": [{"类型": "颜色", "类别": "汽车"}, {"类型": "移除", "类别": "狗"}]},
    {"predicted_num": 2, "structured_output": [["颜色变化", "红色的汽车"], ["消失", "一只小狗"]]},
    {"數量": 2, "差異": [{"類型": "顏色改變", "物體": "轎車"}, {"類型": "刪除", "物體": "狗"}]},
    {"数量": 2, "差异1": {"类型": "颜色", "物体": "汽车"}, "差异2": {"类型": "移除", "物体": "狗"}},
    {"数量": 2, "颜色": ["汽车"], "移除": ["狗"]},
    {"number": 2, "汽车": "颜色", "狗": "移除"},
    {"predicted_num": 2, "structured_output": [["色の変化", "赤い車"], ["削除", "犬"]]},
    {"predicted_num": 2, "structured_output": [["색상 변경", "자동차"], ["제거", "강아지"]]},
    {"predicted_num": 2, "diferencias": [["cambio de color", "coche rojo"], ["eliminado", "el perro"]]},
    {
        "nombre": 2,
        "différences": [{"type": "couleur", "catégorie": "la voiture"}, {"type": "supprimé", "objet": "chien"}],
    },
    {
        "anzahl": 2,
        "unterschiede": [{"typ": "Farbänderung", "kategorie": "Auto"}, {"typ": "entfernt", "objekt": "Hund"}],
    },
    {"predicted_num": 2, "structured_output": [["mudança de cor", "carro"], ["removido", "o cachorro"]]},
    {"predicted_num": 2, "structured_output": [["изменение цвета", "красный автомобиль"], ["удалён", "собака"]]},
]


def listed(row):
    return [(one["type"], one["category"]) for one in row["differences"]]


@pytest.mark.parametrize(("answer", "number"), [*LISTS, *((answer, 2) for answer in TRANSLATED)])
@pytest.mark.parametrize("form", ["{}", "I compared both images.\n```json\n{}\n```"])
def test_lists(answer, number, form):
    row = parse_differences(form.replace("{}", json.dumps(answer, ensure_ascii=False)))
    assert [(kind, category.lower()) for kind, category in listed(row)] == BOTH
    assert (row["predicted_num"], row["parse_status"], row["has_structured_output"]) == (number, "json", True)


@pytest.mark.parametrize(
    "answer",
    [
        {"image1": "A red car and a dog.", "image2": "A blue car."},
        {"image1": ["car", "dog"], "image2": ["car"]},
        {"car": "red", "dog": "brown"},
        {"car": {"color": "red"}, "dog": {"color": "brown"}},
    ],
)
def test_descriptions_are_no_list(answer):
    row = parse_differences(json.dumps(answer))
    assert (row["parse_status"], row["differences"], row["has_structured_output"]) == ("failed", [], False)


@pytest.mark.parametrize("answer", [{"differences": "none"}, {"differences": {}}, {"color": [], "remove": []}])
def test_empty_lists(answer):
    row = parse_differences(json.dumps(answer))
    assert (row["parse_status"], row["differences"], row["has_structured_output"]) == ("json", [], True)


def test_counts_by_type():
    row = parse_differences('{"total_differences": 3, "color": 2, "removed": 1, "position": 0}')
    assert (row["predicted_num"], listed(row)) == (3, [("color", None), ("color", None), ("remove", None)])


def test_prose_in_a_string_is_still_read():
    row = parse_differences('{"response": "There are two differences: the car is blue now and the dog is gone."}')
    assert (row["predicted_num"], listed(row)) == (2, BOTH)


def test_a_heading_is_no_object():
    row = parse_differences('{"finding": "The car changed from red to blue.", "another finding": "The dog is gone."}')
    assert listed(row) == BOTH


def test_raw_labels_stay_as_written():
    row = parse_differences('[{"type": "颜色", "category": "红色的汽车"}]')
    expected = {"type": "color", "category": "car", "raw_type": "颜色", "raw_category": "红色的汽车"}
    assert row["differences"] == [expected]


@pytest.mark.parametrize(
    ("label", "category"),
    [
        ("长椅", "bench"),
        ("面包", "面包"),  # bread, although 包 alone is a bag
        ("机器人", "机器人"),  # a robot, although 人 alone is a person
        ("男人", "man"),
        ("tabla de surf amarilla", "surfboard"),
        ("vaso", "vaso"),  # a cup in Spanish, a vase in Portuguese
        ("boot", "boot"),  # English first
        ("ski poles", "ski poles"),
        ("sofa", "sofa"),  # English aliases stay; CF1-alias maps them
    ],
)
def test_categories_in_other_languages(label, category):
    row = parse_differences(json.dumps([{"type": "color", "category": label}]))
    assert row["differences"][0]["category"] == category


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("位置", "position"),
        ("颜色和位置", None),
        ("大小", None),
        ("déplacement", "position"),
        ("colorcolor", None),
        ("corner", None),
        ("movie", None),
    ],
)
def test_types_in_other_languages(label, kind):
    assert listed(parse_differences(json.dumps([{"type": label, "category": "car"}]))) == [(kind, "car")]


def test_prose_in_another_language_is_not_read_as_english():
    spanish = (
        "En la primera imagen hay un bus en total 3 differences color y en la segunda imagen no hay. El color es rojo."
    )
    row = parse_differences(spanish)
    assert (row["parse_status"], row["differences"], row["predicted_num"]) == ("failed", [], None)
    row = parse_differences(f'{spanish}\n{{"predicted_num": 1, "structured_output": [["color", "autobús"]]}}')
    assert (row["parse_status"], listed(row), row["predicted_num"]) == ("json", [("color", "bus")], 1)


@pytest.mark.parametrize(
    "piece", ['"car": "removed", ', '"a": {"b": ', '"difference_1": "The dog is gone.", ', '["a", ']
)
def test_endless_json_is_parsed_quickly(piece):
    started = time.process_time()
    parse_differences("{" + piece * (60_000 // len(piece)) + '"x": 1}')
    assert time.process_time() - started < 60  # 0.2 to 0.6 s; quadratic time takes minutes
