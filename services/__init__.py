"""The services: pure judgement in each, IO in `runtime` alone."""
