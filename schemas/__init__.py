"""The only contract the services share: events, their envelope, their topics."""
