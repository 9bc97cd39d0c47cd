"""Endpoints that speak OpenAI's protocol: their address, their key, and the parameters that they are sent."""
