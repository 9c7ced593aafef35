"""The files of a data folder: which there are, what one whole reading of each shows, and where that is kept."""
