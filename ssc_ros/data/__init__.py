"""From the files of a data set to frames and targets, and back: published layouts, read and written."""
