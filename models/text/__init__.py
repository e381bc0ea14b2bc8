"""Text to numbers: sentence encoders, and what is read off sentences."""
