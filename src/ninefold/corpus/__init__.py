"""The openly licensed pictures and captions that the pocket model is trained on."""
