"""The three networks: DalleBart writes codes, VQGAN draws them, CLIP compares text and picture.

Models import torch alone. They know nothing of files, tokenizers, sampling or devices.
"""
