"""The other host of a move, for the claims: their process, which has loaded Django, forks for each receiving side.

`RECEIVE` there is this file, run by a Python without its library: it passes on its input and output, and waits.
"""

import array
import os
import socket
import sys


def main(path, killed):
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]))]
        server.sendmsg([killed.encode()], rights)
        os.close(0)
        os.close(1)
        server.recv(1)  # until the receiving side has ended


if __name__ == "__main__":
    main(*sys.argv[1:])
