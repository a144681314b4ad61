"""What the program is compared with on the same requests: nginx, the floor, Node."""
import http.client
import pathlib
import socket

from harness import BUILD, ROOT, WORK, Program, free_port

PART_BYTES = 4000  # nginx takes at most 4,096 bytes for a parameter.


def answer_of(port, request):
    """One whole answer of a server, head included, as it came."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65536)
        head, body = data.split(b"\r\n\r\n", 1)
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += sock.recv(65536)
        return head, body


def nginx(name, head, body):
    """nginx, one worker, that gives this answer to everything: `return 200`, its quickest way. Bytes that
    its configuration cannot hold are replaced by letters, as many. Its own Date and Server stay."""
    folder = WORK / f"nginx-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    text = "".join(chr(byte) if 32 <= byte < 127 and byte not in b"$\\\"'" else "x" for byte in body)
    if body.startswith(b"{"):  # JSON: as it is, quotes escaped.
        text = body.decode().replace("\\", "\\\\").replace('"', '\\"')
    parts = cut(text)
    lines = [f'set $p{number} "{part}";' for number, part in enumerate(parts)]
    for line in head.decode().split("\r\n")[1:]:
        key, value = line.split(": ", 1)
        if key.lower() not in ("date", "content-length", "content-type", "connection"):
            value = value.replace('"', '\\"')
            lines.append(f'add_header {key} "{value}";')
    names = "".join(f"$p{number}" for number in range(len(parts)))
    lines.append(f'return 200 "{names}";')
    return start_nginx(folder, port, "\n      ".join(lines))


def nginx_not_modified(head):
    """nginx that answers 304 for a small file whose ETag the client has."""
    folder = WORK / "nginx-304"
    (folder / "html").mkdir(parents=True, exist_ok=True)
    (folder / "html" / "small").write_text("small\n")
    lines = [f"root {folder}/html;", "open_file_cache max=10;", "rewrite ^ /small break;"]
    for line in head.decode().split("\r\n")[1:]:
        key, value = line.split(": ", 1)
        if key.lower() not in ("date", "etag", "connection"):
            lines.append(f'add_header {key} "{value}";')
    program = start_nginx(folder, free_port(), "\n      ".join(lines))
    connection = http.client.HTTPConnection("127.0.0.1", program.port)
    connection.request("GET", "/small")
    program.etag = connection.getresponse().getheader("ETag")
    return program


def start_nginx(folder, port, location):
    conf = folder / "nginx.conf"
    conf.write_text(f"""daemon off;
master_process off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log crit;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  server_tokens off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  sendfile on;
  tcp_nodelay on;
  etag on;
  default_type application/json;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      {location}
    }}
  }}
}}
""")
    program = Program(["/usr/sbin/nginx", "-e", folder / "error.log", "-p", folder, "-c", conf],
                      log=f"{folder.name}.log")
    program.port = port
    return program.wait_for_port(port)


def cut(text):
    """In parts that nginx takes, never in the middle of an escape."""
    parts = []
    while text:
        end = PART_BYTES
        while text[:end].endswith("\\"):
            end -= 1
        parts.append(text[:end])
        text = text[end:]
    return parts


def floor(head, body, copies=1):
    """The hand-written server with this answer, from so many places in memory."""
    file = WORK / "floor.answer"
    pathlib.Path(file).write_bytes(head + b"\r\n\r\n" + body)
    port = free_port()
    program = Program([BUILD / "bench_floor", port, file, copies], log="floor.log")
    program.port = port
    return program.wait_for_port(port)


def node(data, mode, writes="each"):
    """The service on Node (bench/rivals)."""
    port = free_port()
    program = Program(["node", ROOT / "bench/rivals/server.mjs", "--port", port, "--data", data, "--mode",
                       mode, "--writes", writes], log=f"node-{mode}.log")
    program.port = port
    return program.wait_for_port(port)


def node_on_postgres(url):
    port = free_port()
    program = Program(["node", ROOT / "bench/rivals/postgres/server.mjs", "--port", port, "--database", url],
                      log="node-postgres.log")
    program.port = port
    return program.wait_for_port(port)
