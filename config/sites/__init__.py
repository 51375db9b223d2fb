"""Example sites: ``six.yaml`` (to read) and ``thirty.yaml`` (to run), and the script that writes the latter.

May import ``config``.
"""
