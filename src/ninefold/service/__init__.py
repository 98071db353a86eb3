"""The service: accepts prompts, queues them where nothing is lost, and tells what becomes of them.

The gateway knows no torch: a worker process draws, behind the protocol of `engine/request.py`.
"""
