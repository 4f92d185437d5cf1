"""The text of HTML pages: what a page is about, without its frame of menus, footers and notes on the author.

The main content is found by resiliparse's rules (Bevendorff et al.; one parse, no model), with a few elements passed
over besides that hold no content in any page seen. How much of what is wanted and unwanted comes out, beside another
extractor: ``benchmarks/html_extraction.py``.
"""

from typing import Any

import numpy as np

MAX_DEPTH = 1000
"""Elements nested deeper than in any honest page; the extractor's time grows with the square (measured: 0.03 s here,
11 s at 20,000)."""

MAX_ATTRIBUTES = 1000
"""Attributes of one tag; the parser's time grows with the square (measured: 1.6 s at 20,000)."""

MAX_REOPENED = 1_000_000
"""Formatting elements that a parser opens again because they were never closed: each is about 100 bytes of memory."""

_MANY_UNCLOSED = 500  # with fewer tags left open than this the nesting is what it looks like

# Passed over besides what resiliparse takes for no content. Names are whole words or nearly so: parts such as "author-"
# or "-footer" would also hit "author-admin" and "has-footer", which themes give to whole articles.
_FRAME = (
    *("footer", "nav", "aside", "[role=navigation]", "[role=contentinfo]"),
    *("div.footer", "div#footer", "div.site-footer", "div.page-footer", "div.entry-footer", "div.post-footer"),
    *(f"div[class*=author{part}]" for part in ("-bio", "-box", "-desc", "-info", "-profile", "__desc")),
    *("div[class*=about-author]", "div[id*=author-desc]", "div[id*=author-info]"),
)


class PageError(Exception):
    """A page that would cost more to read than any honest page."""


def page_text(html: str) -> str:
    """Return the main content of a page as plain text, one line per block; empty where there is none.

    Raises:
        PageError: the page is nested too deeply, or otherwise made so that reading it takes ages.
    """
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLParserException, HTMLTree

    from headwater.text.html_shape import html_shape

    data = html.encode("utf-8", "replace")
    depth, attributes, reopened, unclosed = html_shape(np.frombuffer(data or b" ", dtype=np.uint8))
    if depth > MAX_DEPTH:
        raise PageError(f"elements are nested more than {MAX_DEPTH} deep")
    if attributes > MAX_ATTRIBUTES:
        raise PageError(f"a tag has {attributes:,} attributes; {MAX_ATTRIBUTES} are allowed")
    if reopened > MAX_REOPENED:
        raise PageError(f"formatting that is never closed would be opened again {reopened:,} times")
    try:
        tree = HTMLTree.parse(data.decode())
    except HTMLParserException as error:
        raise PageError(f"the parser gives up: {error}") from error
    if unclosed > _MANY_UNCLOSED and _deeper(tree.document, MAX_DEPTH):
        raise PageError(f"elements are nested more than {MAX_DEPTH} deep")
    text = extract_plain_text(
        tree, main_content=True, alt_texts=False, comments=False, post_meta=False, skip_elements=list(_FRAME)
    )
    return str(text)


def _deeper(node: Any, limit: int) -> bool:
    """Say whether a tree is deeper than a limit."""
    depth = 0
    while node is not None:
        if node.first_child is not None:
            node = node.first_child
            depth += 1
            if depth > limit:
                return True
            continue
        while node is not None and node.next is None and depth > 0:
            node = node.parent
            depth -= 1
        if depth <= 0:
            return False
        node = node.next
    return False


def decoded(data: bytes, declared: str | None = None) -> str:
    """Return the text of a page whose encoding has to be found.

    In this order: a byte order mark; UTF-8, when everything is (no other encoding gives text that is, by accident);
    the encoding declared by the server, then by the page; what the bytes look like. Bytes that have no meaning in the
    encoding become U+FFFD.

    Args:
        data: the page as it came.
        declared: the encoding the server named.
    """
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

    for mark, name in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    if b"\x1b" not in data:  # some encodings switch with it and look like ASCII otherwise
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    found = map_encoding_to_html5(declared, fallback_utf8=False) if declared else None
    found = found or detect_encoding(data, max_len=1 << 17, html5_compatible=True, from_html_meta=True)
    return str(bytes_to_str(data, found or "utf-8", "replace", ["utf-8", "windows-1252"]))
