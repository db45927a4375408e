"""Runs a server for as long as whoever started it lives: `keeper.py SCRATCH MODULE [ARGUMENT...]`.

The starter holds the other end of standard input. When that closes, however the starter came to its end, this process
removes its scratch directory and is gone. The server runs in this same process, so nothing can be left behind.
"""

import os
import runpy
import shutil
import sys
import threading


def leave_with_the_starter(scratch):
    while os.read(0, 4096):
        pass
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


scratch, module = sys.argv[1], sys.argv[2]
threading.Thread(target=leave_with_the_starter, args=(scratch,), daemon=True).start()
sys.argv = sys.argv[2:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
