"""A headless Firefox that runs code inside of itself, by the protocol of its own tests."""

import json
import os
import socket
import subprocess
import tempfile
import time

SETTINGS = {
    "marionette.port": 0,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}
STARTED = 120.0  # seconds


class Firefox:
    """`with Firefox(profile) as firefox: firefox.run(code)` returns what the body of an async function returns."""

    def __init__(self, profile):
        self._port = profile / "MarionetteActivePort"
        self._port.unlink(missing_ok=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in SETTINGS.items()]
        (profile / "user.js").write_text("".join(lines))
        command = ["firefox-esr", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
        home = tempfile.mkdtemp()
        self._process = subprocess.Popen(
            [*command, "--profile", str(profile), "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": home},
        )
        self._count = 0

    def __enter__(self):
        until = time.monotonic() + STARTED
        while not (self._port.exists() and self._port.read_text()):
            assert self._process.poll() is None and time.monotonic() < until, "Firefox does not start"
            time.sleep(0.2)
        self._socket = socket.create_connection(("127.0.0.1", int(self._port.read_text())))
        self._answers = self._socket.makefile("rb")
        self._answer()
        self._call("WebDriver:NewSession")
        self._call("Marionette:SetContext", value="chrome")
        return self

    def run(self, code):
        script = f"const done = arguments[0]; (async () => {{{code}}})().then(done, error => done('ERROR ' + error))"
        found = self._call("WebDriver:ExecuteAsyncScript", script=script, args=[])["value"]
        assert not str(found).startswith("ERROR"), found
        return found

    def __exit__(self, *error):
        self._call("Marionette:Quit", flags=["eAttemptQuit"])
        self._process.wait(60)

    def _call(self, command, **arguments):
        self._count += 1
        message = json.dumps([0, self._count, command, arguments]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._answer()
        assert not error, error
        return result

    def _answer(self):
        length = b""
        while not length.endswith(b":"):
            length += self._answers.read(1)
        return json.loads(self._answers.read(int(length[:-1])))
