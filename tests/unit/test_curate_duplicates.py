"""Duplicates of a corpus: what is found, what stays, and that neither shards nor memory change it."""

import errno
import gc
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headwater.curate import Duplicates, Signatures, duplicates, resolve_duplicates
from headwater.curate.duplicate_links import Keys, link
from headwater.errors import ConfigError, InputError, StoreError

BANDS, WIDTH = 3, 8  # of the signals made by hand


def signals(*rows: dict) -> pa.Table:
    """Return signals made by hand: ``bands`` are three numbers or None, ``text`` and ``sketch`` numbers."""

    def packed(values: list | None) -> bytes | None:
        return None if values is None else np.array(values, dtype=np.uint64).tobytes()

    columns = {
        "id": pa.array([str(row["id"]) for row in rows], pa.string()),
        "passing": pa.array([row.get("passing", True) for row in rows], pa.bool_()),
        "held": pa.array([row.get("held", False) for row in rows], pa.bool_()),
        "priority": pa.array([row.get("priority", 0) for row in rows], pa.int32()),
        "characters": pa.array([row.get("characters", 10) for row in rows], pa.int64()),
        "source": pa.array([row.get("source", "s") for row in rows], pa.string()),
        "text_hash": pa.array(
            [packed([row.get("text", hash(str(row["id"])) & 0xFFFF), 7]) for row in rows], pa.binary(16)
        ),
        "bands": pa.array([packed(row.get("bands")) for row in rows], pa.binary(8 * BANDS)),
        "sketch": pa.array(
            [None if row.get("bands") is None else bytes(row.get("sketch", [1] * WIDTH)) for row in rows],
            pa.binary(WIDTH),
        ),
    }
    return pa.table(columns)


def resolve(tmp_path: Path, *shards: pa.Table, **settings: object) -> tuple[Duplicates, dict[str, tuple]]:
    """Return what was found, and for each removed id the reason, the id kept, and the similarity."""
    found = resolve_duplicates(shards, tmp_path / "removed.parquet", **settings)
    table = pq.read_table(found.path)
    assert table.schema.equals(duplicates.REMOVED)
    places = list(zip(table["shard"].to_pylist(), table["row"].to_pylist(), strict=True))
    assert places == sorted(set(places))
    assert found.removed == table.num_rows
    rows = table.to_pylist()
    return found, {row["id"]: (row["reason"], row["kept_id"], round(row["similarity"], 3)) for row in rows}


def test_equal_texts_and_shared_bands(tmp_path: Path) -> None:
    table = signals(
        {"id": "a", "text": 1, "bands": [1, 2, 3]},
        {"id": "b", "text": 2, "bands": [1, 5, 6]},  # shares the first band of a
        {"id": "c", "text": 1, "bands": [1, 2, 3]},  # the same text as a
        {"id": "d", "text": 4, "bands": [9, 5, 8]},  # shares the second band of b, none of a
        {"id": "e", "text": 5, "bands": [2, 1, 6]},  # has keys of others in other bands, and the third of b
        {"id": "f", "text": 6},
        {"id": "g", "text": 6},  # too short for bands, but the same text
        {"id": "h", "text": 8},
        {"id": "i", "text": 9, "bands": [11, 12, 13]},
    )
    found, removed = resolve(tmp_path, table)
    assert removed == {
        "b": ("near_duplicate", "a", 1.0),
        "c": ("exact_duplicate", "a", 1.0),
        "d": ("near_duplicate", "a", 1.0),
        "e": ("near_duplicate", "a", 1.0),
        "g": ("exact_duplicate", "f", 1.0),
    }
    assert (found.documents, found.exact, found.near, found.held) == (9, 2, 3, 0)
    assert (found.clusters, found.largest_cluster) == (2, 5)
    rows = pq.read_table(found.path).to_pylist()
    assert [(row["cluster"], row["cluster_size"]) for row in rows] == [(0, 5)] * 4 + [(5, 2)]
    _, removed = resolve(tmp_path, table, near=False)
    assert set(removed) == {"c", "g"}


def test_what_stays(tmp_path: Path) -> None:
    same = {"bands": [1, 2, 3]}
    first = {"id": "first", "text": 1, **same}
    longer = {"id": "longer", "text": 2, "characters": 11, **same}
    preferred = {"id": "preferred", "text": 3, "priority": 1, "characters": 5, **same}
    held = {"id": "held", "text": 4, "held": True, "priority": -1, "characters": 1, **same}
    for expected, documents in (
        ("first", [first, {**first, "id": "second", "text": 9}]),
        ("longer", [first, longer]),
        ("preferred", [first, longer, preferred]),
        ("held", [first, longer, preferred, held]),
    ):
        for order in (documents, documents[::-1]) if expected != "first" else (documents,):
            _, removed = resolve(tmp_path, signals(*order))
            assert {kept for _, kept, _ in removed.values()} == {expected}
            assert len(removed) == len(documents) - 1
            assert {reason for reason, _, _ in removed.values()} == {
                "held_duplicate" if expected == "held" else "near_duplicate"
            }


def test_what_did_not_pass_takes_no_part(tmp_path: Path) -> None:
    # Not even as a link: a and c share no band.
    table = signals(
        {"id": "a", "text": 1, "bands": [1, 2, 3]},
        {"id": "b", "text": 2, "bands": [1, 5, 6], "passing": False},
        {"id": "c", "text": 3, "bands": [4, 5, 7]},
    )
    found, removed = resolve(tmp_path, table)
    assert (found.documents, removed) == (2, {})
    assert pq.read_table(found.path).num_rows == 0


def test_held_sets_remove_and_are_never_removed(tmp_path: Path) -> None:
    near = {"bands": [1, 2, 3]}
    new = signals(
        {"id": "new", "text": 1, "characters": 99, **near}, {"id": "copy", "text": 2, **near}, {"id": "alone"}
    )
    old = signals({"id": "old", "text": 2, **near}, {"id": "older", "text": 2, **near})
    found = resolve_duplicates([new], tmp_path / "out.parquet", held=[old, old])
    rows = pq.read_table(found.path).to_pylist()
    assert [(row["id"], row["reason"], row["kept_id"], row["kept_shard"], row["kept_row"]) for row in rows] == [
        ("new", "held_duplicate", "old", 1, 0),
        ("copy", "held_duplicate", "old", 1, 0),
    ]
    assert found.held == 2


def test_one_for_every_source(tmp_path: Path) -> None:
    near = {"bands": [1, 2, 3]}
    documents = [
        {"id": "a1", "text": 1, "source": "a", **near},
        {"id": "a2", "text": 2, "source": "a", **near},
        {"id": "b1", "text": 3, "source": "b", **near},
        {"id": "b2", "text": 1, "source": "b", **near},  # the same text as a1: removed all the same
        {"id": "b3", "text": 4, "source": "b", **near},
    ]
    found, removed = resolve(tmp_path, signals(*documents), one_per_source=True)
    assert {key: value[:2] for key, value in removed.items()} == {
        "a2": ("near_duplicate", "a1"),
        "b2": ("exact_duplicate", "a1"),
        "b3": ("near_duplicate", "b1"),
    }
    assert found.kept_across_sources == 1
    held = {"id": "old", "text": 9, "source": "c", "held": True, **near}
    found, removed = resolve(tmp_path, signals(*documents, held), one_per_source=True)
    assert {kept for _, kept, _ in removed.values()} == {"old"}
    assert found.kept_across_sources == 0


def _chain(length: int) -> pa.Table:
    """Documents that each share one band with the next, whose sketches drift apart: i and j differ in |i - j| bytes."""
    rows = []
    for i in range(length):
        bands = [1000 + i // 2 * 2, 2000 + (i + 1) // 2 * 2, 3000 + i]
        rows.append(
            {"id": i, "text": i, "bands": bands, "sketch": [1 + (i + WIDTH - 1 - j) // WIDTH for j in range(WIDTH)]}
        )
    return signals(*rows)


def test_large_clusters_are_verified(tmp_path: Path) -> None:
    table = _chain(17)
    found, removed = resolve(tmp_path, table, verify_from=0)
    assert set(removed) == {str(i) for i in range(1, 17)}
    assert (found.kept_as_different, found.largest_cluster) == (0, 17)
    # Half of the bytes are chance-corrected to 0.498: at 0.6 the three next ones are alike, the fourth stays. From there
    # on the representative is unlike, and only the neighbour shares a band: every second one stays.
    found, removed = resolve(tmp_path, table, verify_from=17, least_similarity=0.6)
    assert set(removed) == {"1", "2", "3", "5", "7", "9", "11", "13", "15"}
    assert found.kept_as_different == 7
    assert removed["9"] == ("near_duplicate", "8", round(float((7 / 8 - 1 / 256) / (1 - 1 / 256)), 3))
    assert removed["3"] == ("near_duplicate", "0", round(float((5 / 8 - 1 / 256) / (1 - 1 / 256)), 3))
    _, removed = resolve(tmp_path, table, verify_from=18, least_similarity=0.6)
    assert len(removed) == 16


def _naive(rows: list[dict], verify_from: int, least: float, per_source: bool) -> dict[int, int]:
    """Return what stays for each removed document, by the written rules and nothing else."""
    part = [i for i, row in enumerate(rows) if row["passing"]]
    clusters: list[set[int]] = []
    for i in part:

        def linked(j: int, i: int = i) -> bool:
            a, b = rows[i], rows[j]
            shared = a["bands"] and b["bands"] and any(x == y for x, y in zip(a["bands"], b["bands"], strict=True))
            return a["text"] == b["text"] or bool(shared)

        touched = [cluster for cluster in clusters if any(map(linked, cluster))]
        clusters = [cluster for cluster in clusters if cluster not in touched] + [{i}.union(*touched)]

    def alike(a: dict, b: dict) -> float:
        equal = sum(x == y for x, y in zip(a["sketch"], b["sketch"], strict=True)) / WIDTH
        return max((equal - 1 / 256) / (1 - 1 / 256), 0.0)

    kept_for = {}
    for cluster in clusters:
        order = sorted(cluster, key=lambda i: (not rows[i]["held"], -rows[i]["priority"], -rows[i]["characters"], i))
        stays: dict[int, int] = {}
        for place, i in enumerate(order):
            row = rows[i]
            stays[i] = i
            same = [j for j in order[:place] if rows[j]["text"] == row["text"]]
            leaders = [j for j in order[:place] if stays[j] == j]
            fit = [j for j in leaders if not per_source or rows[j]["held"] or rows[j]["source"] == row["source"]]
            if row["held"] or place == 0:
                continue
            if same:
                stays[i] = stays[same[0]]
            elif len(cluster) < verify_from:
                if not per_source or rows[order[0]]["held"]:
                    stays[i] = order[0]
                else:
                    fit = [j for j in leaders if rows[j]["source"] == row["source"]]
                    stays[i] = fit[0] if fit else i
            else:
                near = [
                    j
                    for j in fit
                    if j == order[0] or any(x == y for x, y in zip(rows[j]["bands"], row["bands"], strict=True))
                ]
                best = max(near, key=lambda j: (alike(rows[j], row), -order.index(j)), default=i)
                if best != i and alike(rows[best], row) >= least:
                    stays[i] = best
        kept_for |= {i: kept for i, kept in stays.items() if kept != i}
    return kept_for


@pytest.mark.parametrize("seed", range(12))
def test_random_signals_against_the_rules_in_plain_python(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    count = 150
    kinds = rng.integers(20, 200)
    rows = []
    for i in range(count):
        text = int(rng.integers(kinds))
        drawn = np.random.default_rng([seed, text])  # equal texts have equal signatures
        short = drawn.random() < 0.15
        rows.append({
            "id": i,
            "text": text,
            "bands": None if short else drawn.integers(0, kinds, BANDS).tolist(),
            "sketch": drawn.integers(0, 2, WIDTH).tolist(),
            "passing": rng.random() < 0.9,
            "held": rng.random() < 0.05,
            "priority": int(rng.integers(-1, 2)),
            "characters": int(rng.integers(5)),
            "source": str(rng.integers(4)),
        })  # fmt: skip
    settings = {
        "verify_from": [0, 2, 20][seed % 3],
        "least_similarity": [0.5, 0.8][seed % 2],
        "one_per_source": seed % 4 > 1,
    }
    expected = _naive(
        rows, settings["verify_from"] or count + 1, settings["least_similarity"], settings["one_per_source"]
    )
    table = signals(*rows)
    files = []
    for part in (1, 7):  # one shard, seven shards; then little memory, in small batches
        cuts = np.linspace(0, count, part + 1).astype(int)
        shards = [table.slice(a, b - a) for a, b in pairwise(cuts)]
        found, removed = resolve(tmp_path, *shards, **settings)
        assert {int(i): int(kept) for i, (_, kept, _) in removed.items()} == expected
        files.append(found.path.read_bytes())
    paths = [tmp_path / f"{i}.parquet" for i in range(len(shards))]
    for path, shard in zip(paths, shards, strict=True):
        pq.write_table(shard, path, row_group_size=3)
    monkeypatch.setattr("headwater.curate.duplicate_signals._BATCH", 5)
    monkeypatch.setattr("headwater.curate.duplicates._MEMBER_BYTES", 1 << 16)
    monkeypatch.setattr("headwater.curate.duplicates._REMOVED_BYTES", 1 << 16)
    monkeypatch.setattr("headwater.curate.duplicate_links._BYTES_PER_KEY", 1 << 16)
    found = resolve_duplicates(paths, tmp_path / "little.parquet", memory_mb=1, temporary=tmp_path, **settings)
    assert found.path.read_bytes() == files[1]
    assert sorted(path.name for path in tmp_path.iterdir() if path not in paths) == [
        "little.parquet",
        "removed.parquet",
    ]


def test_links_are_connected_components_whatever_the_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    count = 5000
    texts = rng.integers(0, 2**32, (count, 4), dtype=np.uint32)
    bands = np.zeros((count, 4), dtype=np.uint32)
    bands[:, [0, 2]] = rng.integers(0, 4 * count, (count, 2))
    bands[:, [1, 3]] = bands[:, [0, 2]] * np.uint32(2654435761)
    texts[rng.integers(0, count, 300)] = texts[rng.integers(0, count, 300)]
    texts[:50] = texts[0]
    texts[40:50, 3] += np.uint32(1)  # differ in their last bytes only
    expected = np.arange(count)
    for column in (bands[:, 0], bands[:, 2], np.unique(texts, axis=0, return_inverse=True)[1].ravel()):
        while True:  # spread the smallest number until nothing changes
            lowest = np.full(column.max() + 1, count)
            np.minimum.at(lowest, column, expected)
            if (lowest[column] == expected).all():
                break
            expected = lowest[column]
    for _ in range(200):
        before = expected.copy()
        for column in (bands[:, 0], bands[:, 2], np.unique(texts, axis=0, return_inverse=True)[1].ravel()):
            lowest = np.full(column.max() + 1, count)
            np.minimum.at(lowest, column, expected)
            expected = np.minimum(expected, lowest[column])
        if (before == expected).all():
            break
    for memory in (1 << 30, 40_000, 9_000):
        order = rng.permutation(count).astype(np.uint32)
        batches = [Keys(part, texts[part], part, bands[part]) for part in np.array_split(order, 7)]
        names, documents = link(batches, count, 2, tmp_path, memory)
        assert documents == count
        assert (names == expected).all()
        assert list(tmp_path.iterdir()) == []


def _edited(rng: np.random.Generator, families: int) -> tuple[list[str], list[set[tuple[str, ...]]]]:
    texts = []
    for _ in range(families):
        words = [f"w{chr(97 + a)}{chr(97 + b)}{chr(97 + c)}" for a, b, c in rng.integers(0, 26, (150, 3))]
        texts.append(" ".join(words))
        for changes in (0, 1, 2, 4, 8, 30):
            copy = list(words)
            for place in rng.integers(0, 150, changes):
                copy[place] = "changed"
            texts.append(" ".join(copy))
    texts = [texts[i] for i in rng.permutation(len(texts))]
    return texts, [{tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in map(str.split, texts)]


def test_texts_against_all_pairs(tmp_path: Path) -> None:
    texts, sets = _edited(np.random.default_rng(3), 60)
    batch = pa.record_batch(
        {"id": list(map(str, range(len(texts)))), "text": texts, "characters": list(map(len, texts))}
    )
    table = pa.Table.from_batches([Signatures()(batch)])
    found, removed = resolve(tmp_path, table)
    jaccard = {
        (i, j): len(sets[i] & sets[j]) / len(sets[i] | sets[j])
        for i in range(len(texts))
        for j in range(i)
        if sets[i] & sets[j]
    }
    gone = set(map(int, removed))
    # A pair of similarity s shares a band with probability 1 - (1 - s^8)^14: one at 0.93 is missed once in 90,000
    # times, and there are fewer than 400. Unlike pairs (below 0.2) share one with 4e-5.
    for (i, j), s in jaccard.items():
        assert s < 0.93 or i in gone or j in gone
    for i, (_, kept, similarity) in removed.items():
        s = 1.0 if texts[int(i)] == texts[int(kept)] else jaccard[max(int(i), int(kept)), min(int(i), int(kept))]
        assert s > 0.2
        assert abs(similarity - s) < 5 * max(np.sqrt(s * (1 - s) / 112), 0.01)  # 5 sd
    assert found.exact == 60 == sum(reason == "exact_duplicate" for reason, _, _ in removed.values())


def test_the_order_of_shards_moves_names_not_clusters(tmp_path: Path) -> None:
    texts, _ = _edited(np.random.default_rng(4), 40)
    batch = pa.record_batch({"id": list(map(str, range(len(texts)))), "text": texts})
    table = pa.Table.from_batches([Signatures()(batch)])
    shards = [table.slice(begin, 50) for begin in range(0, len(table), 50)]

    def clusters(order: list[int]) -> set[frozenset[str]]:
        found = resolve_duplicates([shards[i] for i in order], tmp_path / "out.parquet", verify_from=0)
        groups: dict[int, set[str]] = {}
        for row in pq.read_table(found.path).to_pylist():
            groups.setdefault(row["cluster"], set()).update((row["id"], row["kept_id"]))
        return set(map(frozenset, groups.values()))

    forward = clusters([0, 1, 2, 3, 4, 5])
    assert len(forward) >= 40
    assert clusters([3, 5, 1, 0, 4, 2]) == forward


def test_nothing_to_do(tmp_path: Path) -> None:
    found, removed = resolve(tmp_path)
    assert (found.documents, found.removed, removed) == (0, 0, {})
    found, removed = resolve(tmp_path, signals(), signals({"id": "a"}))
    assert (found.documents, found.largest_cluster, removed) == (1, 0, {})


def test_faults_are_told(tmp_path: Path) -> None:
    table, out = signals({"id": "a", "bands": [1, 2, 3]}), tmp_path / "out.parquet"
    with pytest.raises(InputError, match="shard 0 has no column bands"):
        resolve_duplicates([table.drop_columns(["bands"])], out)
    resolve_duplicates([table.drop_columns(["bands", "sketch"])], out, near=False)
    with pytest.raises(InputError, match="with the same settings"):
        resolve_duplicates([table, pa.Table.from_batches([Signatures(bands=2)(pa.record_batch({"text": ["a"]}))])], out)
    with pytest.raises(InputError, match="text_hash of shard 0 has nulls"):
        resolve_duplicates([table.set_column(6, "text_hash", pa.nulls(1, pa.binary(16)))], out)
    with pytest.raises(InputError, match="is string"):
        resolve_duplicates([table.set_column(6, "text_hash", pa.array(["x"]))], out)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"broken\.parquet cannot be read"):
        resolve_duplicates([broken], out)
    with pytest.raises(ConfigError, match=r"(?s)verify_from = -1.*least_similarity = 2"):
        resolve_duplicates([table], out, verify_from=-1, least_similarity=2)
    before = out.read_bytes()
    with pytest.raises(StoreError):
        resolve_duplicates([table], tmp_path / "out.parquet" / "below" / "x.parquet")
    assert out.read_bytes() == before


def test_rows_keep_their_numbers_where_they_have_some(tmp_path: Path) -> None:
    table = signals({"id": "a", "text": 1}, {"id": "b", "text": 1}).append_column("row", pa.array([4, 9]))
    found = resolve_duplicates([signals(), table], tmp_path / "out.parquet")
    row = pq.read_table(found.path).to_pylist()[0]
    assert (row["shard"], row["row"], row["kept_shard"], row["kept_row"]) == (1, 9, 1, 4)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = signals({"id": "a", "text": 1}, {"id": "b", "text": 1})
    work, out = tmp_path / "work" / "deeper", tmp_path / "out.parquet"
    found = resolve_duplicates([table], out, temporary=work)
    assert found.removed == 1
    before = out.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("headwater.curate.duplicate_links._write", full)
    with pytest.raises(StoreError, match="the disk is full"):
        resolve_duplicates([table], out, temporary=work)
    assert list(work.iterdir()) == []
    assert out.read_bytes() == before


def test_memory_is_bounded_while_documents_grow(tmp_path: Path) -> None:
    # 160,000 documents have signals of 38 MB; with 4 MB, keys are cut into four parts, clusters into 46.
    rng = np.random.default_rng(0)
    count = 20_000
    paths = []
    for shard in range(8):
        bands = rng.integers(0, 2**64, (count, 14), dtype=np.uint64)
        bands[1::2, 0] = bands[::2, 0]  # every second document is linked to the one before it
        sketches = rng.integers(0, 2**64, (count, 14), dtype=np.uint64)
        hashes = rng.integers(0, 2**64, (count, 2), dtype=np.uint64)
        columns = {
            name: pa.Array.from_buffers(pa.binary(8 * values.shape[1]), count, [None, pa.py_buffer(values)])
            for name, values in (("text_hash", hashes), ("bands", bands), ("sketch", sketches))
        }
        paths.append(tmp_path / f"{shard}.parquet")
        pq.write_table(pa.table(columns), paths[-1], compression="none", use_dictionary=False, row_group_size=10_000)
    resolve_duplicates(paths[:1], tmp_path / "out.parquet", memory_mb=4)  # loads the kernels
    peak = []
    for some in (paths[:2], paths):
        gc.collect()
        tracemalloc.start()
        found = resolve_duplicates(some, tmp_path / "out.parquet", memory_mb=4)
        peak.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.near == len(some) * count // 2
    # NumPy's memory is traced: 5 bytes a document more; the slack is of parts that are not equally large.
    assert peak[1] - peak[0] < 120_000 * 5 + (1 << 20)
