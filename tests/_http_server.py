"""A local HTTP server that replaces hosts on the internet."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serve_directory(
    files: dict[str, bytes], *, silent: bool = False, cut: int | None = None, stalled: int | None = None
):
    """Serve ``files`` by name and yield the address.

    Args:
        files: name -> content.
        silent: accept connections and never respond.
        cut: close the connection after this many bytes of a file.
        stalled: send this many bytes of a file and keep the connection open.
    """
    finished = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if silent:
                finished.wait(20)
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
                    finished.wait(20)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        finished.set()
        server.shutdown()
        thread.join()
        server.server_close()
