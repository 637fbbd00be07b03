"""Which other nodes can be reached on a port that nobody has opened for it?

    python3 tcp_mesh.py OWN_INDEX OWN_ADDRESS TOKEN

Listens on a port that the kernel chooses and says `port N`. Then takes lines `INDEX ADDRESS PORT` and, behind the
last of them, `go`; says `begun`, connects to all of them at once and says for each, as soon as it is known, `tcp INDEX
ok` or why not; then `done`. It continues to answer the others until its standard input ends.

Who answers says the token and its index, so that another program, or another machine of the same address, is not
taken for the node; and sends more than fits into a packet, so that a path that loses large packets shows.
"""

import concurrent.futures
import socket
import sys
import threading

CONNECT, ANSWER = 5, 6  # seconds
BULK = 64 * 1024


def answer(peer, hello):
    with peer:
        peer.settimeout(ANSWER)
        try:
            peer.sendall(hello + bytes(BULK))
        except OSError:
            pass


def serve(listener, hello):
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            continue
        threading.Thread(target=answer, args=(peer, hello), daemon=True).start()


def connect(address, port, hello):
    try:
        way = socket.create_connection((address, port), CONNECT)
    except socket.timeout:
        return "no answer"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    with way:
        way.settimeout(ANSWER)
        heard = b""
        try:
            more = heard = way.recv(1 << 16)
            while more and len(heard) < len(hello) + BULK:
                more = way.recv(1 << 16)
                heard += more
        except socket.timeout:
            return "the connection opens, but large packets are lost"
        except OSError as error:
            return (error.strerror or str(error)).lower()
    if not heard.startswith(hello):
        return "another machine or program answers there"
    return "ok"


def main(index, address, token):
    listener = socket.socket()
    try:
        listener.bind((address, 0))
    except OSError:
        listener.bind(("", 0))
    listener.listen(1024)
    threading.Thread(target=serve, args=(listener, f"{token} {index}\n".encode()), daemon=True).start()
    print(f"\nport {listener.getsockname()[1]}", flush=True)  # behind a greeting that has no end of line

    peers = []
    for line in sys.stdin:
        if line == "go\n":
            break
        peers.append(line.split())
    print("begun", flush=True)
    with concurrent.futures.ThreadPoolExecutor(max(1, len(peers))) as pool:
        tries = {pool.submit(connect, address, int(port), f"{token} {index}\n".encode()): index
                 for index, address, port in peers}
        for done in concurrent.futures.as_completed(tries):
            print("tcp", tries[done], done.result(), flush=True)
    print("done", flush=True)
    sys.stdin.read()


main(*sys.argv[1:])
