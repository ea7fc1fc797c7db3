"""Which samples a page shows that cannot show all."""

from collections import Counter

from spd_faith.leaderboard.html.choice import choose


def rows(splits=("easy", "hard"), pairs=40, controls=("blind",)):
    found = []
    for split in splits:
        for number in range(pairs):
            base = f"{split}/{number}"
            found.append({"sample_id": base, "split": split, "control": "none", "base_sample_id": None})
            for control in controls:
                row = {"sample_id": f"{base}-{control}", "control": control, "base_sample_id": base}
                found.append({"split": split} | row)
    return found


def chosen(samples, room, failed=(), probed=(), seed=0, size=lambda one: 1):
    used = 0

    def fits(sample_id, fraction):
        nonlocal used
        if used + size(sample_id) > fraction * room:
            return False
        used += size(sample_id)
        return True

    return choose(samples, set(failed), set(probed), fits, seed)


def test_all_are_in_if_they_fit():
    samples = rows()
    assert sorted(chosen(samples, 10_000)) == sorted(row["sample_id"] for row in samples)


def test_failures_come_first_and_leave_half_of_the_room():
    failed = [f"hard/{number}" for number in range(30)]
    found = chosen(rows(controls=()), 20, failed, probed=["easy/5"])
    assert set(found[:10]) < set(failed) and found[10] == "easy/5"
    assert sum(one in failed for one in found) == 10 and len(found) == 20


def test_failures_fill_the_room_that_others_leave():
    samples = rows(splits=("hard",), pairs=12, controls=())
    failed = [f"hard/{number}" for number in range(10)]
    assert len(chosen(samples, 12, failed)) == 12


def test_splits_and_kinds_take_turns():
    counts = Counter(one.split("/")[0] + ("-blind" in one) * "-blind" for one in chosen(rows(), 40))
    assert max(counts.values()) - min(counts.values()) <= 1 and len(counts) == 4


def test_a_control_brings_its_base_pair():
    found = chosen(rows(controls=("blind", "swapped")), 31)
    for one in found:
        base = one.split("-")[0]
        assert found.index(base) <= found.index(one)


def test_a_control_without_room_for_its_base_pair_is_left_out():
    found = chosen(rows(pairs=1), 4, size=lambda one: 1 if "blind" in one else 10)
    assert found == []


def test_the_seed_decides():
    samples = rows()
    assert chosen(samples, 9, seed=1) == chosen(samples, 9, seed=1) != chosen(samples, 9, seed=2)
