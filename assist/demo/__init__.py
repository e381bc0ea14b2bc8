"""The demonstration: two recorded conversations of ours, one in Spanish and one in English, with exact references."""
