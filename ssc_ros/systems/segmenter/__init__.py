"""The image segmenter: classes of the left image's cells, by an encoder that has seen photographs."""
