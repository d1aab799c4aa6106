"""How the tests of the app drive it in a real browser."""

from pathlib import Path


def upload(page, name: str, data: bytes) -> None:
    page.locator("input[type=file]").first.set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )


def chosen(page, name: str) -> None:
    page.get_by_role("heading", name=name, exact=True).wait_for()


def saved(page, button: str, nth: int = 0) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).nth(nth).click()
    return Path(download.value.path()).read_bytes()


def pick_sample(page, name: str) -> None:
    page.get_by_role("combobox", name="Or pick a sample").click()
    page.get_by_role("option", name=name, exact=True).click()


def tags(page) -> list[tuple[str, float]]:
    """The names and scores of the top tags, as they stand on the page."""
    texts = page.get_by_test_id("stHtml").locator("span").all_text_contents()
    return [(name, float(score)) for name, score in zip(texts[::2], texts[1::2], strict=True)]
