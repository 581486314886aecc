"""The server of the tutorial, rewritten from its description: what ours must be a drop-in for.

One thread receives into a queue, another takes from it and sends to everybody. Its weaknesses are kept: it serves
whoever wrote once, and a datagram that is not UTF-8 ends its second thread.
"""

import queue
import socket
import sys
import threading

HOST = "localhost"
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 9999

messages = queue.Queue()
clients = []

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((HOST, PORT))
print("listening on %d" % server.getsockname()[1], file=sys.stderr, flush=True)


def receive():
    while True:
        try:
            message, address = server.recvfrom(4096)
            messages.put((message, address))
        except OSError:
            pass


def broadcast():
    while True:
        while not messages.empty():
            message, address = messages.get()
            text = message.decode()
            print(text, flush=True)
            if address not in clients:
                clients.append(address)
            for client in list(clients):
                try:
                    if text.startswith("SIGNUP_TAG:"):
                        name = text[text.index(":") + 1:]
                        server.sendto(f"{name} joined!".encode(), client)
                    else:
                        server.sendto(message, client)
                except OSError:
                    clients.remove(client)


threading.Thread(target=receive).start()
threading.Thread(target=broadcast).start()
