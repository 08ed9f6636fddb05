"""Prims of a crate file whose specs hold the same bytes as in an earlier state of the file. Pure.

Only what is certain counts: values in other values (time samples, dictionaries), and numbers of words or paths where these
tables are others, are taken for changed. Whoever asks compares such prims by their values.
"""

import numpy as np

from twinstage.live.watch.crate import Crate

_END = 0xFFFFFFFF
_BLOCK = 512
"""Bytes that are compared as one."""
_PORTION = 1 << 22
_MOST_RUNS = 4096
"""Stretches of the file that moved by another distance each; what lies in further ones is taken for changed."""
_MOST_LISTS = 20_000
_ARRAY, _INLINE, _PACKED = (np.uint64(1 << bit) for bit in (63, 62, 61))
_PAYLOAD = np.uint64((1 << 48) - 1)
_FEW = 16
"""Shorter arrays are never compressed."""

_STRING, _TOKEN, _ASSET, _DOUBLES = 10, 11, 12, 48
_VECTORS = {10: "strings", 11: "tokens", 40: "paths", 41: "tokens", 45: "strings"}
"""Arrays of words, vectors of paths and of tokens, chosen variants (twice as many strings): what their numbers stand for."""
_LISTS = {32: "tokens", 33: "strings", 34: "paths"}
"""The same of list operations."""
_SIZES = {
    **{1: 1, 2: 1, 3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 4, 9: 8},
    **{
        13: 32,
        14: 72,
        15: 128,
        16: 32,
        17: 16,
        18: 8,
        19: 16,
        20: 8,
        21: 4,
        22: 8,
        23: 24,
        24: 12,
        25: 6,
        26: 12,
    },
    **{27: 32, 28: 16, 29: 8, 30: 16, 56: 8},
}
"""Bytes of numbers, vectors, matrices, quaternions and time codes, by kind of value."""
_INLINE_KINDS = (*_SIZES, 42, 43, 44, 51)
"""Those, specifiers, permissions, variabilities and blocks: the field itself is the value."""
_PACKED_INTEGERS, _PACKED_FLOATS = (3, 4, 5, 6), (7, 8, 9)
_LISTED = (b"properties", b"primChildren", b"variantSetChildren", b"variantChildren")
"""Fields that say which specs there are; the specs themselves are compared."""


def same_prims(old: Crate, new: Crate) -> frozenset[str]:
    """Paths of prims (and variants) that have the same specs, with the same fields and values, in both states."""
    before, after = _paired(old, new)
    counts = (_fields_of(*each)[1] for each in ((old, before), (new, after)))
    good = np.equal(*counts) & (old.spec_types[before] == new.spec_types[after])
    before, after = before[good], after[good]
    fields_old, lengths, starts = _fields_of(old, before)
    fields_new, _, _ = _fields_of(new, after)
    same = _same_fields(old, new, fields_old, fields_new)
    faults = np.add.reduceat(~same, starts) if len(same) else np.zeros(0, np.int64)
    whole = np.zeros(len(before), bool)
    whole[lengths > 0] = faults == 0
    whole[lengths == 0] = True
    return _whole_prims(old, new, after[whole])


def _paired(old: Crate, new: Crate) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of specs of the same path in both."""
    if old.sections == new.sections and np.array_equal(old.spec_paths, new.spec_paths):
        every = np.arange(len(old.spec_paths))
        return every, every
    known = {old.paths[0][path]: k for k, path in enumerate(old.spec_paths.tolist())}
    pairs = [
        (known[name], k)
        for k, path in enumerate(new.spec_paths.tolist())
        if (name := new.paths[0][path]) in known
    ]
    before, after = np.array(pairs, np.int64).reshape(-1, 2).T
    return before, after


def _fields_of(crate: Crate, specs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fields of those specs one after the other; how many each has; where those of each begin that has any."""
    ends = np.flatnonzero(crate.sets == _END)
    first = crate.spec_sets[specs].astype(np.int64)
    lengths = ends[np.searchsorted(ends, first)] - first if len(first) else np.zeros(0, np.int64)
    starts = np.cumsum(lengths) - lengths
    at = np.arange(int(lengths.sum())) - np.repeat(starts - first, lengths)
    return crate.sets[at].astype(np.int64), lengths, starts[lengths > 0]


def _whole_prims(old: Crate, new: Crate, same: np.ndarray) -> frozenset[str]:
    """Prims all of whose specs are among those of the new state, and that had no others in the old one."""

    def counted(crate: Crate, specs: np.ndarray) -> dict[str, int]:
        owners = crate.paths[1]
        numbers = np.bincount(crate.spec_paths[specs], minlength=len(owners))
        found: dict[str, int] = {}
        for path in np.flatnonzero(numbers).tolist():
            found[owners[path]] = found.get(owners[path], 0) + int(numbers[path])
        return found

    there = counted(new, np.arange(len(new.spec_paths)))
    were = counted(old, np.arange(len(old.spec_paths)))
    stayed = counted(new, same)
    return frozenset(path for path, number in stayed.items() if there[path] == number == were.get(path))


def _same_fields(old: Crate, new: Crate, fields_old: np.ndarray, fields_new: np.ndarray) -> np.ndarray:
    """(pairs,) bool."""
    pairs, back = np.unique(fields_old * (len(new.reps) + 1) + fields_new, return_inverse=True)
    first, second = np.divmod(pairs, len(new.reps) + 1)
    words_old, words_new = _word_numbers(old, new)
    names = words_old[old.field_names[first]], words_new[new.field_names[second]]
    same = (names[0] == names[1]) & _same_values(old, new, old.reps[first], new.reps[second])
    listed = [k for k, token in enumerate(new.tokens) if token in _LISTED]
    same |= (names[0] == names[1]) & np.isin(new.field_names[second], listed)
    return np.asarray(same[back.reshape(-1)])


def _word_numbers(old: Crate, new: Crate) -> tuple[np.ndarray, np.ndarray]:
    """A number for each token of both, the same for the same word."""
    if old.tokens == new.tokens:
        every = np.arange(len(old.tokens))
        return every, every
    table: dict[bytes, int] = {}
    numbers = [[table.setdefault(word, len(table)) for word in crate.tokens] for crate in (old, new)]
    return np.array(numbers[0], np.int64), np.array(numbers[1], np.int64)


def _same_values(old: Crate, new: Crate, was: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(values,) bool, of ValueReps."""
    kinds = (now >> np.uint64(48) & np.uint64(0xFF)).astype(np.int64)
    alike = (was >> np.uint64(48)) == (now >> np.uint64(48))
    inline, array = (now & _INLINE) != 0, (now & _ARRAY) != 0
    strange = (now >> np.uint64(56) & np.uint64(0x1F)) != 0
    tables = old.sections == new.sections
    same = np.zeros(len(now), bool)
    plain = np.isin(kinds, _INLINE_KINDS) | ((kinds == _ASSET) & tables)
    same |= inline & ~array & plain & (was == now)
    same |= inline & ~array & _same_words(old, new, was, now, kinds)
    same |= ~inline & array & ((now & _PAYLOAD) == 0) & (was == now)  # empty arrays
    stored = np.flatnonzero(alike & ~inline & ~strange & ~same)
    same[stored] = _same_named(old, new, was[stored], now[stored], kinds[stored])
    sizes_old = _stored_sizes(old, was[stored], kinds[stored])
    sizes_new = _stored_sizes(new, now[stored], kinds[stored])
    known = (sizes_old > 0) & (sizes_old == sizes_new)
    chosen = stored[known]
    starts = (reps & _PAYLOAD for reps in (was[chosen], now[chosen]))
    first, second = (start.astype(np.int64) for start in starts)
    same[chosen] = _same_bytes(old.data, new.data, first, second, sizes_new[known])
    return np.asarray(same & alike & ~strange)


def _same_words(old: Crate, new: Crate, was: np.ndarray, now: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Words that stand in the field itself, whatever number they have in either state."""
    same = np.zeros(len(now), bool)
    numbers_old, numbers_new = _word_numbers(old, new)
    first, second = ((reps & _PAYLOAD).astype(np.int64) for reps in (was, now))
    for kind in (_STRING, _TOKEN):
        mine = np.flatnonzero(kinds == kind)
        of_old, of_new = numbers_old, numbers_new
        if kind == _STRING:
            of_old, of_new = numbers_old[old.strings], numbers_new[new.strings]
        mine = mine[(first[mine] < len(of_old)) & (second[mine] < len(of_new))]
        same[mine] = of_old[first[mine]] == of_new[second[mine]]
    return same


def _stored_sizes(crate: Crate, reps: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """(values,) int64: bytes that a value takes in the file, 0 where that is not certain."""
    at = (reps & _PAYLOAD).astype(np.int64)
    array, packed = (reps & _ARRAY) != 0, (reps & _PACKED) != 0
    each = np.zeros(256, np.int64)
    each[list(_SIZES)] = list(_SIZES.values())
    sizes = np.where(array | packed, 0, each[kinds])
    counts = _word_at(crate.data, at)
    sizes = np.where(array & ~packed & (each[kinds] > 0), 8 + counts * each[kinds], sizes)
    integers = array & packed & np.isin(kinds, _PACKED_INTEGERS)
    sizes = np.where(integers & (counts < _FEW), 8 + counts * each[kinds], sizes)
    sizes = np.where(integers & (counts >= _FEW), 16 + _word_at(crate.data, at + 8), sizes)
    alone = ~array & ~packed
    sizes = np.where(alone & (kinds == _DOUBLES), 8 + 8 * counts, sizes)
    floats = array & packed & np.isin(kinds, _PACKED_FLOATS)
    sizes = np.where(floats & (counts < _FEW), 8 + counts * each[kinds], sizes)
    for k in np.flatnonzero(floats & (counts >= _FEW))[:_MOST_LISTS].tolist():
        sizes[k] = _floats_size(crate.data, int(at[k]), int(each[kinds[k]]))
    return np.where((sizes > 0) & (at > 0) & (at + sizes <= len(crate.data)), sizes, 0)


def _word_at(data: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(values,) int64: 64 bits that stand there, within what a file may hold; 0 beyond the end."""
    inside = (at >= 0) & (at + 8 <= len(data))
    rows = np.where(inside, at, 0)[:, None] + np.arange(8)
    found = np.ascontiguousarray(data[rows]).view(np.uint64).reshape(-1)
    return np.where(inside, np.minimum(found, np.uint64(1 << 40)).astype(np.int64), 0)


def _number(data: np.ndarray, at: int, size: int = 8) -> int:
    """What stands there, no more than the file has bytes; -1 beyond the end."""
    found = data[at : at + size]
    return min(int.from_bytes(found.tobytes(), "little"), len(data)) if len(found) == size else -1


def _same_named(old: Crate, new: Crate, was: np.ndarray, now: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """(values,) bool: lists of words or paths, whatever numbers these have in either state."""
    same = np.zeros(len(now), bool)
    arrays = (now & _ARRAY) != 0
    listed = (arrays & np.isin(kinds, (_STRING, _TOKEN))) | (~arrays & np.isin(kinds, [40, 41, 45, *_LISTS]))
    for k in np.flatnonzero(listed)[:_MOST_LISTS].tolist():
        kind, first, second = int(kinds[k]), int(was[k] & _PAYLOAD), int(now[k] & _PAYLOAD)
        names = _names(new, second, kind)
        same[k] = names is not None and names == _names(old, first, kind)
    return same


def _names(crate: Crate, at: int, kind: int) -> list[tuple[object, ...]] | None:
    """What a list of words or paths names; of a list operation first which lists it has. None for damaged ones."""
    found: list[tuple[object, ...]] = []
    lists, each = 1, 8 if kind == 45 else 4
    if kind in _LISTS:
        head = _number(crate.data, at, 1)
        found, lists, at = [(head,)], (head & 0x7E).bit_count(), at + 1
    for _ in range(lists):
        count = _number(crate.data, at)
        numbers = crate.data[at + 8 : at + 8 + each * count] if count >= 0 else crate.data[:0]
        if count < 0 or len(numbers) != each * count:
            return None
        found.append(_named(crate, numbers.copy().view(np.uint32).tolist(), (_VECTORS | _LISTS)[kind]))
        at += 8 + len(numbers)
    return found


def _named(crate: Crate, numbers: list[int], what: str) -> tuple[object, ...]:
    if what == "paths":
        return tuple(crate.paths[0][k] for k in numbers)
    words = crate.strings[numbers].tolist() if what == "strings" else numbers
    return tuple(crate.tokens[k] for k in words)


def _floats_size(data: np.ndarray, at: int, each: int) -> int:
    """Of floats that are packed as integers ("i") or as numbers of a table's rows ("t"); 0 for another way."""
    way, head = _number(data, at + 8, 1), 9
    if way == ord("t"):
        head += 4 + each * max(_number(data, at + 9, 4), 0)
    elif way != ord("i"):
        return 0
    packed = _number(data, at + head)
    return 0 if packed < 0 else head + 8 + packed


def _same_bytes(
    old: np.ndarray, new: np.ndarray, was: np.ndarray, now: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    """(values,) bool. What moved by the same distance is compared in one stretch."""
    same = np.zeros(len(now), bool)
    order = np.argsort(now, kind="stable")
    moved = (now - was)[order]
    cuts = np.flatnonzero(np.diff(moved)) + 1
    for run in np.split(order, cuts)[:_MOST_RUNS]:
        if len(run):
            same[run] = _same_stretch(old, new, int(now[run[0]] - was[run[0]]), now[run], sizes[run])
    return same


def _same_stretch(
    old: np.ndarray, new: np.ndarray, moved: int, starts: np.ndarray, sizes: np.ndarray
) -> np.ndarray:
    low, high = int(starts.min()), int((starts + sizes).max())
    other = changed_blocks(old[low - moved : high - moved], new[low:high])
    counts = np.concatenate([[0], np.cumsum(other)])
    first, last = (starts - low) // _BLOCK, (starts + sizes - low + _BLOCK - 1) // _BLOCK
    same = np.asarray(counts[last] == counts[first])
    for k in np.flatnonzero(~same).tolist():  # a block may hold ends of several values
        start, end = int(starts[k]), int(starts[k] + sizes[k])
        same[k] = np.array_equal(old[start - moved : end - moved], new[start:end])
    return same


def changed_blocks(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """(blocks,) bool: which blocks of 512 of two runs of bytes, (bytes,) uint8 of the same length, are not equal."""
    found = np.zeros(-(-len(new) // _BLOCK), bool)
    whole = len(new) // _BLOCK * _BLOCK
    for start in range(0, whole, _PORTION):
        end = min(start + _PORTION, whole)
        words = (data[start:end].view(np.uint64) for data in (old, new))
        unlike = np.not_equal(*words).reshape(-1, _BLOCK // 8)
        found[start // _BLOCK : end // _BLOCK] = unlike.any(axis=1)
    if whole < len(new):
        found[-1] = not np.array_equal(old[whole:], new[whole:])
    return found
