"""What runs a network: torch, or a compiler of its dense parts; each is compared with torch before it is used."""
