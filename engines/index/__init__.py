"""Dense and lexical search behind the PassageIndex port; `local.LocalIndex` is the index of one machine."""
