"""The part that is measured and changed most: plain Python, no Django, no torch, no FAISS."""
