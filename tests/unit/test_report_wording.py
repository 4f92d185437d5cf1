"""A report speaks of rows where documents are rows, and leaves names and texts alone."""

import pytest

from headwater.report.wording import in_words_of


@pytest.mark.parametrize(
    ("said", "of_rows"),
    [
        ("<p>adding 240 tokens raises the\nloss by 1 nats per\nword</p>", "<p>adding 240 rows raises the\nloss by 1 nats per row</p>"),
        ("trains on the human\ndocuments, 3 tokens</dd>", "trains on the human\nrows, 3 rows</dd>"),
        ("Human documents and human text", "Human rows and human rows"),
        ("it is a sealed panel document.", "it is a sealed panel row."),
        ("<b>documents</b> tokens-1 /data/documents/x.csv least_tokens", "<b>documents</b> tokens-1 /data/documents/x.csv least_tokens"),
    ],
)  # fmt: skip
def test_terms_are_exchanged_and_names_are_not(said: str, of_rows: str) -> None:
    assert in_words_of("table", said) == of_rows
    assert in_words_of("text", said) == said


def test_images_have_words_of_their_own() -> None:
    said = "<p>lost 90% of the rare words, 2 nats per word on human documents</p><th>Distinct words</th>"
    assert in_words_of("image", said) == (
        "<p>lost 90% of the coverage of human images, 2 nats per image on human images</p><th>Labels</th>"
    )
