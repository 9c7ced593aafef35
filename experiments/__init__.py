"""The doors: programs that read flags, call the library, and report."""
