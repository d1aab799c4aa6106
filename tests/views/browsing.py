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


def drawn(tools, page) -> None:
    page.wait_for_timeout(400)  # until the browser has told the server
    tools.wait_until_drawn(page)


def pick_sample(page, name: str) -> None:
    page.get_by_role("combobox", name="Or pick a sample").click()
    page.get_by_role("option", name=name, exact=True).click()


def tags(page) -> list[tuple[str, float]]:
    """The names and scores of the top tags, as they stand on the page."""
    texts = page.get_by_test_id("stHtml").locator("span").all_text_contents()
    return [(name, float(score)) for name, score in zip(texts[::2], texts[1::2], strict=True)]


# --- the player ------------------------------------------------------------------------------

LABELS_PX, LABELS_SHARE, MARGIN_PX, VALUES_PX = 190, 0.3, 8, 46  # beside the pictures


def head(page):
    return page.get_by_role("slider", name="Playhead")


def heard(page, what: str):
    return page.evaluate(f"document.querySelector('.st-key-player-sound audio').{what}")


def place(page, share: float, y: int) -> tuple[float, float]:
    """A point of the pictures: `share` of the time in view, `y` pixels from the top."""
    box = head(page).bounding_box()
    labels = min(LABELS_PX, round(LABELS_SHARE * box["width"]))
    width = box["width"] - labels - MARGIN_PX
    return box["x"] + labels + share * width, box["y"] + y


def until(page, condition: str) -> None:
    page.wait_for_function(
        f"(() => {{ const audio = document.querySelector('.st-key-player-sound audio');"
        f" return audio !== null && ({condition}); }})()"
    )


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
