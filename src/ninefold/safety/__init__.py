"""What may be asked for, and how a refusal is explained.

Knows nothing of models and pictures: it reads text and answers with a verdict.
"""
