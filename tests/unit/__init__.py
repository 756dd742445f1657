"""One unit at a time, without IO but a Redis where Redis is the subject."""
