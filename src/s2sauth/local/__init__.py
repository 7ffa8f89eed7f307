"""The tutorial's world on this machine: MiniStack with examples/files-service in it. For the commands and scripts."""
