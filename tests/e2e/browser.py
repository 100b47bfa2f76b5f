# SPDX-License-Identifier: MIT
"""A headless Chromium, driven by the WebDriver protocol over loopback: chromedriver (Debian: chromium-driver) and the
standard library. Without them `missing()` says what is not there."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the protocol gives to references
PATIENCE = 60


def missing():
    for program in ("chromedriver", "chromium"):
        if not shutil.which(program):
            return f"no {program}"
    return None


class Browser:
    def __init__(self, driver_url, arguments):
        self.driver_url = driver_url
        capabilities = {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}
        self.session = self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.driver_url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE * 2) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()[:2000]) from error

    def command(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def open(self, path):
        """Opens a file and waits until the page says that it is ready. Returns the seconds that took."""
        started = time.monotonic()
        self.command("POST", "/url", {"url": "file://" + os.path.abspath(path)})
        self.wait("document.body.dataset.state === 'ready'")
        return time.monotonic() - started

    def script(self, text, *arguments):
        return self.command("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def pause(self, seconds):
        """Of the page's own time: what it had put off for less long, and drawing, is done then."""
        later = "const done = arguments[1]; setTimeout(() => requestAnimationFrame(() => setTimeout(done)), arguments[0])"
        self.command("POST", "/execute/async", {"script": later, "args": [int(seconds * 1000)]})

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not self.script(f"return Boolean({condition})"):
            if time.monotonic() > deadline:
                raise AssertionError(f"never true: {condition}; the console: {self.console()}")
            time.sleep(0.05)

    def find(self, selector):
        return self.command("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.command("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        element = self.find(selector)
        self.command("POST", f"/element/{element}/clear", {})
        if text:
            self.command("POST", f"/element/{element}/value", {"text": text})

    def pointer(self, *steps):
        """Steps: ("move", x, y), ("down",), ("up",), in the pixels of the window."""
        actions = []
        for step in steps:
            if step[0] == "move":
                actions.append({"type": "pointerMove", "duration": 30, "x": int(step[1]), "y": int(step[2]), "origin": "viewport"})
            else:
                actions.append({"type": "pointerDown" if step[0] == "down" else "pointerUp", "button": 0})
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self.command("POST", "/actions", {"actions": [mouse]})

    def console(self):
        return [entry for entry in self.command("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """The addresses that were asked for since the last call, of files, data and the browser itself left out."""
        urls = []
        for entry in self.command("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return [url for url in urls if not url.startswith(("file:", "data:", "chrome:"))]

    def screenshot(self, path, width=1280, height=None, dark=False):
        """The whole page, or its upper `height` pixels."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height or 900, deviceScaleFactor=1, mobile=False)
        time.sleep(0.4)
        full = height or self.script("return document.documentElement.scrollHeight")
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=full, deviceScaleFactor=1, mobile=False)
        time.sleep(0.4)
        image = self.devtools("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(image))

    def devtools(self, method, **parameters):
        return self.command("POST", "/goog/cdp/execute", {"cmd": method, "params": parameters})


@contextlib.contextmanager
def browser():
    profile = tempfile.mkdtemp(prefix="duct-bpf-browser-")
    driver = subprocess.Popen([shutil.which("chromedriver"), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, env={**os.environ, "HOME": profile})
    try:
        port = None
        while port is None:
            line = driver.stdout.readline()
            if not line:
                raise RuntimeError("chromedriver ended before it listened")
            if found := re.search(r"started successfully on port (\d+)", line):
                port = found[1]
        arguments = ["--headless=new", f"--user-data-dir={profile}/data", "--window-size=1280,900", "--disable-gpu", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # its sandbox refuses to run as root
        if os.path.isdir("/dev/shm") and shutil.disk_usage("/dev/shm").free < 256 << 20:
            arguments.append("--disable-dev-shm-usage")
        page = Browser(f"http://127.0.0.1:{port}", arguments)
        try:
            yield page
        finally:
            page.command("DELETE", "")
    finally:
        driver.terminate()
        driver.wait()
        driver.stdout.close()
        shutil.rmtree(profile, ignore_errors=True)
