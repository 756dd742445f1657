"""The stack on one machine: embedded in a process, or as background processes."""
