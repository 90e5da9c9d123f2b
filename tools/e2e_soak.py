#!/usr/bin/python3
"""The soak of tools/soak, in its short form: some seconds of names never asked before, beside popular ones, reloads, flushes, saves
and a kill. Prints TAP."""
import os
import sys

SOAK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "soak")
os.execv(sys.executable, [sys.executable, SOAK, "--short", *sys.argv[1:]])
