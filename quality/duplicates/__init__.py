"""Near duplicates: the same picture, text or sound again, up to recompression, a few grey levels, a typing error.

Two items are near when their perceptual hashes differ in few bits and their embeddings point the same way. The hash
makes it fast, the embedding makes it right: on scikit-learn's 1,797 digits at 64 x 64 (all different) the hashes
alone call 69 pairs near at 4 bits and 401 at 6, with a cosine of 0.998 none, while recompressed, brightened and noisy
copies stay within 4 bits and above 0.9998.
"""

from quality.duplicates.clusters import CLUSTERS, near_duplicates, sizes
from quality.duplicates.points import Embeddings, Nearness, Points, embedding_matrix, parse_hashes, points
from quality.duplicates.search import near_pairs

__all__ = [
    "CLUSTERS",
    "Embeddings",
    "Nearness",
    "Points",
    "embedding_matrix",
    "near_duplicates",
    "near_pairs",
    "parse_hashes",
    "points",
    "sizes",
]
