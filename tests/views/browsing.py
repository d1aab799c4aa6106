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
