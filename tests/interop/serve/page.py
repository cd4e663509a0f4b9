"""A headless Chromium on the page of `wharf serve`: sorts, filters, uploads by picker and by drop, removes.

Usage: page.py CHROMIUM URL FILE FOLDER. Speaks the DevTools protocol over a WebSocket (RFC 6455) of its own, so
that nothing has to be installed. Prints what it saw as JSON; every wait has a deadline.
"""
import base64, json, os, re, socket, subprocess, sys, time


class Socket:
    """Just enough of a WebSocket: text messages, masked by the client."""

    def __init__(self, url):
        host, port, path = re.match(r"ws://([^:/]+):(\d+)(/.*)", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.input = self.socket.makefile("rb")
        assert b" 101 " in self.input.readline()
        while self.input.readline() != b"\r\n":
            pass

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big") if size < 65536 \
            else b"\xff" + size.to_bytes(8, "big")
        self.socket.sendall(b"\x81" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        message = b""
        while True:
            first, size = self.input.read(2)
            size = int.from_bytes(self.input.read(2 if size == 126 else 8), "big") if size > 125 else size
            message += self.input.read(size)
            if first & 0x80:
                return message.decode()


class Page:
    def __init__(self, chromium, home):
        self.process = subprocess.Popen(
            [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
             f"--user-data-dir={home}", "about:blank"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in self.process.stderr:
            found = re.search(r"DevTools listening on (ws://\S+)", line)
            if found:
                break
        self.socket, self.count, self.errors = Socket(found.group(1)), 0, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "DOM", "Log"]:
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.receive())
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(answer["params"]["exceptionDetails"]["exception"].get("description", "?"))
            if answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["source"] == "security":
                self.errors.append(answer["params"]["entry"]["text"])
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]

    def value(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, script):
        until = time.monotonic() + 20
        while time.monotonic() < until:
            value = self.value(script)
            if value:
                return value
        raise SystemExit(f"{script} never came true: {self.value('document.body.innerText')}")

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def key(self, key):
        for kind in ["keyDown", "keyUp"]:
            text = {"text": key} if len(key) == 1 and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, **text)


NAMES = "[...document.querySelectorAll('#rows tr:not([hidden]) .name span')].map((e) => e.textContent)"
FOCUS = "document.activeElement.textContent.trim()"


def main(chromium, url, file, home):
    page, seen = Page(chromium, home), {}
    try:
        page.open(url)
        seen["names"] = page.value(NAMES)
        page.value("document.querySelector('th.size a').click()")
        seen["by size"] = page.value(NAMES)
        seen["sorted"] = page.value("document.querySelector('th.size').ariaSort + ' ' + location.search")
        page.key("ArrowDown"), page.key("ArrowDown")
        seen["focus"] = page.value(FOCUS)
        page.key("/"), page.key("b")
        seen["filtered"] = page.value(NAMES)
        page.key("Escape")
        # By the picker.
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        picker = page.call("DOM.querySelector", nodeId=root, selector="#pick")["nodeId"]
        page.call("DOM.setFileInputFiles", nodeId=picker, files=[file])
        page.wait(f"{NAMES}.includes('picked.txt')")
        # Once more: it is there, and is replaced only when asked to.
        page.call("DOM.setFileInputFiles", nodeId=picker, files=[file])
        seen["conflict"] = page.wait("document.querySelector('#uploads .failed .how')?.textContent")
        page.value("document.querySelector('#uploads .failed button').click()")
        page.wait("!document.querySelector('#uploads li')")
        # By dropping.
        page.value("""(() => {
            const data = new DataTransfer();
            data.items.add(new File(["dropped"], "dröpped & co.txt"));
            const event = (name) => document.body.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
            event("dragenter"); event("dragover");
            window.sawOverlay = getComputedStyle(document.querySelector("#drop")).display !== "none";
            event("drop");
        })()""")
        page.wait(f"{NAMES}.includes('dröpped & co.txt')")
        seen["overlay"] = page.value("window.sawOverlay")
        # Removing takes two presses.
        button = "[...document.querySelectorAll('#rows tr')].find((row) => row.textContent.includes('picked.txt')).querySelector('button')"
        page.value(f"{button}.click()")
        seen["asks"] = page.value(f"{button}.textContent")
        page.value(f"{button}.click()")
        page.wait(f"!{NAMES}.includes('picked.txt')")
        seen["errors"] = list(page.errors)
        # What was uploaded cannot act as the page.
        page.open(url + "evil.html")
        seen["evil"] = page.wait("document.title !== 'wait' && document.title")
    finally:
        page.process.kill()
        page.process.wait()
    json.dump(seen, sys.stdout)


main(*sys.argv[1:])
