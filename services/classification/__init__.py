"""What is each line, under every regime? A sensor: it reads packs and product records."""
