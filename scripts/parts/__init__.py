"""Real servers and runtimes on loopback ports, for tests. On s2sauth.local and the standard library; POSIX.

install         what they need, in environments of their own beside the checkout
server          a server process from start to end
ministack       Cognito, API Gateway and Lambda
files_service   examples/files-service, built and deployed into MiniStack
programs        examples/programs under gunicorn, uWSGI, uvicorn, Celery and Django
valkey          Valkey, and how faults are put into it and into Redis
redis           Redis, with TLS too (Debian, Ubuntu)
moto            DynamoDB once more
lambda_runtime  AWS's Lambda runtime client and emulator around one handler (Linux)
"""
