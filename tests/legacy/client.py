"""The client of the tutorial, rewritten from its description: what ours must be a drop-in for."""

import os
import socket
import sys
import threading

SERVER = ("localhost", int(sys.argv[1]) if len(sys.argv) > 1 else 9999)

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("localhost", 0))

name = input("NICKNAME:")


def receive():
    while True:
        try:
            message, _ = client.recvfrom(1024)
            print(message.decode(), flush=True)
        except OSError:
            pass


threading.Thread(target=receive).start()

client.sendto(f"SIGNUP_TAG:{name}".encode(), SERVER)

while True:
    message = input(" ")
    if message == "!q":
        client.close()
        os._exit(0)
    client.sendto(f"{name}: {message}".encode(), SERVER)
