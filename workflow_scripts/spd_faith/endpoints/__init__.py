"""The client of servers that speak OpenAI's chat completions: calls, retries, spending, bounds."""
