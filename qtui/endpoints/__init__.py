"""Endpoints that speak OpenAI's protocol: address, key, their own words, the settings they take, answers and failures."""
