//! Multi-scale AlexNet features with embedded weights, and their cache on disk.
