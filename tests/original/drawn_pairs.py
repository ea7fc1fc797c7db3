"""Generated pairs as a JSONL file with merged images, and as the released folders."""

import json

from spd_faith.dataset.demo import demo_pairs, image_row, sample_row
from spd_faith.dataset.encoded_images import decode
from spd_faith.dataset.entries import DemoDataset
from spd_faith.inference.images import merge


def save_drawn_pairs(folder, count):
    """Save `folder`/pairs.jsonl with images in `folder`/pictures/merged, and `folder`/released/multi_diff/{id}/.

    Labels of the pairs alternate: unfaithful, faithful, unknown. Returns the ids in order.
    """
    split = {"pairs": count, "objects": [6, 8], "differences": [1, 3]}
    dataset = DemoDataset.model_validate({"source": "demo", "seed": 5, "splits": {"multi_diff": split}})
    (folder / "pictures" / "merged").mkdir(parents=True)
    lines, names = [], []
    for number, pair in enumerate(demo_pairs(dataset)):
        names.append(f"{number}_x")
        differences, encoded = sample_row(pair)["differences"], image_row(pair)
        images = [decode(encoded[role]) for role in ("original", "modified")]
        of_pair = folder / "released" / "multi_diff" / names[-1]
        of_pair.mkdir(parents=True)
        for image, role in zip((*images, merge(*images)), ("_original", "_modified_final", "merged"), strict=True):
            name = role if role == "merged" else f"{names[-1]}{role}"
            image.save(of_pair / f"{name}.png")
        merge(*images).save(folder / "pictures" / "merged" / f"{names[-1]}.png")
        modifications = [{"type": one["type"], "category": one["category"]} for one in differences]
        (of_pair / "log.json").write_text(json.dumps({"differences": modifications}))
        line = {"qid": names[-1], "image": f"merged/{names[-1]}.png", "modifications": modifications}
        line |= {"is_faithful": (0, 1, -1)[number % 3], "question": "Are the two pictures the same?"}
        lines.append(json.dumps(line | {"layout": "side_by_side"}))  # cannot be detected in every scene
    (folder / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    return names
