"""A headless Chromium, spoken to by DevTools over a pipe: no port, no further package."""

from __future__ import annotations

import base64
import io
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",  # WebGL without a GPU
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--window-size=1000,640",
)

ANSWER_TIMEOUT = 300.0
"""What the browser gets to answer, such as to draw a page without a GPU on a busy machine [s]."""


def find_browser() -> str | None:
    """Path of a Chromium on this machine; None if there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    """A browser with one page, in real time.

    Attributes:
        console: what the page has printed.
        requested: addresses that it has asked for, by the number of the request.
        refused: numbers of the requests that its content security policy did not let go.
    """

    def __init__(self, path: str, profile: Path) -> None:
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()

        on_3_and_4 = f'exec "$0" "$@" 3<&{read_commands} 4>&{write_answers}'  # where Chromium expects the pipe
        self._process = subprocess.Popen(
            ["bash", "-c", on_3_and_4, path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(read_commands, write_answers),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_commands)
        os.close(write_answers)
        self._buffer = b""
        self._number = 0
        self.console: list[str] = []
        self.requested: dict[str, str] = {}
        self.refused: set[str] = set()
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of DevTools on the page."""
        return self._call(method, self._session, **parameters)

    def wait(self, seconds: float) -> None:
        """Let the page work."""
        self.call("Runtime.evaluate", awaitPromise=True, expression=f"new Promise(r => setTimeout(r, {1e3 * seconds}))")

    def screenshot(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, what a person would see."""
        data = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(20)
        os.close(self._commands)
        os.close(self._answers)

    def _call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._commands, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._receive(time.monotonic() + ANSWER_TIMEOUT)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._answers], [], [], deadline - time.monotonic())[0], "the browser does not answer"
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event["method"] == "Runtime.consoleAPICalled":
            self.console.append(" ".join(str(argument.get("value")) for argument in parameters["args"]))
        elif event["method"] == "Network.requestWillBeSent":
            self.requested[parameters["requestId"]] = parameters["request"]["url"]
        elif event["method"] == "Network.loadingFailed" and parameters.get("blockedReason") == "csp":
            self.refused.add(parameters["requestId"])
