"""The licensing status of each material: what may be shipped today, and what it is worth."""
