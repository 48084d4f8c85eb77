"""From a `Frame` to a `SemanticGrid`: stereo matching, the checkpoint file, the completer, backends, predictors."""
