"""What the services run on: brokers, state, monitoring; for one machine and for containers."""
