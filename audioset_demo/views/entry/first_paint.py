"""The page in which the browser runs Streamlit, with the styles for while the app is loading.

What the script sends, styles among it, is only shown after the parts that the styles are for.
"""

from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.file_util import get_static_dir

STYLES = Path(__file__).with_suffix(".css")


class FirstPaint:
    """Middleware that puts the styles into Streamlit's page, at whichever address it is asked."""

    def __init__(self, app: ASGIApp):
        self._app = app
        page = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8")
        styles = f"<style>{STYLES.read_text(encoding='utf-8')}</style>"
        self._page = HTMLResponse(
            page.replace("</head>", f"{styles}</head>"), headers={"Cache-Control": "no-cache"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        replaced = False

        async def send_page(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_page(message):
                replaced = True
                await self._page(scope, receive, send)
            elif not replaced:
                await send(message)

        await self._app(scope, receive, send_page)


def _is_page(start: Message) -> bool:
    content_type = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] == 200 and content_type.startswith("text/html")
