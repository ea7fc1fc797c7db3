"""A client for servers with OpenAI's chat completions API: calls, retries, spending and concurrency limits."""
