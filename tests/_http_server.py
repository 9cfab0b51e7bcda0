"""A host of files on this machine, in place of those on the internet."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serve_directory(
    files: dict[str, bytes], *, silent: bool = False, cut: int | None = None, stalled: int | None = None
):
    """Serve ``files`` by name; yield the address. A silent host accepts and says nothing; ``cut`` ends a file early;
    ``stalled`` stops sending there and keeps the line open."""
    let_go = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if silent:
                let_go.wait(20)
                return
            content = files.get(self.path.rsplit("/", 1)[1])
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content[: cut if stalled is None else stalled])
                if stalled is not None:
                    self.wfile.flush()
                    let_go.wait(20)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
