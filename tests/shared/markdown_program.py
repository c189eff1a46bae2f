"""Stands for a program mftrpo-NAME in the scripts of documents.

It has `markdown_driver.py` run the program, in a copy of a process that has
imported the package already, with its own folder, environment and files.
Arguments: the address of that process, the program and its arguments.
"""

import json
import os
import socket
import sys


def main(address, *command):
  connection = socket.socket(socket.AF_UNIX)
  connection.connect(address)
  request = [command, os.getcwd(), dict(os.environ)]
  message = json.dumps(request).encode()
  socket.send_fds(connection, [len(message).to_bytes(8, "big")], [0, 1, 2])
  connection.sendall(message)
  status = connection.recv(1)
  # No answer: the process was killed.
  sys.exit(status[0] if status else 1)


if __name__ == "__main__":
  main(*sys.argv[1:])
