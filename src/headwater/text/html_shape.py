"""How costly a page of HTML is to parse and to walk over, told from its tags alone in one pass.

Parsers and extractors of HTML need time that grows with the square of how deep elements are nested, of the attributes
of one tag, and of formatting elements that are left open (the parser opens them again in every following paragraph).
Pages made to abuse that stall a worker for hours. The kernel follows the parser's rules as far as a closing tag is only
believed where a parser would believe it. Elements that a parser closes by itself (list items, paragraphs) are not
followed; how many tags of all kinds are never closed says whether that may hide something.
"""

import numba as nb
import numpy as np

_VOID, _FLAT, _RAW, _FORMAT, _CELL, _ROW, _TABLE, _FOREIGN, _BLOCK = range(9)
_KINDS = {
    # Never open: void elements, and those whose end the parser brings about before it lets another one begin.
    _VOID: "area base basefont bgsound br col embed frame hr img image input keygen link meta param source track wbr",
    _FLAT: "html head body p li dt dd option",
    # What they hold is text.
    _RAW: "script style textarea title xmp iframe noembed noframes",
    _FORMAT: "a b big code em font i nobr s small strike strong tt u",
    _CELL: "td th caption",
    _ROW: "tr tbody thead tfoot colgroup",
    _TABLE: "table template object applet marquee button",
    _FOREIGN: "svg math",
}
_MOST_OPEN = 1 << 12
_NAMES_SEEN = 1021  # a prime


def _packed(name: str) -> int:
    """Return the first eight letters of a name as a number."""
    value = 0
    for letter in name[:8].encode():
        value = value << 8 | letter
    return value


_NAMES = np.array([_packed(name) for names in _KINDS.values() for name in names.split()], dtype=np.int64)
_FRAMESET = _packed("frameset")
_NAME_KINDS = np.array([kind for kind, names in _KINDS.items() for _ in names.split()], dtype=np.int64)

# Numba infers the types of the kernels' arguments, so they carry no annotations.
# ruff: noqa: ANN001, ANN201, ANN202, PLR1714, SIM109


@nb.njit(cache=True, nogil=True)
def _kind(name):  # type: ignore[no-untyped-def]
    for place in range(len(_NAMES)):
        if _NAMES[place] == name:
            return _NAME_KINDS[place]
    return _BLOCK


@nb.njit(cache=True, nogil=True)
def _letter(code):  # type: ignore[no-untyped-def]
    """Return an ASCII letter in lower case, or 0."""
    if 65 <= code <= 90:
        return code + 32
    return code if 97 <= code <= 122 else 0


@nb.njit(cache=True, nogil=True)
def _name(data, at):  # type: ignore[no-untyped-def]
    """Return the first eight characters of the name of a tag as a number, and where the name ends."""
    name = np.int64(0)
    size = 0
    while at < len(data):
        code = data[at]
        if code == 62 or code == 47 or code <= 32:  # > / white space
            break
        letter = _letter(code)
        if size < 8:
            name = name << 8 | (letter or np.int64(code))
        size += 1
        at += 1
    return name, at


@nb.njit(cache=True, nogil=True)
def _tag_end(data, at):  # type: ignore[no-untyped-def]
    """Return where a tag ends, how many attributes it has, and whether it closes itself."""
    attributes = 0
    between = True  # no attribute's name has begun
    closed = False
    while at < len(data):
        code = data[at]
        if code == 62:
            return at + 1, attributes, closed
        closed = code == 47
        if code <= 32 or code == 47:
            between = True
        elif code == 61 and not between:
            at += 1
            while at < len(data) and data[at] <= 32:
                at += 1
            if at < len(data) and (data[at] == 34 or data[at] == 39):
                quote = data[at]
                at += 1
                while at < len(data) and data[at] != quote:
                    at += 1
            else:
                while at < len(data) and data[at] > 32 and data[at] != 62:
                    at += 1
                between = True
                continue
            between = True
        elif between:
            attributes += 1
            between = False
        at += 1
    return at, attributes, closed


@nb.njit(cache=True, nogil=True)
def _raw_end(data, at, name):  # type: ignore[no-untyped-def]
    """Return where the closing tag of an element that holds text begins; the end of the page when there is none."""
    while at + 2 < len(data):
        if data[at] == 60 and data[at + 1] == 47:
            found, _ = _name(data, at + 2)
            if found == name:
                return at
        at += 1
    return len(data)


@nb.njit(cache=True, nogil=True)
def _comment_end(data, at):  # type: ignore[no-untyped-def]
    """Return where the comment whose text begins here ends."""
    if at < len(data) and data[at] == 62:  # <!--> is a whole comment
        return at + 1
    while at + 2 < len(data) and not (data[at] == 45 and data[at + 1] == 45 and data[at + 2] == 62):
        at += 1
    return at + 3


@nb.njit(cache=True, nogil=True)
def _closed_at(names, kinds, depth, name, kind):  # type: ignore[no-untyped-def]
    """Return the place of the open element that a closing tag closes, with all above it; -1 when it is ignored."""
    place = depth - 1
    while place >= 0 and names[place] != name:
        # The end of a block is not believed across the borders of a cell or table, that of a cell across a table's.
        border = kinds[place] == _TABLE or (kind == _BLOCK and _CELL <= kinds[place] <= _TABLE)
        if border and kind != _TABLE:
            return -1
        place -= 1
    return place


@nb.njit(cache=True, nogil=True)
def html_shape(data):  # type: ignore[no-untyped-def]
    """Return the shape of a page.

    Args:
        data: uint8, the page in UTF-8 or any encoding that holds ASCII.

    Returns:
        The greatest depth (elements open at once, without those that a parser closes by itself), the most attributes
        of one tag, how often a parser would open a formatting element again at most, and the number of tags that are
        never closed. Depth and formatting are followed up to 4096 elements; a page that has more is reported as it is
        up to there.
    """
    names = np.empty(_MOST_OPEN, dtype=np.int64)
    kinds = np.empty(_MOST_OPEN, dtype=np.int64)
    inside = np.zeros(_MOST_OPEN, dtype=np.int64)  # formatting elements open in each element
    active = np.empty(_MOST_OPEN, dtype=np.int64)  # names of formatting elements that are opened again; 0 is a border
    written = np.empty(_MOST_OPEN, dtype=np.int64)  # hashes of their tags; at a border the place behind the one before
    border = depth = count = total = deepest = most = reopened = foreign = outside = unclosed = 0
    seen = np.zeros(_NAMES_SEEN, dtype=np.int64)
    balance = np.zeros(_NAMES_SEEN, dtype=np.int64)
    at = 0
    while at < len(data):
        if data[at] != 60 or at + 1 >= len(data):
            at += 1
            continue
        code = data[at + 1]
        if code == 33 and at + 3 < len(data) and data[at + 2] == 45 and data[at + 3] == 45:  # <!--
            at = _comment_end(data, at + 4)
            continue
        closing = code == 47
        begin = at + 2 if closing else at + 1
        if begin >= len(data) or _letter(data[begin]) == 0:
            at += 1
            continue
        name, at = _name(data, begin)
        at, attributes, closed = _tag_end(data, at)
        most = max(most, attributes)
        kind = _kind(name)
        if kind == _VOID:
            continue
        slot = (name ^ name >> 29) % _NAMES_SEEN
        if seen[slot] != name:  # names that share a slot start anew: the count is rather too high than too low
            seen[slot], balance[slot] = name, 0
        if name == _FRAMESET:  # in it a parser ignores nearly everything: what was counted says nothing
            unclosed += _MOST_OPEN
        if not closing:
            balance[slot] += 1
            unclosed += 1
        elif balance[slot] > 0:
            balance[slot] -= 1
            unclosed -= 1
        if kind == _RAW:
            if not closing and not foreign:
                at = _raw_end(data, at, name)
            continue
        if kind == _FORMAT:
            if closing:
                place = count - 1
                while place >= border and active[place] != name:
                    place -= 1
                if place >= border:
                    for later in range(place, count - 1):
                        active[later], written[later] = active[later + 1], written[later + 1]
                    count -= 1
                if depth and inside[depth - 1] > 0:
                    inside[depth - 1] -= 1
                    total -= 1
                elif depth == 0 and outside > 0:
                    outside -= 1
                    total -= 1
                continue
            text = np.int64(14695981039346656037 & 0x7FFFFFFFFFFFFFFF)
            for place in range(begin, at):
                text = (text ^ data[place]) * np.int64(1099511628211)
            same = 0
            for place in range(border, count):
                same += 1 if written[place] == text else 0
            if same < 3:  # of more that are alike the parser remembers three
                if count == _MOST_OPEN:
                    return deepest, most, reopened, unclosed
                active[count], written[count] = name, text
                count += 1
            if depth:
                inside[depth - 1] += 1
            else:
                outside += 1
            total += 1
            deepest = max(deepest, depth + total)
            continue
        reopened += count - border
        if kind == _FLAT or (closed and foreign and not closing):
            continue
        keep = depth
        if closing:
            keep = _closed_at(names, kinds, depth, name, kind)
            keep = depth if keep < 0 else keep
        elif kind == _CELL or kind == _ROW:
            # A cell ends the cell before it, a row the row before it, with all that is open in them.
            for place in range(depth - 1, -1, -1):
                if kinds[place] == _TABLE:
                    break
                if kinds[place] == _CELL or (kind == _ROW and kinds[place] == _ROW):
                    keep = place
        while depth > keep:
            depth -= 1
            total -= inside[depth]
            foreign -= 1 if kinds[depth] == _FOREIGN else 0
            if kinds[depth] == _CELL or kinds[depth] == _TABLE:
                # A cell's formatting ends with it.
                count = max(border - 1, 0)
                border = written[count] if border else 0
        if closing:
            continue
        if depth == _MOST_OPEN or count == _MOST_OPEN:
            return deepest, most, reopened, unclosed
        names[depth], kinds[depth], inside[depth] = name, kind, 0
        depth += 1
        foreign += 1 if kind == _FOREIGN else 0
        if kind == _CELL or kind == _TABLE:
            active[count], written[count] = 0, border
            count += 1
            border = count
        deepest = max(deepest, depth + total)
    return deepest, most, reopened, unclosed
