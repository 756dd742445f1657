"""Replay: the archive of the log, its verification, what-if, and the proof of one decision.

Reads only: nothing here can write to a topic, and its Kafka credentials need no more than read.
"""
