"""One trainer for VQGAN, CLIP and DalleBart, and the recipes that made pocket."""
